"""Types of one's own: a registered transformer says how its class is written and read.

A transformer of a module is found by the class that both sides import. One of a notebook travels with the first value
and is registered by its reader.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_origin

from msgpack import ExtType

from flytenb import errors
from flytenb.codec import classes, leaves, pickled, proof
from flytenb.codec.codec import Codec, MismatchError, type_name, unchosen
from flytenb.codec.objects import ObjectStore

if TYPE_CHECKING:  # a process without transformers that wait needs no loop
    import asyncio

T = TypeVar("T")
_log = logging.getLogger(__name__)
#: What installed packages register: Flyte's plug-ins and ours.
ENTRY_POINT_GROUPS = ("flyte.plugins.types", "flytenb.types")


class TypeTransformerFailedError(TypeError, AssertionError, ValueError):
    """A value could not be converted."""


class TypeTransformer(Generic[T]):
    """How values of a class are written and read: subclass it, and register an instance.

    `to_literal` returns anything that can be passed on (numbers, dicts, bytes, arrays, a `File`); `to_python_value`
    gets it back.

    Example:
        class MoleculeTransformer(TypeTransformer[Molecule]):
            def __init__(self):
                super().__init__("molecule", Molecule)
            async def to_literal(self, python_val, python_type, expected):
                return python_val.to_smiles()
            async def to_python_value(self, lv, expected_python_type):
                return Molecule.from_smiles(lv)
        TypeEngine.register(MoleculeTransformer())
    """

    def __init__(self, name: str, t: type[T], enable_type_assertions: bool = True) -> None:
        self._name, self._t, self._type_assertions_enabled = name, t, enable_type_assertions

    name = property(lambda self: self._name)
    python_type = property(lambda self: self._t)
    type_assertions_enabled = property(lambda self: self._type_assertions_enabled)

    def get_literal_type(self, t: type[T] | None = None) -> Any:
        """JSON schema of what is written; forms and the command line read it."""
        return {"title": self._name}

    async def to_literal(self, python_val: T, python_type: type[T], expected: Any) -> Any:
        """What stands for the value."""
        raise NotImplementedError(f'transformer "{self._name}" has no to_literal; write it to pass values on')

    async def to_python_value(self, lv: Any, expected_python_type: type[T]) -> T:
        """The value again."""
        raise NotImplementedError(f'transformer "{self._name}" has no to_python_value; write it to read values')

    def guess_python_type(self, literal_type: Any) -> type[T]:
        """The class for a schema of `get_literal_type`."""
        if literal_type == self.get_literal_type(self._t):
            return self._t
        raise ValueError(f'transformer "{self._name}" does not know {literal_type!r}')

    def assert_type(self, t: type[T], v: T) -> None:
        """Refuse what is not of the class.

        Raises:
            TypeTransformerFailedError: it is not.
        """
        kind = get_origin(t) or t
        if isinstance(kind, type) and not isinstance(v, kind):
            raise TypeTransformerFailedError(f"expected {type_name(t)}, got {type(v).__name__}")

    def to_html(self, python_val: T, expected_python_type: type[T]) -> str:
        """The value for a report."""
        import html

        return html.escape(str(python_val))

    def schema_match(self, schema: dict[str, Any]) -> bool:
        """Whether a JSON schema is of the class."""
        return schema.get("title") == self._t.__name__


# ---- the registry ------------------------------------------------------------------------------------------------
_transformers: dict[type, TypeTransformer[Any]] = {}
_restricted: dict[type, str] = {}
_loaded_groups = False
#: Called when a class gets another codec than it had; `annotations` forgets what it compiled.
changed: list[Callable[[], None]] = []


def register(transformer: TypeTransformer[Any], additional_types: list[type] | None = None) -> None:
    """Use a transformer for its class, the given ones, and their subclasses.

    Raises:
        ValueError: another transformer has that class, or it is one of Python's own.
    """
    for kind in (transformer.python_type, *(additional_types or ())):
        before = _transformers.get(kind)
        if before is not None and type(before).__qualname__ != type(transformer).__qualname__:
            raise ValueError(
                f'{type_name(kind)} has the transformer "{before.name}" already, so "{transformer.name}" is not '
                "registered; register one of them only"
            )
        if kind.__module__ == "builtins":
            raise ValueError(f"{kind.__name__} is written by itself; wrap it in a class to write it in your own way")
    for kind in (transformer.python_type, *(additional_types or ())):
        _transformers[kind] = transformer
    _forget()


def restrict(name: str, kind: type) -> None:
    """Refuse a class as type of inputs and outputs.

    Raises:
        ValueError: it has a transformer.
    """
    if kind in _transformers:
        raise ValueError(f'{type_name(kind)} has the transformer "{_transformers[kind].name}" and cannot be restricted')
    _restricted[kind] = name
    _forget()


def _forget() -> None:
    for call in changed:
        call()


def registered(kind: type) -> TypeTransformer[Any] | None:
    """The transformer of a class or of the nearest class it derives from.

    Raises:
        RestrictedTypeError: the class is refused.
    """
    if kind in _restricted:
        raise errors.RestrictedTypeError(
            f"{type_name(kind)} ({_restricted[kind]}) is not allowed as a type of inputs and outputs; use another one"
        )
    return next((_transformers[base] for base in kind.__mro__ if base in _transformers), None)


def load_entry_points() -> bool:
    """Let installed packages register theirs, once a process; whether something was loaded now."""
    global _loaded_groups
    if _loaded_groups:
        return False
    import importlib.metadata  # reads the index of all packages: only who meets an unknown class needs it

    _loaded_groups = True
    count = len(_transformers)
    for group in ENTRY_POINT_GROUPS:
        for point in importlib.metadata.entry_points(group=group):
            try:
                found = point.load()
                if callable(found):
                    found()
            except Exception as error:  # somebody else's code; the others must still work
                _log.warning("types of the package behind %s are not registered: %s", point.value, error)
    return len(_transformers) > count


def known() -> list[TypeTransformer[Any]]:
    """Every transformer, once."""
    return list(dict.fromkeys(_transformers.values()))


# ---- the codec ---------------------------------------------------------------------------------------------------
def custom_codec(cls: type, transformer: TypeTransformer[Any], dynamic: Codec) -> Codec:
    """Writes with the transformer; what it returns is encoded by what it is."""
    name = type_name(cls)
    ref = classes.reference(cls)
    head = leaves.mark(leaves.CUSTOM, ref)

    def encode(value: Any, objects: ObjectStore) -> Any:
        if type(value) is not cls and isinstance(value, cls) and _is_found(type(value)):
            return dynamic.encode(value, objects)
        if transformer.type_assertions_enabled:
            try:
                transformer.assert_type(cls, value)
            except (TypeError, AssertionError, ValueError):
                raise MismatchError(name, value) from None
        written = _finished(transformer, value, "written", name, transformer.to_literal(value, cls, schema()))
        return [head, dynamic.encode(written, objects), _travelling(transformer, objects)]

    def decode(data: Any, objects: ObjectStore) -> Any:
        if data[0].text != ref and classes.short_name(data[0].text) != cls.__name__ and dynamic.decode:
            return dynamic.decode(data, objects)  # of a subclass
        written = dynamic.decode(data[1], objects) if dynamic.decode else data[1]
        return _finished(transformer, written, "read", name, transformer.to_python_value(written, cls))

    def read(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        plain = unchosen(value)
        return _finished(transformer, plain, "read", name, transformer.to_python_value(plain, cls))

    def schema() -> dict[str, Any]:
        said = transformer.get_literal_type(cls)
        return dict(said) if isinstance(said, dict) else {"title": name}

    return Codec(name, encode, decode, read, schema, exact=cls, has_hash=True)


def _is_found(kind: type) -> bool:
    try:
        return classes.resolve(classes.reference(kind)) is kind
    except LookupError:
        return False


def _finished(transformer: TypeTransformer[Any], value: Any, doing: str, name: str, call: Any) -> Any:
    """What a method returned, awaited; its errors say whose they are."""
    try:
        return _awaited(call) if isinstance(call, CoroutineType) else call
    except MismatchError:
        raise
    except Exception as error:  # the user's own code
        raise MismatchError(
            name,
            value,
            "mend the transformer, or pass on a value that it takes",
            problem=f'{name} cannot be {doing} by transformer "{transformer.name}": {type(error).__name__}: {error}',
        ) from error


def _awaited(call: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine, run in a loop of a thread of ours: the caller's loop is busy with the caller."""
    import asyncio

    return asyncio.run_coroutine_threadsafe(call, _own_loop()).result()


_loop: tuple[int, asyncio.AbstractEventLoop] | None = None
_loop_lock = threading.Lock()


def _own_loop() -> asyncio.AbstractEventLoop:
    import asyncio

    global _loop
    with _loop_lock:
        if _loop is None or _loop[0] != os.getpid():  # a thread does not survive a fork
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="flytenb-transformers", daemon=True).start()
            _loop = os.getpid(), loop
        return _loop[1]


# ---- transformers of notebooks -----------------------------------------------------------------------------------
_sent: dict[tuple[int, str], ExtType] = {}
_received: dict[str, TypeTransformer[Any]] = {}


def _travelling(transformer: TypeTransformer[Any], objects: ObjectStore) -> Any:
    """The transformer itself where the reader cannot import it, as a reference into the store."""
    if not classes.is_notebook_module(type(transformer).__module__):
        return None
    key = id(transformer), os.fspath(objects.root)
    if key not in _sent:
        data = pickled.dumps_with(transformer, TypeTransformer)
        digest = bytes.fromhex(objects.put(data))
        meta = [1, transformer.name, proof.of(objects, data)]
        _sent[key] = ExtType(leaves.REFERENCE, leaves.pack(["transformer", meta, digest, len(data)]))
    return _sent[key]


def _receive(meta: Any, digest: str, objects: ObjectStore) -> Any:
    """Register what a value brought along, unless this process has one."""
    if digest not in _received:
        data = objects.get(digest)
        proof.check(objects, data, meta[2] if len(meta) > 2 else None, f"transformer {str(meta[1])[:80]!r}")
        made: TypeTransformer[Any] = pickled.loads(data)
        _received[digest] = made
        if made.python_type not in _transformers:
            _transformers[made.python_type] = made
            _forget()
    return _received[digest]


leaves.register_leaf("transformer", lambda meta, data, objects: None, _receive)


def codec_of_data(data: Any, of: Callable[[Any], Codec]) -> Codec:
    """The codec that reads a marked value whose annotation does not tell.

    Raises:
        LookupError: its class is not known here.
        MismatchError: no transformer is.
    """
    cls = classes.resolve(data[0].text)
    codec = of(cls)
    if registered(cls) is None:
        raise MismatchError(
            type_name(cls),
            None,
            "import the module that registers it",
            problem=f"a {type_name(cls)} was written by a transformer that is not registered in this process",
        )
    return codec
