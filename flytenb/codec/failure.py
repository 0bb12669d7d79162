"""Exceptions between processes: exception → `model.Failure` → an exception that can be caught as what it was.

What a parent or `run.wait()` raises is an instance of both `RuntimeUserError` and the original class, when that can be
rebuilt here. Its `__cause__` is the original exception, which carries the original traceback as a note.
"""

from __future__ import annotations

import builtins
import os
import re
import sys
import traceback
from collections.abc import Callable
from types import FunctionType, TracebackType
from typing import Any, TypeVar

from flytenb import errors
from flytenb.codec import classes, pickled, proof
from flytenb.codec.current import installed_objects
from flytenb.model.outcome import Failure, Frame

T = TypeVar("T")

#: An exception that is larger when pickled travels without its own object.
MAX_PICKLED_BYTES = 256 << 10
_MAX_FRAMES = 100
_MAX_TRACEBACK_CHARACTERS = 64 << 10

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_HIDDEN = (_OURS, *(os.path.join(_LIBRARY, name) for name in ("asyncio", "concurrent", "threading.py")))
_CELLS_MODULE = re.compile(rf"\b{classes.CELLS_PREFIX}[0-9a-f]+\.")
_CELL_LINE = re.compile(r'^(\s*)File "(Cell In\s?\[[^\]"]*\][^"]*)", line', re.MULTILINE)

#: Classes that asyncio or the interpreter treats specially when they are raised: never rebuilt.
_UNSAFE = (StopIteration, StopAsyncIteration, GeneratorExit)
#: Words of the engine for ends that Flyte has a class for.
_ENGINE_CODES = {"Aborted": "ActionAbortedError", "TimedOut": "TaskTimeoutError"}
_ATTRIBUTE = "flytenb_failure"


# ---- exception to failure ----------------------------------------------------------------------------------------
def to_failure(
    exc: BaseException, *, worker: str = "", shown: Callable[[str], str] = str, with_locals: bool = False
) -> Failure:
    """The exception as plain data: code, message, the user's frames, and itself when it can be pickled.

    Frames of flytenb and of asyncio are left out. An exception that was a child's failure keeps the child's code,
    type and frames behind the parent's own.

    Args:
        exc: what was raised, with its traceback.
        worker: the process that had it.
        shown: a code's file name → as the user knows it.
        with_locals: also what the variables of the user's frames hold, as texts.
    """
    variables = _variables(exc.__traceback__) if with_locals else ()
    inherited: Failure | None = getattr(exc, _ATTRIBUTE, None)
    own = _frames(exc.__traceback__, shown)
    text = _traceback_text(exc, shown)
    if inherited is not None:
        return Failure(
            code=inherited.code,
            message=inherited.message,
            kind=inherited.kind,
            frames=(own + inherited.frames)[:_MAX_FRAMES],
            traceback=text,
            type_name=inherited.type_name,
            pickled=inherited.pickled,
            is_recoverable=inherited.is_recoverable,
            worker=inherited.worker or worker,
            kept=inherited.kept,
            locals=variables,
            exhausted=inherited.exhausted,
        )
    code, kind = type(exc).__name__, "user"
    if isinstance(exc, errors.BaseRuntimeError):
        code, kind = getattr(exc, "code", code), getattr(exc, "kind", kind)
    elif isinstance(exc, MemoryError):
        code = "OOMError"
    return Failure(
        code=code,
        message=_message(exc),
        kind=kind,
        frames=own,
        traceback=text,
        type_name=classes.reference(type(exc)),
        pickled=_pickled(exc),
        is_recoverable=not isinstance(exc, errors.NonRecoverableError),
        worker=worker,
        locals=variables,
    )


def _message(exc: BaseException) -> str:
    try:
        text = str(exc)
    except Exception as error:  # a user's __str__ may raise anything
        return f"<the exception's text cannot be made: {type(error).__name__}>"
    if isinstance(exc, SystemExit):
        return f"the task called sys.exit({text}); return a value or raise an error instead"
    if isinstance(exc, MemoryError):
        return f"out of memory{': ' + text if text else ''}"
    return text or (type(exc).__name__ if not isinstance(exc, errors.BaseRuntimeError) else "")


class _Rebuilt:
    """Pickles an exception past its constructor: Python's own way calls it with `args`, which is what it told `super`.

    `class Odd(Exception)` with `__init__(self, what, number)` that passes on one sentence could not be read back.
    """

    def __init__(self, exc: BaseException) -> None:
        self._exc = exc

    def __reduce__(self) -> tuple[Any, ...]:
        exc = self._exc
        return _rebuild, (type(exc), exc.args, dict(exc.__dict__))


def _rebuild(cls: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    """An exception past every constructor but the interpreter's own."""
    native: Any = next(base for base in cls.__mro__ if not base.__flags__ & _IS_HEAP_TYPE)
    error: BaseException = native.__new__(cls, *args)
    native.__init__(error, *args)  # an OSError keeps its file's name in here
    error.__dict__.update(state)
    return error


def _portable(exc: BaseException) -> Any:
    cls = type(exc)
    is_plain = cls.__reduce__ is BaseException.__reduce__ and cls.__reduce_ex__ is object.__reduce_ex__
    return _Rebuilt(exc) if is_plain and isinstance(cls.__init__, FunctionType) else exc


def _pickled(exc: BaseException) -> bytes:
    try:
        data = proof.signed(installed_objects(), pickled.dumps(_portable(exc)))
    except Exception:  # any __reduce__ may raise anything; the failure is told without the object
        return b""
    return data if len(data) <= MAX_PICKLED_BYTES else b""


def is_hidden(filename: str) -> bool:
    """Whether code is ours, asyncio's or the interpreter's: no frame of the user's."""
    return filename.startswith(_HIDDEN) or filename.startswith("<frozen ")


def _frames(tb: TracebackType | None, shown: Callable[[str], str]) -> tuple[Frame, ...]:
    found = [
        Frame(where=shown(entry.filename), line=entry.lineno or 0, function=entry.name, code=(entry.line or "").strip())
        for entry in traceback.extract_tb(tb)
        if not is_hidden(entry.filename)
    ]
    return tuple(_shortened(found))


def _shortened(found: list[T]) -> list[T]:
    """Of a recursion its beginning and its end tell the story."""
    return found if len(found) <= _MAX_FRAMES else found[: _MAX_FRAMES // 2] + found[-_MAX_FRAMES // 2 :]


def _variables(tb: TracebackType | None) -> tuple[tuple[tuple[str, str], ...], ...]:
    """What the variables of the user's frames hold, in the order of `_frames`."""
    from flytenb.codec.locals import locals_of  # who fails pays for it

    frames = []
    while tb is not None:
        if not is_hidden(tb.tb_frame.f_code.co_filename):
            frames.append(tb.tb_frame)
        tb = tb.tb_next
    try:
        return locals_of(_shortened(frames))
    except Exception:  # the failure is worth more than its variables
        return ()


def _traceback_text(exc: BaseException, shown: Callable[[str], str]) -> str:
    """As Python prints it, causes included, with the user's frames only and cells named as IPython names them."""
    try:
        story = traceback.TracebackException.from_exception(exc, compact=True)
        _hide_frames(story, exc, shown)
        text = "".join(story.format())
    except Exception as error:  # a user's __str__, __notes__ or source may raise anything
        return f"{type(exc).__name__} (its traceback cannot be made: {type(error).__name__})\n"
    if len(text) > _MAX_TRACEBACK_CHARACTERS:
        half = _MAX_TRACEBACK_CHARACTERS // 2
        text = f"{text[:half]}\n  …\n{text[-half:]}"
    return _CELLS_MODULE.sub("", _CELL_LINE.sub(r"\1\2, line", text))


def _hide_frames(story: traceback.TracebackException, exc: BaseException, shown: Callable[[str], str]) -> None:
    pending: list[tuple[Any, Any]] = [(story, exc)]
    seen = set()
    while pending:
        part, told = pending.pop()
        if part is None or id(part) in seen:
            continue
        seen.add(id(part))
        if sys.version_info < (3, 11) and part._str is not None:  # it prints no notes, where the child's traceback is
            part._str = "\n".join((part._str, *getattr(told, "__notes__", ())))
        entries = [entry for entry in part.stack if not is_hidden(entry.filename)]
        for entry in entries:
            _ = entry.line  # read by the code's own name, before it gets the user's
            entry.filename = shown(entry.filename)
        part.stack = traceback.StackSummary.from_list(entries)
        pending += [(part.__cause__, told.__cause__), (part.__context__, told.__context__)]
        pending += zip(getattr(part, "exceptions", None) or (), getattr(told, "exceptions", ()), strict=False)


# ---- failure to exception ----------------------------------------------------------------------------------------
def revive(failure: Failure) -> BaseException:
    """An exception to raise for a failure: `RuntimeUserError` (or system), and the original class where possible."""
    original = _original(failure)
    if isinstance(original, errors.BaseRuntimeError) and not failure.exhausted:
        error: BaseException = original
    else:
        error = _combined(failure, original)
    error.__dict__.update(code=failure.code, kind=failure.kind, worker=failure.worker or None)
    setattr(error, _ATTRIBUTE, failure)
    if original is not None and original is not error:
        _annotate(original, failure)
        error.__cause__ = original
    elif failure.traceback:
        _annotate(error, failure)
    if failure.kept:
        error.__dict__.setdefault("__notes__", []).append(failure.kept_words)
    return error


def _annotate(exc: BaseException, failure: Failure) -> None:
    """Carry the original traceback where Python (3.11 and later) prints it, and as an attribute."""
    exc.__dict__["flytenb_traceback"] = failure.traceback
    if failure.traceback.count("\n") > 1:
        note = "\n" + failure.traceback.rstrip()
        exc.__dict__.setdefault("__notes__", []).append(note)


def _original(failure: Failure) -> BaseException | None:
    if failure.pickled:
        try:
            original = pickled.loads(proof.opened(installed_objects(), failure.pickled, "an exception"))
        except Exception:  # the class is not here, its constructor takes something else, or another home pickled it
            original = None
        if isinstance(original, BaseException):
            return original
    cls = _class_of(failure)
    if cls is None:
        return None
    try:
        original = cls.__new__(cls)
        original.args = (failure.message,)
    except Exception:
        return None
    return original


def _class_of(failure: Failure) -> type[BaseException] | None:
    """The class by its name, without importing anything new."""
    module, _, qualname = failure.type_name.partition(":")
    found: Any = None
    if module == "builtins":
        found = getattr(builtins, qualname, None)
    elif module == "nb":
        try:
            found = classes.resolve(failure.type_name)
        except Exception:  # the notebook no longer has it
            found = None
    elif not module:
        found = getattr(errors, _ENGINE_CODES.get(failure.code, failure.code), None) or errors.class_of(failure.code)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _copy(cls: type[BaseException], original: BaseException) -> BaseException:
    """The original's state in an instance of another class."""
    native: Any = next(base for base in cls.__mro__ if not base.__flags__ & _IS_HEAP_TYPE)
    _, args, *state = native.__reduce__(original)
    error = _rebuild(cls, args, {})
    for part in state:
        error.__setstate__(part)
    error.args = original.args
    error.__dict__.pop("__notes__", None)
    return error


#: Py_TPFLAGS_HEAPTYPE: the class was made by Python code.
_IS_HEAP_TYPE = 1 << 9
_combinations: dict[tuple[type, type], type[BaseException] | None] = {}


def _combined(failure: Failure, original: BaseException | None) -> BaseException:
    base: type[errors.BaseRuntimeError]
    if failure.exhausted and failure.kind == "user":
        base = errors.RetriesExhaustedError
    elif failure.kind == "user":
        base = errors.RuntimeUserError
    else:
        base = errors.RuntimeSystemError if failure.kind == "system" else errors.RuntimeUnknownError
    cls = _combine(base, type(original)) if original is not None else None
    if cls is not None and original is not None:
        try:
            return _copy(cls, original)
        except Exception:  # a class that cannot be made without its own constructor
            pass
    return base(failure.code, failure.message, failure.worker or None)


def _combine(base: type[BaseException], cls: type[BaseException]) -> type[BaseException] | None:
    """A class that is both; None where Python cannot lay that out or asyncio treats `cls` specially."""
    key = (base, cls)
    if key not in _combinations:
        combination: type[BaseException] | None = None
        if issubclass(cls, Exception) and not issubclass(cls, _UNSAFE):
            namespace = {
                "__module__": cls.__module__,
                "__qualname__": cls.__qualname__,
                "__doc__": cls.__doc__,
                "__reduce__": _reduce,
                "__str__": cls.__str__,
            }
            try:
                combination = type(cls.__name__, (cls, base), namespace)
            except TypeError:  # a final class, or layouts that do not go together
                combination = None
        _combinations[key] = combination
    return _combinations[key]


def _reduce(self: BaseException) -> tuple[Any, ...]:
    return revive, (getattr(self, _ATTRIBUTE),)
