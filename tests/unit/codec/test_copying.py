"""Copies that keep holes, hashes that do not read them, links where copies would be waste."""

from __future__ import annotations

import hashlib
import importlib
import os

import pytest

from flytenb.codec import ObjectStore, copying, seals, writing
from flytenb.codec.objects import CorruptedObjectError, MissingObjectError, StoreFullError

room = importlib.import_module("flytenb.codec.objects")  # the package has a function of that name


def sparse(path, size, pieces):
    with open(path, "wb") as file:
        for place, data in pieces:
            file.seek(place)
            file.write(data)
        file.truncate(size)
    return path


@pytest.mark.parametrize(
    ("size", "pieces"),
    [
        (0, []),
        (5, [(0, b"abcde")]),
        (3 << 20, []),
        (5 << 20, [(2 << 20, b"middle")]),
        (5 << 20, [((5 << 20) - 3, b"end")]),
    ],
)
def test_a_copy_is_equal_and_its_holes_stay_holes(tmp_path, size, pieces):
    source = sparse(tmp_path / "source", size, pieces)
    copying.copy_file(str(source), str(tmp_path / "copy"))
    content = source.read_bytes()
    assert (tmp_path / "copy").read_bytes() == content
    assert copying.hash_file(str(source)) == hashlib.sha256(content).hexdigest()
    assert os.stat(tmp_path / "copy").st_blocks <= os.stat(source).st_blocks + 8


def test_5_gb_with_holes(tmp_path):
    store = ObjectStore(tmp_path / "objects", is_durable=False)
    source = sparse(tmp_path / "large", 5 << 30, [(4 << 30, b"x")])
    digest = store.put_file(source)
    assert store.size(digest) == 5 << 30
    named = store.named(digest, "large.bin")
    assert os.stat(named).st_blocks * 512 < 1 << 20
    with open(named, "rb") as file:
        file.seek(4 << 30)
        assert file.read(2) == b"x\0"


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "LARGE_BYTES", 1 << 20)
    return ObjectStore(tmp_path / "objects", is_durable=False)


def reopened(store):
    """As another process sees it."""
    return ObjectStore(store.root, is_durable=False)


def test_a_large_file_is_not_copied(store, tmp_path):
    source = tmp_path / "large"
    source.write_bytes(os.urandom(2 << 20))
    digest = store.put_file(source)
    is_clone = not os.path.samefile(store.path(digest), source)
    assert is_clone or os.stat(source).st_nlink == 2
    assert os.stat(source).st_mode & 0o200, "its owner can still write to it"
    assert store.put_file(source) == digest
    source.unlink()
    assert reopened(store).size(digest) == 2 << 20


def test_a_large_file_changed_in_place_is_told_by_its_name(store, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "clone", lambda *_: False)
    source = tmp_path / "large"
    source.write_bytes(b"a" * (2 << 20))
    digest = store.put_file(source)
    os.utime(source)  # touched, not changed
    assert reopened(store).checked(digest)
    with open(source, "r+b") as file:
        file.write(b"b")
    os.utime(source, ns=(1, 1))
    with pytest.raises(CorruptedObjectError, match=r"large was changed in place after it was passed on .* run again"):
        reopened(store).get(digest)


@pytest.mark.parametrize("read", ["get", "view", "checked"])
@pytest.mark.parametrize("size", [100, 100_000, 3 << 20])
def test_corrupted_content_is_found_once_told_and_made_again(store, size, read):
    data = os.urandom(size)
    digest = store.put(data)
    path = store.path(digest)
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.seek(size // 2)
        file.write(bytes([data[size // 2] ^ 1]))
    with pytest.raises(CorruptedObjectError, match=r"is corrupted: .* moved to .* run the task that made it again"):
        getattr(reopened(store), read)(digest)
    with pytest.raises(MissingObjectError, match="run the task that made it again"):
        getattr(reopened(store), read)(digest)
    assert store.put(data) == digest
    assert reopened(store).get(digest) == data


def test_a_fresh_value_is_trusted_an_old_or_touched_one_is_read(store, monkeypatch):
    monkeypatch.setattr(room, "LARGE_BYTES", 1 << 30)
    digest = store.put(os.urandom(2 << 20))
    path = store.path(digest)
    read = []
    monkeypatch.setattr(room, "hash_file", lambda place: read.append(place) or digest)
    reopened(store).view(digest)
    assert read == []
    monkeypatch.setattr(seals, "_FRESH_S", -1)
    reopened(store).view(digest)
    assert len(read) == 1
    monkeypatch.setattr(seals, "_FRESH_S", 3600)
    stat = os.stat(path)
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.write(b"changed")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # the time of change is set back
    reopened(store).view(digest)
    assert len(read) == 2


def test_a_truncated_object_is_found(store):
    digest = store.put(b"x" * 200_000)
    os.chmod(store.path(digest), 0o644)
    os.truncate(store.path(digest), 1000)
    with pytest.raises(CorruptedObjectError):
        store.view(digest)


def test_content_is_compared_once(store, monkeypatch):
    digest = store.put(b"x" * 100)
    other = reopened(store)
    other.get(digest)
    monkeypatch.setattr(room.hashlib, "sha256", None)
    assert other.get(digest) == b"x" * 100


@pytest.mark.parametrize("size", [10, 5 << 20])
def test_a_full_disk_keeps_nothing(store, size, monkeypatch, tmp_path):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    source = tmp_path / "source"
    source.write_bytes(os.urandom(size))
    monkeypatch.setattr(writing, "write", full)
    monkeypatch.setattr(room, "copy_file", full)
    monkeypatch.setattr(room, "may_link", lambda *_: False)
    for put, value in ((store.put, source.read_bytes()), (store.put_file, source)):
        with pytest.raises(StoreFullError, match=r"is full: a value of .* could not be written and nothing of it"):
            put(value)
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_stored_folders_never_lead_out(store):
    digest = store.put(b"x")
    for name in ("../out", "/etc/out", "a/../../out", "..", ""):
        with pytest.raises(ValueError, match="lies outside of it"):
            store.tree("0" * 64, [(name, digest)])
    assert not (store.root.parent / "out").exists()


def test_a_seal_of_an_odd_name(store, tmp_path):
    source = tmp_path / "g\udcffröße\n\"'"
    source.write_bytes(b"z" * (1 << 20))
    digest = store.put_file(source)
    assert reopened(store).checked(digest)
    assert store.named(digest, source.name).name == source.name
