"""What kind of thing an object is, seen from a task's code."""

from __future__ import annotations

import builtins
import sys
from types import FunctionType
from typing import Any

from flytenb.errors import CaptureError

#: Names that IPython puts into the namespace.
IPYTHON_NAMES = frozenset({"In", "Out", "exit", "quit", "get_ipython", "display"})
_BUILTINS = frozenset(vars(builtins))


def is_shells_own(name: str, obj: Any) -> bool:
    """Whether a name of a notebook is IPython's, not the user's: its own `open`, too, which guards descriptors."""
    if name not in _BUILTINS:
        return name in IPYTHON_NAMES
    where = getattr(obj, "__globals__", {}).get("__name__", "")  # what it wraps gave it another `__module__`
    return name in IPYTHON_NAMES or str(where).partition(".")[0] == "IPython"


class Missing:
    """Type of `MISSING`."""


#: Stands for a name that is not there.
MISSING = Missing()
#: Attributes that reading annotations or pickling add to a class.
_MOVING = frozenset(
    {"__annotations__", "__slotnames__", "__annotations_cache__", "_abc_impl", "__dict__", "__weakref__"}
)


def module_of(kind: type) -> str:
    """The module of a class; "" where a compiled class has something else in that place."""
    module = getattr(kind, "__module__", "")
    return module if isinstance(module, str) else ""


def is_whole(obj: Any) -> bool:
    """Whether an object is a task without code of the user's: it travels as a value."""
    return getattr(type(obj), "__flytenb_whole__", False) is True


def is_task(obj: Any) -> bool:
    """Whether an object is a flytenb task made of a function."""
    return (getattr(type(obj), "__flytenb_task__", False) is True and not is_whole(obj)) or (
        module_of(type(obj)).partition(".")[0] not in ("builtins", "numpy", "pandas")
        and getattr(obj, "__dict__", {}).get("__flytenb_task__", False) is True
    )


def is_environment(obj: Any) -> bool:
    """Whether an object is a flytenb environment."""
    return getattr(type(obj), "__flytenb_environment__", False) is True


def unwrapped(func: Any) -> Any:
    """The function inside wrappers that are no functions (`lru_cache`, `partial`)."""
    while not isinstance(func, FunctionType):
        inner = getattr(func, "__wrapped__", None) or getattr(func, "func", None)
        if inner is None:
            raise CaptureError(f"{func!r} is not a function: a task must be a def")
        func = inner
    return func


def is_wrapper(obj: Any) -> bool:
    """A callable made by a decorator that keeps the function in `__wrapped__` (`functools.lru_cache`)."""
    return isinstance(getattr(obj, "__wrapped__", None), FunctionType) and callable(obj)


def needs_replay(obj: Any) -> bool:
    """Whether only its own statement can make the object again."""
    kind = type(obj)
    return kind.__module__ == "typing" and kind.__name__ in (
        "TypeVar",
        "NewType",
        "ParamSpec",
        "TypeVarTuple",
        "TypeAliasType",
    )


def public_module(name: str, obj: Any) -> str:
    """The shortest package path that exports an object: `pydantic`, not `pydantic.main`."""
    parts = name.split(".")
    for length in range(1, len(parts)):
        package = ".".join(parts[:length])
        if getattr(sys.modules.get(package), obj.__qualname__, None) is obj:
            return package
    return name


def has_state(obj: Any) -> bool:
    """Whether something of the object can be assigned without rebinding a name."""
    return isinstance(obj, (FunctionType, type)) or is_task(obj)


def state_of(obj: Any) -> tuple[Any, ...]:
    """What of a function or class can be assigned without rebinding a name."""
    if isinstance(obj, type):
        return tuple(v for n, v in vars(obj).items() if n not in _MOVING)
    func = obj if type(obj) is FunctionType else obj.func if is_task(obj) else obj
    if not isinstance(func, FunctionType):
        return (func,)
    if not (func.__closure__ or func.__kwdefaults__ or func.__dict__):
        return func.__code__, func.__defaults__
    held = []
    for cell in func.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:
            held.append(None)
    return (func.__code__, func.__defaults__, *(func.__kwdefaults__ or {}).values(), *held, *vars(func).values())
