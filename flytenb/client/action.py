"""One action of a run, as a person holds it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from datetime import datetime, timezone
from typing import Any

from flytenb.client import aborting, handle, interrupts
from flytenb.client.aborting import Aborted
from flytenb.client.reports import ReportPage, page_of
from flytenb.client.session import Session, session
from flytenb.client.twin import class_twin, twin
from flytenb.client.values import ActionInputs, ActionOutputs
from flytenb.codec.failure import revive
from flytenb.codec.objects import ObjectStore
from flytenb.errors import ActionNotFoundError
from flytenb.model.outcome import Failure
from flytenb.model.phases import ActionPhase
from flytenb.model.placement import Placement
from flytenb.model.snapshot import ActionRow, ActionTable
from flytenb.model.usage import Usage
from flytenb.wire import paths

UserValue = Any


class Action:
    """One execution of one task. `sync` reads it again; everything else shows what was read last."""

    __slots__ = ("_link", "_read", "_row", "_store", "run_name")

    def __init__(
        self,
        row: ActionRow | None,
        run_name: str,
        link: Session,
        store: ObjectStore,
        read: tuple[ActionTable, int] | None = None,
    ) -> None:
        self._row, self._read = row, read
        self.run_name, self._link, self._store = run_name, link, store

    @property
    def row(self) -> ActionRow:
        """What was read last."""
        if self._row is None and self._read is not None:
            table, index = self._read
            self._row = table.row(index)
        assert self._row is not None
        return self._row

    # ---- finding ------------------------------------------------------------------------------------------------
    @class_twin
    def get(cls, uri: str | None = None, /, run_name: str | None = None, name: str | None = None) -> Action:
        """The action `name` of a run; or by "run/action".

        Raises:
            ActionNotFoundError: the run has no such action.
        """
        if uri is not None:
            run_name, _, name = uri.rpartition("/") if "/" in uri else (uri, "", "a0")
        if not run_name:
            raise ValueError('say which: Action.get("k7p2x9/a3") or Action.get(run_name="k7p2x9", name="a3")')
        name = name or "a0"
        for action in cls.listall(run_name):
            if action.name == name:
                return action  # type: ignore[no-any-return]
        raise ActionNotFoundError(
            f'run "{run_name}" has no action "{name}"; `flytenb get action {run_name}` lists them'
        )

    @class_twin
    def listall(
        cls,
        for_run_name: str,
        in_phase: Any = None,
        parent_name: str | None = None,
        sort_by: tuple[str, str] | None = None,
        created_at: Any = None,
        updated_at: Any = None,
    ) -> list[Action]:
        """The actions of a run in order of acceptance."""
        link, store = here()
        table = handle.read_table(link, for_run_name)
        count = range(len(table.rows))
        if in_phase is None and parent_name is None and created_at is None and sort_by is None:
            return [Action(None, for_run_name, link, store, (table, index)) for index in count]
        rows = [table.row(index) for index in count]
        if in_phase is not None:
            wanted = {str(phase) for phase in ([in_phase] if isinstance(in_phase, str) else in_phase)}
            rows = [row for row in rows if row.phase in wanted]
        if parent_name is not None:
            rows = [row for row in rows if row.parent == parent_name]
        if created_at is not None:
            rows = [row for row in rows if created_at.covers(row.accepted_at)]
        if sort_by is not None and sort_by[1].lower() == "desc":
            rows = rows[::-1]
        return [Action(row, for_run_name, link, store) for row in rows]

    # ---- what is known ------------------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """Its name in the run: "a0" is the root."""
        return self.row.name

    @property
    def parent_name(self) -> str | None:
        """The action that called it; None for the root."""
        return self.row.parent or None

    @property
    def task_name(self) -> str:
        """The task's full name."""
        return self.row.task

    @property
    def phase(self) -> ActionPhase:
        """Where it is, as read last."""
        return ActionPhase(self.row.phase)

    @property
    def raw_phase(self) -> int:
        """The phase's integer."""
        return self.phase.code

    @property
    def status(self) -> str:
        """The phase as a word: "Succeeded"."""
        return self.phase.word

    @property
    def start_time(self) -> datetime | None:
        """When it began, UTC."""
        return datetime.fromtimestamp(self.row.started_at, timezone.utc) if self.row.started_at else None

    @property
    def relation(self) -> str:
        """ "root" or "child"."""
        return "child" if self.row.parent else "root"

    @property
    def failure(self) -> Failure | None:
        """How it failed, as data."""
        return self.row.failure

    @property
    def error_message(self) -> str | None:
        """What it failed with."""
        return self.row.failure.message if self.row.failure is not None else None

    def done(self) -> bool:
        """Whether it has ended, as read last."""
        return self.row.is_terminal

    # ---- reading more -------------------------------------------------------------------------------------------
    def sync(self) -> Action:
        """Read it again."""
        rows = {row.name: row for row in handle.read_actions(self._link, self.run_name)}
        self._row = rows[self.row.name]
        return self

    @twin
    def inputs(self) -> ActionInputs:
        """Its inputs by name."""
        return handle.inputs_of(handle.read_io(self._link, self.run_name, self.name), self._store)

    @twin
    def outputs(self) -> ActionOutputs:
        """Its outputs.

        Raises:
            BaseRuntimeError: it failed (the original error), or it goes on (code RunNotDoneError).
        """
        io = handle.read_io(self._link, self.run_name, self.name)
        if not ActionPhase(io.phase).is_terminal:
            raise handle.not_done(f"{self.run_name}/{self.name}", io.phase)
        if io.failure is not None:
            raise revive(io.failure)
        return handle.came_from(handle.outputs_of(io.outputs, self._store), self.run_name, self.name)

    @twin
    def why(self) -> Any:
        """Why it was taken from the cache or not: the nearest earlier call, and what differs, in words."""
        from flytenb.client.explain import why as explaining  # who asks pays for it

        return explaining.explain(self._link, self._store, self.run_name, self.name)

    @twin
    def details(self) -> Action:
        """The same, read again."""
        return self.sync()

    @twin
    def wait(self, quiet: bool = False) -> None:
        """Wait until it has ended."""
        from threading import Event

        changed = Event()
        undo = self._link.watch(self.run_name, lambda _: changed.set())
        try:
            while not self.sync().done():
                changed.wait()
                changed.clear()
        except KeyboardInterrupt:
            raise interrupts.detached(_Whole(self.run_name, self._link)) from None
        finally:
            undo()

    async def watch(self) -> AsyncIterator[Action]:
        """The action each time its run changed, until it has ended."""
        import asyncio

        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        undo = self._link.watch(self.run_name, lambda _: call_in(loop, changed.set))
        try:
            while True:
                await asyncio.to_thread(self.sync)
                yield self
                if self.done():
                    return
                await changed.wait()
                changed.clear()
        finally:
            undo()

    @twin
    def abort(self, reason: str = "stopped by the user") -> Aborted:
        """Stop it and all below it; its parent gets an `ActionAbortedError`. Says if it had ended."""
        return aborting.abort(self._link, self.run_name, action=self.name, reason=reason)

    @twin
    def get_logs(self, attempt: int | None = None, filter_system: bool = False, show_ts: bool = False) -> Iterator[str]:
        """Its output, line by line."""
        return handle.lines_of(handle.read_logs(self._link, self.run_name, self.name, attempt), show_ts=show_ts)

    @twin
    def show_logs(
        self,
        attempt: int | None = None,
        max_lines: int = 30,
        show_ts: bool = False,
        raw: bool = False,
        filter_system: bool = False,
    ) -> None:
        """Print the last lines of its output."""
        for line in list(self.get_logs(attempt, show_ts=show_ts))[-max_lines:]:
            print(line)

    @property
    def logs(self) -> str:
        """All its output."""
        return "\n".join(self.get_logs())

    @property
    def placement(self) -> Placement | None:
        """Where it ran and with what software: executor, reason, image, environment, distributions, notes.

        None when it never ran, or that is not settled yet.
        """
        if not self.row.placement:
            return None
        return handle.read_placements(self._link, self.run_name).get(self.row.placement)

    @twin
    def get_report(self, attempt: int | None = None) -> str:
        """Its report as an HTML page; "" when it has none."""
        return handle.read_report(self._link, self._store, self.run_name, self.name)

    @twin
    def report(self) -> ReportPage:
        """Its report, shown in a frame of its own where this is the last line of a cell.

        A task that wrote none has one all the same, made now: inputs, outputs, timing, code, resources.
        """
        return page_of(self._link, self._store, self.run_name, self.sync().row)

    @property
    def attempts(self) -> int:
        """Which try it is at."""
        return self.row.attempt

    @twin
    def all_attempts(self) -> Any:
        """Each attempt with its times and its error; its output is `get_logs(attempt=n)`."""
        from flytenb.client.attempts import attempts_of  # who asks pays for it

        return attempts_of(self._link, self.run_name, self.name)

    @twin
    def usage(self, attempt: int | None = None) -> Usage | None:
        """What an attempt (by default its last) used of the machine; None when it took less than a second.

        `cpu` (cores), `memory` (bytes) and `gpus` are series with a value for each `step_s` seconds from `started_at`
        on (`times` are the ends of the steps), beside the peaks, `cpu_s`, what was asked for, and all that in words.

        Example:
            action.usage().text                 # "peak 1.2 GiB of 2 GiB, 3.4 CPU s, at most 1.1 of 2 cores"
            max(action.usage().memory) / 2**30
        """
        found: list[Usage] = self._link.query("usage", list[Usage], run=self.run_name, action=self.name)
        wanted = [each for each in found if attempt in (None, each.attempt)]
        return wanted[-1] if wanted else None

    @twin
    def post_mortem(self, attempt: int | None = None) -> Any:
        """Its frames when it failed, with what their variables held."""
        from flytenb.client.post_mortem import post_mortem  # who asks pays for it

        return post_mortem(self._link, self.run_name, self.name, attempt)

    def __repr__(self) -> str:
        return f'Action("{self.run_name}/{self.name}", task="{self.task_name}", phase="{self.phase}")'


def here() -> tuple[Session, ObjectStore]:
    """The session and the object store of this process's state directory."""
    state = paths.home()
    return session(state), ObjectStore(state / "objects")


class _Whole:
    """The run of an action whose wait was interrupted."""

    def __init__(self, name: str, link: Session) -> None:
        self.name, self._link = name, link

    def ended(self) -> Future[Any]:
        return self._link.ended(self.name)

    def abort(self, reason: str = "", *, group: str = "") -> Aborted:
        return aborting.abort(self._link, self.name, group=group, reason=reason)


class ActionDetails(Action):
    """An action with everything that is known of it."""


def call_in(loop: Any, function: Any, *args: Any) -> None:
    """Call in an asyncio loop from the link's thread."""
    loop.call_soon_threadsafe(function, *args)
