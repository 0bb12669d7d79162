"""Exception → failure → exception."""

from __future__ import annotations

import json
import linecache
import pickle
import threading

import pytest

from flytenb import errors
from flytenb.codec.failure import revive, to_failure
from flytenb.model.outcome import Failure, decode_failure, encode_failure


class Odd(Exception):
    """Its constructor takes something else than its args."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"{a} and {b}")
        self.a, self.b = a, b


class Final(Exception):
    def __init_subclass__(cls) -> None:
        raise TypeError("final")


def travelled(exc: BaseException) -> tuple[Failure, BaseException]:
    try:
        raise exc
    except BaseException as caught:
        failure = to_failure(caught, worker="w1")
    failure = decode_failure(encode_failure(failure))
    return failure, revive(failure)


@pytest.mark.parametrize(
    "exc",
    [
        ValueError("x"),
        KeyError("k"),
        FileNotFoundError(2, "No such file", "/a/b"),
        UnicodeDecodeError("utf-8", b"a", 0, 1, "bad"),
        ImportError("no", name="m"),
        TimeoutError("late"),
        json.JSONDecodeError("bad", "doc", 1),
        errors.InputTypeError("wrong"),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_is_both_classes(exc):
    failure, error = travelled(exc)
    assert isinstance(error, type(exc))
    assert isinstance(error, errors.RuntimeUserError)
    assert str(error) == str(exc)
    assert error.args == exc.args
    assert type(error).__name__ == type(exc).__name__
    assert (error.code, error.kind, error.worker) == (type(exc).__name__, "user", "w1")
    assert type(error.__cause__) is type(exc)
    assert "travelled" in error.__cause__.flytenb_traceback
    assert failure.frames[-1].function == "travelled"
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, type(exc))
    assert again.code == failure.code


def test_keeps_attributes():
    error = OSError(13, "Permission denied", "/x")
    _, revived = travelled(error)
    assert (revived.errno, revived.filename) == (13, "/x")


def test_the_same_class_each_time():
    assert type(travelled(ValueError("a"))[1]) is type(travelled(ValueError("b"))[1])


@pytest.mark.parametrize(
    "exc",
    [SystemExit(1), KeyboardInterrupt(), StopIteration(), Final("x"), Odd(1, 2)],
    ids=lambda exc: type(exc).__name__,
)
def test_what_cannot_be_both_is_a_user_error(exc):
    _, error = travelled(exc)
    assert isinstance(error, errors.RuntimeUserError)
    assert isinstance(error, Exception)
    assert error.code == type(exc).__name__
    assert not isinstance(error, (SystemExit, KeyboardInterrupt, StopIteration))


def test_what_cannot_be_pickled_keeps_its_words_and_builtin_class():
    failure, error = travelled(ValueError("x", threading.Lock()))
    assert failure.pickled == b""
    assert isinstance(error, ValueError)
    assert str(error) == failure.message


@pytest.mark.parametrize(
    ("exc", "code", "is_recoverable"),
    [
        (errors.OOMError("OOMError", "too much"), "OOMError", True),
        (errors.NonRecoverableError("stop", "MINE"), "MINE", False),
        (errors.RuntimeUserError("MY_CODE", "m"), "MY_CODE", True),
        (MemoryError(), "OOMError", True),
    ],
)
def test_flytes_own_errors_keep_class_and_code(exc, code, is_recoverable):
    failure, error = travelled(exc)
    assert (failure.code, failure.is_recoverable) == (code, is_recoverable)
    assert isinstance(error, type(exc))
    assert error.code == code


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        ("OOMError", errors.OOMError),
        ("MaxRuntimeExceededError", errors.TaskTimeoutError),
        ("Aborted", errors.ActionAbortedError),
        ("WorkerLost", errors.RuntimeSystemError),
    ],
)
def test_failures_of_the_engine(code, cls):
    kind = "system" if code == "WorkerLost" else "user"
    error = revive(Failure(code=code, message="words", kind=kind))
    assert isinstance(error, cls)
    assert (str(error), error.code, error.kind) == ("words", code, kind)


def test_a_system_error_stays_one():
    _, error = travelled(errors.RuntimeSystemError("X", "m"))
    assert isinstance(error, errors.RuntimeSystemError)
    assert error.kind == "system"


def test_passing_through_a_parent_keeps_the_childs_story():
    _, error = travelled(ValueError("deep"))
    failure, again = travelled(error)
    assert [frame.function for frame in failure.frames] == ["travelled", "travelled"]
    assert failure.code == "ValueError"
    assert isinstance(again, ValueError)
    assert failure.traceback.count("ValueError: deep") >= 2


def test_cells_are_named_as_in_the_notebook():
    source = "def f():\n    raise ValueError('in a cell')\n"
    linecache.cache["Cell In[4]"] = (len(source), None, source.splitlines(True), "Cell In[4]")
    namespace: dict[str, object] = {}
    exec(compile(source, "Cell In[4]", "exec"), namespace)
    try:
        namespace["f"]()
    except ValueError as error:
        failure = to_failure(error)
    last = failure.frames[-1]
    assert (last.where, last.line, last.code) == ("Cell In[4]", 2, "raise ValueError('in a cell')")
    assert "  Cell In[4], line 2, in f\n    raise ValueError('in a cell')" in failure.traceback


def test_a_cells_class_is_named_without_its_generated_module():
    cls = type("Mine", (Exception,), {"__module__": "flytenb_cells_0123456789ab"})
    assert travelled(cls("x"))[0].traceback.endswith("\nMine: x\n")


def test_a_broken_str_is_survived():
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    failure, error = travelled(Broken())
    assert "cannot be made" in failure.message
    assert isinstance(error, errors.RuntimeUserError)


def test_deep_recursion_is_cut():
    def down(n: int) -> int:
        return down(n + 1)

    failure = None
    try:
        down(0)
    except RecursionError as error:
        failure = to_failure(error)
    assert failure is not None
    assert len(failure.frames) == 100


def test_causes_are_told():
    try:
        try:
            raise KeyError("first")
        except KeyError as first:
            raise ValueError("second") from first
    except ValueError as error:
        failure = to_failure(error)
    assert "KeyError: 'first'" in failure.traceback
    assert "direct cause" in failure.traceback
