"""Two declarations of a task: what differs in their code, types and settings."""

from __future__ import annotations

from functools import partial
from typing import Any

from flytenb.capture.ingredients import Ingredients, ingredients_of, read_program
from flytenb.client.explain.differences import Difference, code_differences
from flytenb.client.explain.why import text_in
from flytenb.codec.objects import ObjectStore
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.model.declaration import TaskDeclaration


def code_between(store: ObjectStore, before: TaskDeclaration, now: TaskDeclaration) -> tuple[Difference, ...] | None:
    """What differs in the code of two calls; None when one of the programs is gone or damaged."""
    try:
        (old_program, old), (new_program, new) = _code(store, before), _code(store, now)
    except (FlytenbError, BaseRuntimeError, LookupError, ValueError, OSError):
        return None
    if old is None or new is None:
        return None
    old_text, new_text = partial(text_in, old_program, store), partial(text_in, new_program, store)
    return tuple(code_differences(old, new, old_text, new_text))


def _code(store: ObjectStore, declaration: TaskDeclaration) -> tuple[dict[str, Any], Ingredients | None]:
    program = read_program(store.get(declaration.program))
    return program, ingredients_of(program, declaration.entry)
