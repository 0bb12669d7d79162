"""The object store: what is put is there, once, whole, and read-only."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import pickle

import pytest

from flytenb.codec import MissingObjectError, ObjectStore, seals, writing


@pytest.fixture
def store(tmp_path):
    return ObjectStore(tmp_path / "objects")


@pytest.mark.parametrize("data", [b"", b"content", os.urandom(3 << 20)])
def test_put_get(store, data, tmp_path):
    digest = store.put(data)
    assert digest == hashlib.sha256(data).hexdigest() == store.put(memoryview(data)) == store.put([data[:1], data[1:]])
    assert store.get(digest) == data == bytes(store.view(digest))
    assert store.path(digest) == tmp_path / "objects" / digest[:2] / digest
    assert (digest in store, store.size(digest)) == (True, len(data))
    source = tmp_path / "source"
    source.write_bytes(data)
    assert store.put_file(source) == digest
    assert os.listdir(tmp_path / "objects" / "tmp") == []
    assert store.path(digest).stat().st_mode & 0o222 == 0
    assert store.root.stat().st_mode & 0o077 == 0


def test_a_missing_object_says_so(store):
    for read in (store.get, store.view, store.size):
        with pytest.raises(MissingObjectError, match=r"object 000000000000… is not in .*: it was removed") as caught:
            read("0" * 64)
        assert isinstance(pickle.loads(pickle.dumps(caught.value)), LookupError)


@pytest.mark.parametrize("name", ["../../victim", "../" * 20 + "etc/passwd", "", "0" * 63 + "/", "\0" * 64, "x" * 65])
def test_only_a_digest_names_an_object(store, name, tmp_path):
    """What is corrupted is moved aside: a value must not be able to say that of a file of the person's own."""
    store.put(b"there is a store")
    (tmp_path / "victim").write_bytes(b"mine")
    assert name not in store
    for read in (store.get, store.view, store.size, store.path, store.checked):
        with pytest.raises(MissingObjectError):
            read(name)
    assert (tmp_path / "victim").read_bytes() == b"mine"


def test_a_view_is_private(store):
    digest = store.put(b"abc" * 1000)
    view = store.view(digest)
    view[0] = 0
    assert store.get(digest)[:1] == b"a"


def test_a_failed_put_leaves_nothing(store, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"is full: a value of .* nothing of it was kept; free space there"):
        store.put(b"x")
    assert os.listdir(store.root / "tmp") == []
    assert hashlib.sha256(b"x").hexdigest() not in store


def _put_many(root):
    store = ObjectStore(root, is_durable=False)
    for number in range(200):
        store.put(b"%d" % number * 1000)


def test_writers_do_not_disturb_each_other(tmp_path):
    root = tmp_path / "objects"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_put_many, args=(root,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
        assert writer.exitcode == 0
    store = ObjectStore(root)
    for number in range(200):
        data = b"%d" % number * 1000
        assert store.get(hashlib.sha256(data).hexdigest()) == data


def test_a_large_value_that_was_read_is_not_written_again(store, monkeypatch):
    data = os.urandom(3 << 20)
    digest = store.put(data)
    reader = ObjectStore(store.root)
    assert bytes(reader.view(digest)) == data
    monkeypatch.setattr("flytenb.codec.copying.sync_folder", None)
    monkeypatch.setattr(ObjectStore, "_writing", None)
    assert reader.put([data[:1000], data[1000:]]) == digest


def test_a_large_value_changed_between_the_samples_is_another_value(store):
    data = bytearray(os.urandom(3 << 20))
    first = store.put(data)
    data[777] ^= 1
    assert seals.sample([memoryview(data)]) in store._samples
    second = store.put(data)
    assert second == hashlib.sha256(data).hexdigest() != first
    assert store.get(second) == data
    assert store.put(data) == second


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_a_large_value_is_stored_again_when_its_object_is_no_more(store, damage):
    data = os.urandom(3 << 20)
    digest = store.put(data)
    if damage == "gone":
        os.unlink(store.path(digest))
    else:
        os.chmod(store.path(digest), 0o644)
        with open(store.path(digest), "r+b") as file:
            file.write(b"changed")
    assert store.put(data) == digest
    assert ObjectStore(store.root).get(digest) == data


@pytest.mark.parametrize("size", [0, 1, (2 << 20) - 1, 2 << 20, (16 << 20) + 5, 40 << 20])
def test_contents_of_all_sizes_come_back_in_parts_and_whole(store, size):
    data = os.urandom(size)
    cut = size // 3
    digest = store.put([data[:cut], b"", data[cut:]])
    assert digest == hashlib.sha256(data).hexdigest()
    assert ObjectStore(store.root).get(digest) == data
    assert store.put(data) == digest
    assert list((store.root / "tmp").iterdir()) == []


def test_where_memory_comes_slowly_a_second_thread_asks_for_it(store, monkeypatch):
    asked = []
    monkeypatch.setattr(writing, "_SLOW_S", -1.0)
    monkeypatch.setattr(writing.os, "posix_fadvise", lambda *words: asked.append(words[1:3]), raising=False)
    data = os.urandom(1 << 20) * 100
    digest = store.put(data)
    assert ObjectStore(store.root).get(digest) == data
    assert asked[0] == (100 << 20, 2 << 20)
    assert [start for start, _ in asked] == sorted((start for start, _ in asked), reverse=True)
