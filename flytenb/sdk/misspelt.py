"""A misspelt keyword is refused with the nearest names, as Python itself does for attributes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_UNEXPECTED = re.compile(r"(?P<function>[\w.]+)\(\) got an unexpected keyword argument '(?P<name>\w+)'")


def names_nearest(func: F) -> F:
    """Have a function's refusal of an unknown keyword name the nearest one, or all."""

    @wraps(func)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            return func(*args, **kwargs)
        except TypeError as error:
            told = _UNEXPECTED.match(str(error))
            if told is None or told["name"] not in kwargs or told["function"] != func.__qualname__:
                raise
            name = func.__qualname__.removesuffix(".__init__").rpartition(".")[2]
            raise TypeError(f'{name}() has no setting "{told["name"]}"; {_hint(told["name"], func)}') from None

    return checked  # type: ignore[return-value]


def _hint(name: str, func: Callable[..., Any]) -> str:
    from difflib import get_close_matches

    by_name = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    known = [p.name for p in inspect.signature(func).parameters.values() if p.kind in by_name and p.name != "self"]
    near = get_close_matches(name, known, n=1)
    return f'did you mean "{near[0]}"?' if near else f"there are {', '.join(known)}"
