"""Which objects are needed: what names them, how deep, and how young they are."""

from __future__ import annotations

import os
import pickle
import sqlite3
import time
from pathlib import Path

import msgpack
import pytest

from flytenb.codec import leaves
from flytenb.codec.annotations import DYNAMIC
from flytenb.codec.objects import ObjectStore
from flytenb.codec.payload import build, prefix
from flytenb.store import open_store
from flytenb.store import sweep as module
from flytenb.store.sweep import Objects, digests_in, sweep
from flytenb.worker.shared import SharedObjects

LONG = 300_000


class Place:
    """A home with a store and objects."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir()
        open_store(home / "store.db")[0].close()
        self.objects = ObjectStore(home / "objects", is_durable=False)

    def record(self, outputs: bytes) -> None:
        store = sqlite3.connect(self.home / "store.db")
        store.execute("INSERT INTO cache (key, action, outputs, duration_s, created_at) VALUES (?, 1, ?, 1, 1)",
                      (os.urandom(16), outputs))  # fmt: skip
        store.commit()
        store.close()

    def encoded(self, value: object) -> bytes:
        return build(prefix(["o0"]), [DYNAMIC.codec.encode(value, self.objects)], self.objects)

    def sweep(self, **options: object) -> module.Swept:
        return sweep(self.home, grace_s=-1, **options)  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "home")


def test_marks_are_those_of_the_codec() -> None:
    assert (leaves.REFERENCE, {leaves.FILE, leaves.DIR, leaves.FRAME}) == (module._REFERENCE, module._FILES)


VALUES = [
    b"x" * LONG,
    "y" * LONG,
    {"deep": [{"er": [b"z" * LONG, "short"]}]},
    list(range(LONG)),
    [[b"a" * LONG] for _ in range(50)],
    {str(n): "v" * 40 for n in range(5_000)} | {"big": b"b" * LONG},
    # A list that moves into the store as a whole and itself refers to objects there.
    [bytes([n]) * LONG for n in range(40)] + ["p" * 30] * 4_000,
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_what_a_value_refers_to_stays(place: Place, value: object) -> None:
    payload = place.encoded(value)
    place.record(payload)
    place.objects.put(b"nobody")
    assert len(list(place.home.glob("objects/??/*"))) > 1
    assert place.sweep().removed == 1
    assert Objects(place.home / "objects").has_all(payload)
    assert DYNAMIC.decode is None or leaves.unpack(payload, place.objects)[2]


def test_names_in_pickles_listings_and_texts(place: Place) -> None:
    inner = [place.objects.put(bytes([n]) * 10) for n in range(5)]
    by_pickle = place.objects.put(pickle.dumps({"path": f"/a/{inner[0]}", "raw": bytes.fromhex(inner[1])}))
    by_json = place.objects.put(f'["{inner[2]}"]'.encode())
    large = place.objects.put(b"\x80" + b"-" * (9 << 20) + inner[3].encode())
    place.record(msgpack.packb([by_pickle, by_json, large]))
    assert place.sweep(is_dry=True).digests == [inner[4]]


def test_a_name_cut_in_two_by_pieces_is_found(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = place.objects.put(b"inner")
    outer = place.objects.put(b"-" * 1000 + digest.encode() + b"-" + bytes.fromhex("c420" + digest) + b"-" * 100)
    for size in (80, 90, 101, 128, 1030, 1070):
        monkeypatch.setattr(module, "_PIECE_BYTES", size)
        assert Objects(place.home / "objects").inside(outer) >= {digest}


def test_a_longer_run_of_digits_may_hold_a_name() -> None:
    digest = "0123456789abcdef" * 4
    assert digest in digests_in(f"aa{digest}bb".encode())
    assert digests_in(f"aa{digest}bb".encode(), {digest}) == {digest}


def test_users_bytes_that_look_like_names_are_no_objects(place: Place) -> None:
    assert Objects(place.home / "objects").has_all(place.encoded([b"d" * 32, "e" * 64, {"content": "f" * 64}]))
    payload = place.encoded(b"x" * LONG)
    assert Objects(place.home / "objects").has_all(payload)
    for path in place.home.glob("objects/??/*"):
        path.unlink()
    assert not Objects(place.home / "objects").has_all(payload)


def test_the_young_stay_and_storing_again_makes_young(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = SharedObjects(place.home / "objects", is_durable=False)
    digest = shared.put(b"x" * 100)
    assert sweep(place.home, grace_s=3600).young == 1
    before = os.stat(shared.path(digest))
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 120 * 10**9)
    assert shared.put(b"x" * 100) == digest
    after = os.stat(shared.path(digest))
    assert after.st_ctime_ns > before.st_ctime_ns
    assert after.st_mtime_ns == before.st_mtime_ns
    assert shared.get(digest) == b"x" * 100


def test_an_object_that_goes_while_it_is_stored_again_is_written_again(place: Place) -> None:
    class Racing(SharedObjects):
        raced = False

        def _touch(self, digest: str) -> bool:
            if not self.raced:
                self.raced = True
                self.path(digest).unlink()
            return super()._touch(digest)

    digest = Racing(place.home / "objects", is_durable=False).put([b"a", b"b"])
    assert place.objects.get(digest) == b"ab"


def test_a_run_that_goes_on_protects_what_is_younger_than_it(place: Place) -> None:
    store = sqlite3.connect(place.home / "store.db")
    store.execute("INSERT INTO run VALUES (1, 'r', 1, x'', 0, ?, NULL, NULL, NULL, NULL)", (time.time() - 5,))
    store.commit()
    store.close()
    place.objects.put(b"held by a task, named by no row")
    assert place.sweep().removed == 0


def test_a_killed_sweep_is_made_good(place: Place) -> None:
    digest = place.objects.put(b"x")
    place.record(digest.encode())
    trash = place.home / "objects" / "trash"
    trash.mkdir()
    os.rename(place.objects.path(digest), trash / digest)
    place.sweep()
    assert place.objects.get(digest) == b"x"


def test_without_a_store_nothing_goes(tmp_path: Path) -> None:
    objects = ObjectStore(tmp_path / "objects", is_durable=False)
    digest = objects.put(b"x")
    assert sweep(tmp_path, grace_s=-1).removed == 0
    assert digest in objects


def test_what_belongs_to_an_object_goes_with_it(place: Place) -> None:
    digest = place.objects.put(b"x")
    named = place.objects.named(digest, "a.csv")
    (place.home / "objects" / "tmp" / "put-left").write_bytes(b"half")
    found = place.sweep()
    assert (found.removed, found.leftovers) == (1, 1)
    assert not named.exists()
