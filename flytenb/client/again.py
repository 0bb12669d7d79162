"""Start a recorded run again: the code and inputs that it had, never the local ones."""

from __future__ import annotations

import os
from typing import Any

from flytenb.client import handle
from flytenb.client.action import here
from flytenb.client.names import new_run_name
from flytenb.client.options import RunOptions
from flytenb.client.origin import origin
from flytenb.client.run_handle import Run
from flytenb.codec.payload import decode_values, encode_values
from flytenb.codec.payload import names as payload_names
from flytenb.errors import UnknownParameterError
from flytenb.model.declaration import decode_declaration, encode_declaration
from flytenb.model.tags import CACHE_OFF


def run_again(run_name: str, action: str, options: RunOptions, replaced: dict[str, Any]) -> Run:
    """A new run of an action's task with its inputs, single ones replaced.

    Raises:
        RuntimeUserError: there is no such run or action.
        UnknownParameterError: an input that the task does not have.
    """
    link, store = here()
    io = handle.read_io(link, run_name, action)
    declaration = decode_declaration(io.declaration)
    inputs = io.inputs
    if replaced:
        names = payload_names(inputs)
        unknown = next((name for name in replaced if name not in names), None)
        if unknown is not None:
            raise UnknownParameterError(
                f'task "{declaration.name}" has no input "{unknown}"; it has {", ".join(names)}'
            )
        values = [replaced.get(name, value) for name, value in zip(names, decode_values(inputs, store), strict=True)]
        inputs = encode_values(values, names, store)
    name = options.name or new_run_name()
    told = {"origin": {**origin(), "rerun_of": f"{run_name}/{action}"}, **options.wire()}
    accepted = link.run(name, encode_declaration(declaration), os.urandom(16), inputs, b"", CACHE_OFF, told)
    try:
        accepted.result()
    except BaseException:
        link.forget(name)
        raise
    return Run(name, link, store)
