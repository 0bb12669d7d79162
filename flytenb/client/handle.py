"""What a run's and an action's handle share: values, logs, reports, read from the engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from flytenb.client import reading
from flytenb.client.given import remember
from flytenb.client.session import Session
from flytenb.client.values import ActionInputs, ActionOutputs, Later
from flytenb.codec.objects import ObjectStore
from flytenb.codec.payload import names as payload_names
from flytenb.errors import BaseRuntimeError, RuntimeUserError
from flytenb.model.outcome import Failure
from flytenb.model.phases import ActionPhase
from flytenb.model.placement import Placement
from flytenb.model.snapshot import ActionRow, ActionTable, LogLine
from flytenb.model.usage import Usage

UserValue = Any

#: More than anything has: the engine keeps the last lines when a limit cuts.
ALL_LINES = 10_000_000


class ActionIo(msgspec.Struct, frozen=True, kw_only=True):
    """Encoded inputs and outputs of an action."""

    inputs: bytes = b""
    outputs: bytes = b""
    failure: Failure | None = None
    phase: str = "queued"
    interface: dict[str, Any] = {}
    declaration: bytes = b""


def read_io(session: Session, run_name: str, action: str) -> ActionIo:
    """What an action took and gave."""
    found: ActionIo = session.query("io", ActionIo, run=run_name, action=action)
    return found


def inputs_of(io: ActionIo, store: ObjectStore, interface: Any = None) -> ActionInputs:
    """The inputs by name; with the task's interface in its own types. Large ones are read when they are touched."""
    names = [str(each["name"]) for each in io.interface.get("inputs", ())] or payload_names(io.inputs)
    kinds = [each.annotation for each in interface.parameters] if interface is not None else None
    values = reading.lazily(io.inputs, store, kinds)
    if values is None:
        values = (
            interface.decode_inputs(io.inputs, store) if interface is not None else reading.values_of(io.inputs, store)
        )
    return ActionInputs(dict(zip(names, values, strict=False)))


def outputs_of(payload: bytes, store: ObjectStore, interface: Any = None) -> ActionOutputs:
    """The outputs as Flyte's tuple; with the task's interface in its own types. One None for a task without any.

    Large ones are read when they are touched.
    """
    if interface is not None:
        kinds, names = [each.annotation for each in interface.outputs], interface.output_names
        values = reading.lazily(payload, store, kinds) or interface.decode_output_tuple(payload, store)
    else:
        values = reading.lazily(payload, store, None) or reading.values_of(payload, store)
        names = tuple(payload_names(payload)) if payload else ()
    return ActionOutputs(tuple(values) or (None,), names if values else ())


def came_from(outputs: ActionOutputs, run_name: str, action: str) -> ActionOutputs:
    """The same outputs, which `flyte.where` knows from now on."""
    outputs._where = (run_name, action)
    for name, value in zip(outputs._names, outputs.as_kept(), strict=False):
        if type(value) is Later:
            value.on_read = partial(_remember, name, run_name, action)
        else:
            _remember(name, run_name, action, value)
    return outputs


def _remember(name: str, run_name: str, action: str, value: UserValue) -> None:
    remember((value,), (name,), run_name, action)


def not_done(run_name: str, phase: str) -> RuntimeUserError:
    """The error of asking for the outcome of what goes on."""
    return RuntimeUserError("RunNotDoneError", f'run "{run_name}" is {phase}; wait for it with run.wait()')


def read_logs(session: Session, run_name: str, action: str = "", attempt: int | None = None) -> list[LogLine]:
    """All output of a run or one action, in order."""
    asked: dict[str, Any] = {"run": run_name, "limit": ALL_LINES}
    if action:
        asked["action"] = action
    if attempt is not None:
        asked["attempt"] = attempt
    found: list[LogLine] = session.query("logs", list[LogLine], **asked)
    return found


def lines_of(pieces: list[LogLine], *, show_ts: bool = False) -> Iterator[str]:
    """Pieces of output as single lines, without their ends."""
    for piece in pieces:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S ", time.localtime(piece.time)) if show_ts else ""
        for line in piece.text.splitlines():
            yield stamp + line


def read_actions(session: Session, run_name: str, *, io: bool = False) -> list[ActionRow]:
    """The actions of a run, root first, in order of acceptance."""
    found: list[ActionRow] = session.query("actions", list[ActionRow], run=run_name, io=io)
    return found


def read_table(session: Session, run_name: str) -> ActionTable:
    """The same in compact form."""
    found: ActionTable = session.query("table", ActionTable, run=run_name)
    return found


def read_placements(session: Session, run_name: str) -> dict[int, Placement]:
    """Where the actions of a run ran, by the number that they name."""
    found: dict[int, Placement] = session.query("placements", dict[int, Placement], run=run_name)
    return found


def read_usages(session: Session, run_name: str, action: str = "") -> dict[str, Usage]:
    """What the actions of a run, or one of them, used of the machine: the last attempt of each that took long."""
    asked = {"run": run_name, "action": action} if action else {"run": run_name}
    found: list[Usage] = session.query("usage", list[Usage], **asked)
    return {each.action: each for each in found}


def read_report(session: Session, store: ObjectStore, run_name: str, action: str) -> str:
    """An action's report page; "" when it has none."""
    digest = (session.query("report", run=run_name, action=action) or {}).get("digest") or ""
    return read_page(store, digest) if digest else ""


def read_page(store: ObjectStore, digest: str) -> str:
    """A stored report with the scripts that it names."""
    from flytenb.views import reports  # readers of reports only: the command line's start need not parse HTML

    return reports.assembled(store.get(digest).decode(), lambda script: store.get(script).decode())


def stamp_phase(error: BaseException, phase: ActionPhase) -> BaseException:
    """Tell on an error how its action ended."""
    if isinstance(error, BaseRuntimeError):
        error.phase = phase  # type: ignore[attr-defined]
    return error
