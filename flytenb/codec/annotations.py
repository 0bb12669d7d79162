"""From an annotation to its codec: the one table of what is supported."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import enum
import types
import typing
from typing import Any

from flytenb.codec import custom
from flytenb.codec.codec import Codec, MismatchError, type_name
from flytenb.codec.containers import dict_codec, list_codec, set_codec, tuple_codec, union_codec
from flytenb.codec.dynamic import Dynamic
from flytenb.codec.models import model_codec
from flytenb.codec.objects import ObjectStore
from flytenb.codec.pickled import FlytePickle, encode_pickle
from flytenb.codec.records import (
    dataclass_codec,
    is_namedtuple,
    is_pydantic,
    is_typeddict,
    namedtuple_codec,
    typeddict_codec,
)
from flytenb.codec.scalars import SCALARS, enum_codec, literal_codec

_compiled: dict[Any, Codec] = {}
_SEQUENCES = (collections.abc.Sequence, collections.abc.MutableSequence)
_ITERABLES = (collections.abc.Iterable, collections.abc.Collection)
_MAPPINGS = (collections.abc.Mapping, collections.abc.MutableMapping)


def codec_of(annotation: Any) -> Codec:
    """The compiled codec of an annotation, made once."""
    try:
        found = _compiled.get(_key(annotation))
    except TypeError:  # Annotated with unhashable metadata
        return _compile(annotation)
    if found is None:
        found = _compiled[_key(annotation)] = _compile(annotation)
    return found


def _key(annotation: Any) -> Any:
    # Literal[1] == Literal[True] and List[int] == List[int]: the text tells the first pair apart.
    return (annotation, repr(annotation)) if typing.get_origin(annotation) is typing.Literal else annotation


def _foreign(kind: type) -> Codec | None:
    """Codecs of classes that live in libraries or in `files`, looked up without importing them."""
    module = kind.__module__.partition(".")[0]
    if module == "numpy":
        from flytenb.codec.arrays import array_codec

        return array_codec(kind)
    if module == "torch":
        from flytenb.codec.tensors import tensor_codec

        return tensor_codec(kind)
    if module in ("pandas", "polars", "pyarrow"):
        from flytenb.codec.frames import frame_codec

        return frame_codec(kind)
    if module == "flytenb":
        from flytenb.codec.files import file_codec

        return file_codec(kind)
    return None


def _compile(annotation: Any) -> Codec:
    if annotation is None:
        annotation = type(None)
    with contextlib.suppress(TypeError):  # Annotated with unhashable metadata
        if annotation in SCALARS:
            return SCALARS[annotation]
    if annotation in (Any, object, typing.Hashable) or isinstance(annotation, (typing.TypeVar, str)):
        return DYNAMIC.codec
    if hasattr(annotation, "__supertype__"):
        return codec_of(annotation.__supertype__)
    origin = typing.get_origin(annotation)
    if origin is not None:
        return _generic(annotation, origin, typing.get_args(annotation))
    if hasattr(annotation, "__value__"):  # a `type X = …` statement
        return codec_of(annotation.__value__)
    if isinstance(annotation, type):
        return _class(annotation)
    return DYNAMIC.codec


def _class(cls: type) -> Codec:
    bare = {list: list[Any], dict: dict[Any, Any], tuple: tuple[Any, ...], set: set[Any], frozenset: frozenset[Any]}
    if cls in bare:
        return codec_of(bare[cls])
    if issubclass(cls, FlytePickle):
        return _PICKLE
    transformer = custom.registered(cls)
    if transformer is not None:
        return custom.custom_codec(cls, transformer, DYNAMIC.codec)
    if issubclass(cls, enum.Enum):
        return enum_codec(cls)
    if is_namedtuple(cls):
        return namedtuple_codec(cls, codec_of)
    if is_typeddict(cls):
        return typeddict_codec(cls, codec_of)
    if is_pydantic(cls):
        return model_codec(cls, codec_of)
    foreign = _foreign(cls)
    if foreign is not None:
        return foreign
    if dataclasses.is_dataclass(cls):
        return dataclass_codec(cls, codec_of)
    if cls.__module__ != "builtins" and custom.load_entry_points():
        return _class(cls)
    return _pickled(cls)


def _generic(annotation: Any, origin: Any, args: tuple[Any, ...]) -> Codec:
    if origin is typing.Annotated:
        from flytenb.codec.files import annotated_codec

        return annotated_codec(codec_of(args[0]), args[1:])
    if origin is typing.Union or origin is types.UnionType:
        return union_codec([codec_of(arg) for arg in args])
    if origin is typing.Literal:
        return literal_codec(args, codec_of)
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple_codec([codec_of(args[0])], is_variable=True)
        return tuple_codec([codec_of(arg) for arg in args], is_variable=False)
    if origin is list:
        return list_codec(codec_of(args[0]))
    if origin in (set, frozenset):
        return set_codec(codec_of(args[0]), origin)
    if origin is dict:
        return dict_codec(codec_of(args[0]), codec_of(args[1]))
    if origin in _SEQUENCES:
        return union_codec([codec_of(list[args[0]]), codec_of(tuple[args[0], ...])])  # type: ignore[valid-type]
    if origin in _ITERABLES:
        kinds = (list[args[0]], tuple[args[0], ...], set[args[0]], frozenset[args[0]])  # type: ignore[valid-type]
        return union_codec([codec_of(kind) for kind in kinds])
    if origin is collections.abc.Set:
        return union_codec([codec_of(set[args[0]]), codec_of(frozenset[args[0]])])  # type: ignore[valid-type]
    if origin in _MAPPINGS:
        return dict_codec(codec_of(args[0]), codec_of(args[1]))
    if origin in (typing.Final, typing.ClassVar):
        return codec_of(args[0])
    if origin is type or origin is collections.abc.Callable:
        return DYNAMIC.codec
    if isinstance(origin, type):
        return codec_of(origin)
    return DYNAMIC.codec


def _pickled(cls: type) -> Codec:
    """A class we know nothing of: the instance is checked and pickled."""
    name = type_name(cls)

    def encode(value: Any, objects: ObjectStore) -> Any:
        try:
            fits = isinstance(value, cls)
        except TypeError:  # a Protocol that cannot be checked at run time
            fits = True
        if not fits:
            hint = ""
            if type(value).__qualname__ == cls.__qualname__:
                hint = "the value was made by an older definition of that class: make it again"
            raise MismatchError(name, value, hint)
        return encode_pickle(value, objects)

    def read(value: Any) -> Any:
        if cls.__module__.partition(".")[0] == "pathlib" and isinstance(value, str):
            return cls(value)
        raise MismatchError(name, value, problem=f"a {name} cannot be written as text; make it in code")

    return Codec(name, encode, DYNAMIC.decode, read, lambda: {"title": name}, read, cls, has_hash=True)


DYNAMIC = Dynamic(codec_of, _foreign)
#: `FlytePickle[T]`: any value, pickled on purpose.
_PICKLE = Codec(
    "FlytePickle", encode_pickle, DYNAMIC.decode, lambda value: value, lambda: {"title": "FlytePickle"}, has_hash=True
)
custom.changed.append(_compiled.clear)
