"""The codec of `Any`: values say what they are, and the reader is told by marks."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from typing import Any

from flytenb.codec import classes, custom, leaves
from flytenb.codec.codec import Codec, CodecOf, MismatchError
from flytenb.codec.containers import dict_codec, list_codec, set_codec, tuple_codec
from flytenb.codec.objects import ObjectStore
from flytenb.codec.pickled import encode_pickle
from flytenb.codec.records import is_namedtuple, is_pydantic
from flytenb.codec.scalars import SCALARS, encode_int, encode_str

#: Class to encoder of values that have no codec of their own (arrays, frames, files): filled by their modules.
Chooser = Callable[[Any], Codec | None]


class Dynamic:
    """Encodes and decodes values by what they are."""

    def __init__(self, of: CodecOf, foreign: Chooser) -> None:
        self._of, self._foreign = of, foreign
        self.codec = Codec("Any", self.encode, self.decode, lambda value: value, dict, _text, has_hash=True)
        self._by_class: dict[type, Codec] = dict(SCALARS.items())
        item = self.codec
        self._by_class[list] = list_codec(item)
        self._by_class[dict] = dict_codec(item, item)
        self._by_class[tuple] = tuple_codec([item], is_variable=True)
        self._by_class[set] = set_codec(item, set)
        self._by_class[frozenset] = set_codec(item, frozenset)

    def _chosen(self, kind: type) -> Codec | None:
        """The codec of a class that explains itself on the wire; None = pickle."""
        if custom.registered(kind) is not None:
            return self._of(kind)
        codec = self._foreign(kind)
        if codec is not None:
            return codec
        if "<locals>" in kind.__qualname__:
            return None
        if issubclass(kind, enum.Enum) or is_namedtuple(kind) or is_pydantic(kind) or dataclasses.is_dataclass(kind):
            # A class that another one hides cannot be found by its name.
            try:
                return self._of(kind) if classes.resolve(classes.reference(kind)) is kind else None
            except LookupError:
                return None
        return None

    def encode(self, value: Any, objects: ObjectStore) -> Any:
        """Any value; what has no other form is pickled."""
        kind = type(value)
        if kind is str:
            return encode_str(value, objects)
        if kind is int:
            return encode_int(value, objects)
        codec = self._by_class.get(kind)
        if codec is None:
            codec = self._chosen(kind)
            if codec is None:
                return encode_pickle(value, objects)
        try:
            return codec.encode(value, objects)
        except MismatchError as error:
            # A dataclass whose fields hold other types than it says is still a value.
            if codec.exact is kind and dataclasses.is_dataclass(kind):
                return encode_pickle(value, objects)
            raise error from None

    def decode(self, data: Any, objects: ObjectStore) -> Any:
        """The value that marks describe."""
        kind = type(data)
        if kind is list:
            if data and type(data[0]) is leaves.Mark:
                return self._decode_marked(data, objects)
            decode = self.decode
            return [decode(part, objects) for part in data]
        if kind is dict:
            decode = self.decode
            return {decode(key, objects): decode(part, objects) for key, part in data.items()}
        return data

    def _decode_marked(self, data: Any, objects: ObjectStore) -> Any:
        code = data[0].code
        if code == leaves.TUPLE:
            return tuple(self.decode(part, objects) for part in data[1])
        if code == leaves.SET:
            return {self.decode(part, objects) for part in data[1]}
        if code == leaves.FROZENSET:
            return frozenset(self.decode(part, objects) for part in data[1])
        if code == leaves.MAP:
            return {self.decode(key, objects): self.decode(part, objects) for key, part in data[1]}
        if code in (leaves.UNION, leaves.LOOSE, leaves.HASHED):
            return self.decode(data[1], objects)
        if code == leaves.CUSTOM:
            codec = custom.codec_of_data(data, self._of)
            return codec.decode(data, objects) if codec.decode else data
        codec = self._foreign_of_code(code) or self._of(classes.resolve(data[0].text))
        return codec.decode(data, objects) if codec.decode else data

    def _foreign_of_code(self, code: int) -> Codec | None:
        if code in (leaves.FILE, leaves.DIR, leaves.FRAME):
            from flytenb.codec import files

            return self._of({leaves.FILE: files.File, leaves.DIR: files.Dir, leaves.FRAME: files.DataFrame}[code])
        return None


def _text(text: str) -> Any:
    """JSON where the text is JSON, else the text."""
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
