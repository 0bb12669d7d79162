"""The stand-in for msgspec writes the bytes that msgspec writes, and reads what it reads."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytenb.worker.container import msgspec_shim

ROOMS = ("model.image", "model.declaration", "model.outcome", "model.placement")


@contextmanager
def _other_modules() -> Iterator[None]:
    """`msgspec` is the stand-in, and rooms that are imported meanwhile are other modules than the known ones."""
    mine = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in ("msgspec", "flytenb")}
    take_back = msgspec_shim.install()
    try:
        yield
    finally:
        take_back()
        for name in list(sys.modules):
            if name.split(".")[0] in ("msgspec", "flytenb"):
                del sys.modules[name]
        sys.modules.update(mine)


def _pairs() -> dict[str, tuple[ModuleType, ModuleType]]:
    real = {name: importlib.import_module(f"flytenb.{name}") for name in ROOMS}
    with _other_modules():
        shimmed = {name: importlib.import_module(f"flytenb.{name}") for name in ROOMS}
        for made in [each for module in shimmed.values() for each in vars(module).values()]:
            if isinstance(made, msgspec_shim.StructMeta):  # while the names in its annotations mean these modules
                made.__struct_hints__ = typing.get_type_hints(made)
    return {name: (real[name], shimmed[name]) for name in ROOMS}


PAIRS = _pairs()
_words = st.text(max_size=6)
_counts = st.integers(0, 1 << 40)
_plain: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats(allow_nan=False) | _words
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(_words, inner, max_size=20),
    max_leaves=30,
)  # fmt: skip


def _some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the fields, the others by default."""
    return st.fixed_dictionaries({}, optional=fields)


_layers = st.fixed_dictionaries(
    {"kind": _words}, optional={"values": st.lists(_words, max_size=3).map(tuple), "dst": _words}
)
_images = _some(text=_words, base=_words, python=st.lists(st.integers(0, 99), max_size=3).map(tuple), name=_words)
_launches = st.fixed_dictionaries(
    {"python": _words, "cwd": _words},
    optional={"env_vars": st.dictionaries(_words, _words, max_size=20), "isolation": _words, "network": _words},
)
_declarations = st.fixed_dictionaries(
    {"name": _words, "short_name": _words, "environment": _words, "program": _words, "entry": _words},
    optional={
        "retries": _counts,
        "timeout_s": st.floats(allow_nan=False),
        "is_async": st.booleans(),
        "interface": st.dictionaries(_words, _plain, max_size=4),
        "key_doubts": st.lists(_words, max_size=20).map(tuple),
        "cache": _words,
    },
)
_resources = _some(cpu=st.none() | st.floats(0, 64), memory_bytes=st.none() | _counts, gpu=_counts)


def _declared(model: ModuleType, image: ModuleType, parts: tuple[Any, ...]) -> Any:
    declaration, launch, resources, spec, layers = parts
    made = image.ImageSpec(**spec, layers=tuple(image.LayerSpec(**one) for one in layers))
    return model.TaskDeclaration(
        **declaration,
        launch=model.Launch(**launch, image=made),
        resources=model.ResourceRequest(**resources),
    )


@given(st.tuples(_declarations, _launches, _resources, _images, st.lists(_layers, max_size=3)))
def test_declarations_are_the_same_bytes_and_digests(parts: tuple[Any, ...]) -> None:
    (real, shim), (image, other) = PAIRS["model.declaration"], PAIRS["model.image"]
    ours, theirs = _declared(real, image, parts), _declared(shim, other, parts)
    assert real.encode_declaration(ours) == shim.encode_declaration(theirs)
    body = real.encode_declaration(ours)[1]
    again = shim.decode_declaration(body)
    assert again == theirs
    # What was read and is written again: workers hand on their parent's launch.
    assert shim.encode_declaration(again)[1] == real.encode_declaration(real.decode_declaration(body))[1]
    assert image.image_digest(ours.launch.image) == other.image_digest(theirs.launch.image)


@given(
    st.fixed_dictionaries({"code": _words, "message": _words}, optional={"kind": _words, "pickled": st.binary()}),
    st.lists(st.tuples(_words, st.integers(0, 9999), _words), max_size=20),
)
def test_failures_are_the_same_bytes(fields: dict[str, Any], frames: list[tuple[Any, ...]]) -> None:
    real, shim = PAIRS["model.outcome"]
    ours = real.Failure(**fields, frames=tuple(real.Frame(*one) for one in frames))
    theirs = shim.Failure(**fields, frames=tuple(shim.Frame(*one) for one in frames))
    assert real.encode_failure(ours) == shim.encode_failure(theirs)
    assert shim.decode_failure(real.encode_failure(ours)) == theirs


@given(_plain)
def test_plain_data_is_the_same_bytes(value: Any) -> None:
    assert msgspec_shim.Encoder().encode(value) == msgspec.msgpack.encode(value)


def test_refuses_what_msgspec_refuses() -> None:
    real, shim = PAIRS["model.outcome"]
    for wrong in ({"code": "a"}, {"code": 1, "message": "m"}, [1], {"code": "a", "message": "m", "frames": [1]}):
        body = msgspec.msgpack.encode(wrong)
        with pytest.raises(msgspec.ValidationError):
            real.decode_failure(body)
        with pytest.raises(msgspec_shim.ValidationError):
            shim.decode_failure(body)
    with pytest.raises(TypeError, match="unsupported"):
        msgspec_shim.Encoder().encode(object())


def test_structs_behave_as_msgspecs() -> None:
    for base in (msgspec.Struct, msgspec_shim.Struct):

        class Point(base, frozen=True):  # type: ignore[misc, valid-type]
            x: int
            y: int = 2
            tags: list[str] = []

        point = Point(1)
        assert (point.y, point.tags, repr(point)) == (2, [], "Point(x=1, y=2, tags=[])")
        assert point == Point(1)
        assert point != Point(1, 3)
        assert Point(1).tags is not Point(1).tags
        with pytest.raises(AttributeError):
            point.x = 3
        for wrong in (lambda: Point(), lambda: Point(1, z=1), lambda: Point(1, 2, [], 4)):
            with pytest.raises(TypeError):
                wrong()


def test_the_sdk_works_with_it() -> None:
    """Declarations, and pickles of settings that cross between both."""
    import flytenb as flyte

    retries = flyte.RetryStrategy(3)
    with _other_modules():
        other = importlib.import_module("flytenb")
        assert other.Image.from_base("a:b").uri == "a:b"
        read = pickle.loads(pickle.dumps((other.RetryStrategy(3), other.Image.from_base("a:b"))))
        assert read[0] == other.RetryStrategy(3)
        sent = pickle.dumps(other.RetryStrategy(3))
    assert pickle.loads(sent) == retries


def test_a_worker_needs_nothing_that_an_image_may_lack(tmp_path: Path) -> None:
    """Only msgpack and the standard library, in a Python that has no packages."""
    import msgpack

    package = Path(msgspec_shim.__file__).parents[3]
    (tmp_path / "msgpack").symlink_to(Path(msgpack.__file__).parent)
    program = (
        f"import sys; sys.path[:0] = [{str(package)!r}]; sys.path.append({str(tmp_path)!r})\n"
        "from flytenb.worker.container import begin; begin._stand_in()\n"
        "import flytenb.worker.shipped, flytenb.io, flytenb.sdk.report, flytenb.codec.file, flytenb.codec.folder\n"
        "files = {name: getattr(module, '__file__', '') or '' for name, module in sys.modules.items()}\n"
        "found = {name.split('.')[0] for name, file in files.items() if 'site-packages' in file}\n"
        "print(sorted(found - {'msgpack', 'flytenb'}))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_for_others_it_is_missing(tmp_path: Path) -> None:
    """Whoever asks whether msgspec is there gets the truth, in each way of asking."""
    import msgpack

    package = Path(msgspec_shim.__file__).parents[3]
    (tmp_path / "msgpack").symlink_to(Path(msgpack.__file__).parent)
    program = f"""
import sys; sys.path[:0] = [{str(package)!r}]; sys.path.append({str(tmp_path)!r})
from flytenb.worker.container import begin; begin._stand_in()
import importlib, importlib.util, pickle
import flytenb.model.outcome as outcome
failure = outcome.Failure(code="E", message="no")
assert pickle.loads(pickle.dumps(failure)) == failure
assert outcome.decode_failure(outcome.encode_failure(failure)) == failure
assert importlib.util.find_spec("msgspec") is None
for ask in (lambda: __import__("msgspec"), lambda: importlib.import_module("msgspec"),
            lambda: exec("import msgspec.structs"), lambda: exec("from msgspec import Struct")):
    try:
        ask()
    except ModuleNotFoundError as error:
        assert str(error) == "No module named 'msgspec'", error
    else:
        raise AssertionError("it was there")
print("missing")
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "missing", done.stderr
