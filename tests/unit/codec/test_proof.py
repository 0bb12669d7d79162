"""A pickle is opened only if this home made it and nobody changed it since."""

from __future__ import annotations

import os
import pickle
import stat

import msgpack
import pytest
from msgpack import ExtType

from flytenb.codec import leaves, proof
from flytenb.codec.current import set_objects
from flytenb.codec.failure import revive, to_failure
from flytenb.codec.objects import ObjectStore
from flytenb.codec.payload import canonical, decode_values, encode_values
from flytenb.codec.pickled import FlytePickle
from flytenb.codec.plain import preview
from flytenb.codec.proof import ForeignPickleError

opened = []


class Trap:
    """Tells when it is unpickled."""

    def __init__(self, size=0):
        self.content = b"x" * size

    def __reduce__(self):
        return _open, (self.content,)


def _open(content):
    opened.append(len(content))
    return "opened"


@pytest.fixture
def home(tmp_path):
    opened.clear()
    return ObjectStore(tmp_path / "home" / "objects", is_durable=False)


@pytest.mark.parametrize("size", [10, 200_000], ids=["small", "in the store"])
def test_what_this_home_made_is_opened(home, size):
    payload = encode_values([Trap(size)], ["x"], home)
    assert decode_values(payload, ObjectStore(home.root, is_durable=False)) == ["opened"]
    key = home.root.parent / "key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 32


@pytest.mark.parametrize("size", [10, 200_000], ids=["small", "in the store"])
def test_what_another_home_made_is_not(home, tmp_path, size):
    other = ObjectStore(tmp_path / "other" / "objects", is_durable=False)
    payload = encode_values([Trap(size)], ["x"], other)
    encode_values([Trap(size)], ["x"], home)  # the same object lies here too
    with pytest.raises(ForeignPickleError, match=r"a value of type Trap is pickled, and not by this .*overwrite_cache"):
        decode_values(payload, home)
    assert opened == []
    assert preview(payload)[0].type == "Trap"


def _leaf(payload, change):
    """The payload with its one pickled leaf changed."""

    def hook(code, data):
        return ExtType(code, change(data)) if code in (leaves.INLINE, leaves.REFERENCE) else ExtType(code, data)

    return msgpack.packb(leaves.unpack_with(payload, hook))


def _without_proof(data):
    kind, meta, *rest = leaves.unpack_with(data, ExtType)
    return leaves.pack([kind, meta[:3], *rest])


@pytest.mark.parametrize("size", [10, 200_000], ids=["small", "in the store"])
def test_a_pickle_without_proof_is_not_opened(home, size):
    payload = _leaf(encode_values([Trap(size)], ["x"], home), _without_proof)
    with pytest.raises(ForeignPickleError):
        decode_values(payload, home)
    assert opened == []


def test_no_single_byte_may_change(home):
    payload = encode_values([Trap(3)], ["x"], home)
    data = pickle.dumps(Trap(3), protocol=5)
    start = payload.index(data[:20])
    for at in range(start, len(payload)):
        changed = bytearray(payload)
        changed[at] ^= 1
        with pytest.raises(Exception):
            decode_values(bytes(changed), home)
    assert opened == []


def test_an_object_that_is_exchanged_is_not_opened(home):
    payload = encode_values([Trap(200_000)], ["x"], home)
    evil = home.put(pickle.dumps(Trap(300_000)))
    reference = leaves.unpack_with(payload, lambda code, data: data)[2][0]
    kind, meta, _, size = leaves.unpack_with(reference, ExtType)
    forged = _leaf(payload, lambda _: leaves.pack([kind, meta, bytes.fromhex(evil), size]))
    with pytest.raises(ForeignPickleError):
        decode_values(forged, home)
    assert opened == []


def test_keys_of_inputs_are_the_same_in_every_home(home, tmp_path):
    other = ObjectStore(tmp_path / "other" / "objects", is_durable=False)
    for size in (10, 200_000):
        one, two = (encode_values([Trap(size), {"a": Trap(size)}], ["x", "y"], store) for store in (home, other))
        assert one != two
        assert canonical(one, ()) == canonical(two, ())


def test_an_exception_of_another_home_comes_as_its_words(home, tmp_path):
    set_objects(ObjectStore(tmp_path / "other" / "objects", is_durable=False))
    try:
        failure = to_failure(ValueError("said", Trap()))
        set_objects(home)
        error = revive(failure)
    finally:
        set_objects(None)
    assert opened == []
    assert isinstance(error, ValueError)
    assert "said" in str(error)


def test_flyte_pickle_opens_only_its_own(home, tmp_path):
    import asyncio

    set_objects(home)
    try:
        path = asyncio.run(FlytePickle.to_pickle({"a": 1}))
        assert asyncio.run(FlytePickle.from_pickle(path)) == {"a": 1}
        (tmp_path / "evil").write_bytes(pickle.dumps(Trap()))
        with pytest.raises(ForeignPickleError, match=r"the value in .*evil is pickled"):
            asyncio.run(FlytePickle.from_pickle(str(tmp_path / "evil")))
    finally:
        set_objects(None)
    assert opened == []


def test_a_key_that_was_handed_over(home, tmp_path):
    """In a container the home is not there: the engine says its key."""
    payload = encode_values([Trap(10)], ["x"], home)
    inside = ObjectStore(tmp_path / "inside" / "objects", is_durable=False)
    proof.give_key((home.root.parent / "key").read_bytes())
    try:
        assert decode_values(payload, inside) == ["opened"]
    finally:
        proof.give_key(None)
    assert not (inside.root.parent / "key").exists()


def test_many_who_make_the_key_at_once_have_one(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    from flytenb.private import home_key

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: home_key(tmp_path), range(64)))) == 1
    assert os.listdir(tmp_path) == ["key"]
