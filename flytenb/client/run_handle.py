"""The handle of a run: returned by `flyte.run` at once, or found later by name from any process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import Future
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

from flytenb.client import aborting, handle, interrupts, telling, terminal
from flytenb.client.aborting import Aborted
from flytenb.client.action import Action, ActionDetails, call_in, here
from flytenb.client.given import remember
from flytenb.client.reports import ReportPage
from flytenb.client.session import Ended, Session, Watcher, session
from flytenb.client.twin import class_twin, twin, twin_after
from flytenb.client.values import ActionInputs, ActionOutputs
from flytenb.codec.failure import revive
from flytenb.codec.objects import ObjectStore
from flytenb.model.outcome import decode_failure
from flytenb.model.phases import ActionPhase
from flytenb.model.snapshot import ActionRow, RunRow, RunSnapshot
from flytenb.wire import paths

UserValue = Any


def _ended(run: Run, *_: Any, **__: Any) -> Future[Ended]:
    return run.ended()


def _ended_or_running(run: Run, quiet: bool = False, wait_for: str = "terminal") -> Future[Any]:
    return run.ended() if wait_for == "terminal" else run._until_running()


class Run:
    """A run: what a person started, with all that descends from it.

    Example:
        run = flyte.run(search, cs=[0.1, 1])
        run.status, run.url        # at once
        run.outputs()[0]           # waits
        value = await run          # waits, the loop goes on
    """

    def __init__(
        self, name: str, link: Session, store: ObjectStore, *, task: Any = None, row: RunRow | None = None
    ) -> None:
        self.name = name
        self._state: Path = link.state
        self._store = store
        #: The live task where the run was started here: values come back in its own types.
        self._task = task
        self._row = row
        self._end: Ended | None = None

    @property
    def _link(self) -> Session:
        return session(self._state)  # never the one of before a fork

    # ---- finding ------------------------------------------------------------------------------------------------
    @class_twin
    def get(cls, name: str) -> Run:
        """The run with this name; "last" is the newest.

        Raises:
            RuntimeUserError: code RunNotFound.
        """
        link, store = here()
        row: RunRow = link.query("run", RunRow, run=name)
        return Run(row.name, link, store, row=row)

    @class_twin
    def listall(
        cls,
        in_phase: Any = None,
        task_name: str | None = None,
        task_version: str | None = None,
        created_by_subject: str | None = None,
        sort_by: tuple[str, str] | None = None,
        limit: int = 100,
        project: str | None = None,
        domain: str | None = None,
        created_at: Any = None,
        updated_at: Any = None,
        with_labels: dict[str, str] | None = None,
        with_label_keys: list[str] | None = None,
        paused_actions_only: bool = False,
    ) -> Iterator[Run]:
        """Runs, newest first."""
        link, store = here()
        phases = [None] if in_phase is None else [in_phase] if isinstance(in_phase, str) else list(in_phase)
        found: list[RunRow] = []
        for phase in phases:
            asked = {"limit": limit, "in_phase": str(phase or ""), "task_name": task_name or ""}
            found += link.query("runs", list[RunRow], **asked)
        if len(phases) > 1:
            found.sort(key=lambda row: -row.created_at)
        labels = with_labels or {}
        kept = [
            row
            for row in found
            if (created_at is None or created_at.covers(row.created_at))
            and (updated_at is None or updated_at.covers(row.ended_at or row.created_at))
            and labels.items() <= (row.origin.get("labels") or {}).items()
            and all(key in (row.origin.get("labels") or {}) for key in with_label_keys or ())
            and (not paused_actions_only or row.paused_count > 0)
        ]
        if sort_by is not None and sort_by[1].lower() == "asc":
            kept.reverse()
        return iter([Run(row.name, link, store, row=row) for row in kept[:limit]])

    # ---- what is known without waiting --------------------------------------------------------------------------
    @property
    def url(self) -> str:
        """Where the run can be looked at: the engine's page when it serves one, else `flytenb:run/NAME`."""
        return run_url(self._state, self.name)

    @property
    def row(self) -> RunRow:
        """The run as the engine has it now."""
        if self._row is None or not ActionPhase(self._row.phase).is_terminal:
            self._row = self._link.query("run", RunRow, run=self.name)
        return self._row

    @property
    def phase(self) -> ActionPhase:
        """Where it is now."""
        return self._end[0] if self._end is not None else ActionPhase(self.row.phase)

    @property
    def raw_phase(self) -> int:
        """The phase's integer."""
        return self.phase.code

    @property
    def status(self) -> str:
        """The phase as a word: "Running"."""
        return self.phase.word

    @property
    def task_name(self) -> str:
        """The root task's full name."""
        return str(self._task.name) if self._task is not None else self.row.task

    @property
    def start_time(self) -> datetime:
        """When it was accepted, UTC."""
        return datetime.fromtimestamp(self.row.created_at, timezone.utc)

    @property
    def labels(self) -> dict[str, str]:
        """The labels it was started with."""
        return dict(self.row.origin.get("labels") or {})

    def done(self) -> bool:
        """Whether it has ended."""
        return self.phase.is_terminal

    @property
    def actions(self) -> list[Action]:
        """Its actions, root first, in order of acceptance."""
        link = self._link
        return [Action(row, self.name, link, self._store) for row in handle.read_actions(link, self.name)]

    @property
    def action(self) -> Action:
        """Its root action."""
        link = self._link
        found: list[ActionRow] = link.query("actions", list[ActionRow], run=self.name, limit=1)
        return Action(found[0], self.name, link, self._store)

    def snapshot(self) -> RunSnapshot:
        """The run with its actions, traces and last log lines."""
        found: RunSnapshot = self._link.query("snapshot", RunSnapshot, run=self.name)
        return found

    def sync(self) -> Run:
        """Read it again."""
        self._row = None
        _ = self.row
        return self

    def on_change(self, callback: Watcher) -> Callable[[], None]:
        """Call back from the link's thread for each change and with None at the end; returns the undoing."""
        return self._link.watch(self.name, callback)

    # ---- waiting ------------------------------------------------------------------------------------------------
    def ended(self) -> Future[Ended]:
        """The end of the run: its phase, and its outputs or failure."""
        if self._end is not None:
            over: Future[Ended] = Future()
            over.set_result(self._end)
            return over
        return self._link.ended(self.name)

    def _outcome(self) -> Ended:
        """Block until the run has ended."""
        if self._end is None:
            try:
                self._end = telling.end_of(self, self._link)
            except KeyboardInterrupt:
                raise interrupts.detached(self) from None
        return self._end

    def _payload(self) -> bytes:
        phase, payload = self._outcome()
        if phase in (ActionPhase.SUCCEEDED, ActionPhase.RECOVERED):
            return payload
        raise handle.stamp_phase(revive(decode_failure(payload)), phase)

    def _until_running(self) -> Future[bool]:
        """Done when the run has left the queue."""
        running: Future[bool] = Future()

        def look(changed: RunSnapshot | None) -> None:
            waiting = ("queued", "waiting_for_resources", "initializing")
            if (changed is None or changed.run.phase not in waiting) and not running.done():
                running.set_result(True)

        undo = self._link.watch(self.name, look)
        running.add_done_callback(lambda _: undo())
        return running

    @twin_after(_ended_or_running, interrupts.cancelled)
    def wait(self, quiet: bool = False, wait_for: str = "terminal") -> None:
        """Wait until the run has ended (or only runs, with `wait_for="running"`).

        Raises:
            BaseRuntimeError: the run failed: an instance of `RuntimeUserError` and of the error's own class.
        """
        if wait_for not in ("terminal", "running"):
            raise ValueError(f'wait_for="{wait_for}": write "terminal" or "running"')
        if wait_for == "running":
            try:
                self._until_running().result()
            except KeyboardInterrupt:
                raise interrupts.detached(self) from None
            return
        self._payload()

    @twin_after(_ended, interrupts.cancelled)
    def outputs(self) -> ActionOutputs:
        """The outputs, waiting for them.

        Raises:
            BaseRuntimeError: the run failed: an instance of `RuntimeUserError` and of the error's own class.
        """
        found = handle.outputs_of(self._payload(), self._store, self._interface())
        return handle.came_from(found, self.name, "a0")

    def value(self) -> UserValue:
        """What the task returned, waiting for it: one value, a tuple of several, or None."""
        payload, interface = self._payload(), self._interface()
        if interface is not None:
            value = interface.decode_outputs(payload, self._store)
            remember((value,), ("",), self.name, "a0")
            return value
        outputs = handle.came_from(handle.outputs_of(payload, self._store), self.name, "a0")
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _interface(self) -> Any:
        return self._task.interface if self._task is not None else None

    def __await__(self) -> Generator[Any, None, UserValue]:
        return self._value_later().__await__()

    async def _value_later(self) -> UserValue:
        import asyncio

        if self._end is None:
            try:
                with terminal.shown(self, self._link, is_wanted=terminal.is_prompt()):
                    self._end = await asyncio.wrap_future(self.ended())
            except asyncio.CancelledError as error:
                interrupts.cancelled(self, error)
                raise
        return self.value()

    @twin
    def raise_for_status(self) -> None:
        """Raise what a parent of the run would have seen.

        Raises:
            RuntimeUserError: code RunNotDoneError: it has not ended.
        """
        if not self.done():
            raise handle.not_done(self.name, self.phase)
        self._payload()

    async def watch(self, cache_data_on_done: bool = False) -> AsyncIterator[RunDetails]:
        """The run's details at each change, at most four a second, until it has ended."""
        import asyncio

        loop = asyncio.get_running_loop()
        changes: asyncio.Queue[RunSnapshot | None] = asyncio.Queue()
        undo = self._link.watch(self.name, lambda change: call_in(loop, changes.put_nowait, change))
        try:
            while await changes.get() is not None:
                yield await asyncio.to_thread(RunDetails.of, self)
            yield await asyncio.to_thread(RunDetails.of, self)
        finally:
            undo()

    # ---- reading more -------------------------------------------------------------------------------------------
    @twin
    def inputs(self) -> ActionInputs:
        """The inputs by name."""
        return handle.inputs_of(handle.read_io(self._link, self.name, "a0"), self._store, self._interface())

    @twin
    def details(self) -> RunDetails:
        """Everything that is known of it now."""
        return RunDetails.of(self)

    @twin
    def first_failure(self) -> ActionDetails | None:
        """The action that failed first, a child rather than the root; None when nothing failed."""
        link = self._link
        failed = [row for row in handle.read_actions(link, self.name) if row.failure is not None]
        failed.sort(key=lambda row: (not row.parent, row.ended_at))
        return ActionDetails(failed[0], self.name, link, self._store) if failed else None

    @twin
    def why(self, action: str | None = None) -> Any:
        """Why an action ("a3") was taken from the cache or not; without one, all tasks of the run.

        Of a run that recovers another: what it took from there, what ran again, and what differs in the code.

        Example:
            print(run.why())          # search-1: 1 of 3 cached; clean changed
            run.why("a2").differences # what differs from the nearest earlier call
        """
        from flytenb.client.explain import why as explaining  # who asks pays for it

        link = self._link
        source = self.row.origin.get("recovers") if action is None else None
        if source:
            from flytenb.client.explain.recovered import explain_recovery

            return explain_recovery(link, self._store, self.name, str(source))
        if action is None:
            return explaining.explain_run(link, self._store, self.name)
        return explaining.explain(link, self._store, self.name, action)

    @twin
    def post_mortem(self, action: str | None = None, attempt: int | None = None) -> Any:
        """Frames of a failed action ("a8"; by default the one that failed first) with what their variables held.

        Example:
            run.post_mortem()               # in a notebook: a table for each frame
            run.post_mortem("a8").up().locals
        """
        from flytenb.client.post_mortem import post_mortem  # who asks pays for it

        return post_mortem(self._link, self.name, action or "", attempt)

    @twin
    def recreate(self, action: str | None = None, *, debug: bool | None = None) -> Any:
        """Run a failed action ("a8"; by default the one that failed first) in this process, a debugger at its error.

        Args:
            action: its name.
            debug: open pdb where it fails; None = when somebody can type.

        Returns:
            Its function, inputs and error, and code for the next cell.
        """
        recreate = import_module(f"{__package__}.recreate").recreate
        return recreate(self.name, action or "", debug=debug)

    @twin
    def spin(self, action: str | None = None, **inputs: UserValue) -> Run:
        """One action again, with the inputs that it had and today's code; what it calls is taken from this run."""
        run: Run = import_module(f"{__package__}.again").spin(self, action or "", **inputs)
        return run

    @twin
    def recover(
        self,
        *,
        force_rerun_actions: Any = None,
        trust: Any = None,
        allow_missing_source_outputs: bool = False,
        name: str | None = None,
        use_stored_code: bool = False,
        **inputs: UserValue,
    ) -> Run:
        """A new run of the same task with today's code, which takes what succeeded from this one and runs the rest.

        A call's result is taken when its task's source, with all that it reaches, and its inputs are the same. The
        view says what was taken and why the rest ran.

        Args:
            force_rerun_actions: actions ("a3") or tasks ("fit") that run all the same.
            trust: tasks ("fit") whose results are taken although their code changed since; True = all.
            allow_missing_source_outputs: run again what succeeded and whose outputs are gone.
            name: of the new run.
            use_stored_code: the code that this run had, also where the task is defined here.
            **inputs: inputs of the root that are to be others.

        Example:
            run = flyte.run(train, files)     # item 847 of the task load fails; fix its cell, then
            run = run.recover(trust="load")   # runs item 847 and what depends on it

        Raises:
            RuntimeUserError: it goes on (RunNotDoneError), or its inputs are gone.
        """
        # Starting runs is above reading them: reached by name.
        again = import_module(f"{__package__}.again")
        run: Run = again.recover_run(
            self,
            name,
            inputs,
            force=force_rerun_actions,
            trust=trust,
            is_making_lost=allow_missing_source_outputs,
            is_stored=use_stored_code,
        )
        return run

    @twin
    def abort(self, reason: str = "stopped by the user", *, group: str = "") -> Aborted:
        """Stop it with all its actions, or those of a group (`flyte.group`). What has ended stays; says if all had.

        Example:
            run.abort()
            run.abort("bad grid", group="coarse")
        """
        return aborting.abort(self._link, self.name, group=group, reason=reason)

    @twin
    def get_logs(self, attempt: int | None = None, filter_system: bool = False, show_ts: bool = False) -> Iterator[str]:
        """The output of all its actions, line by line."""
        return handle.lines_of(handle.read_logs(self._link, self.name, "", attempt), show_ts=show_ts)

    @twin
    def show_logs(
        self,
        attempt: int | None = None,
        max_lines: int = 100,
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

    @twin
    def get_report(self, attempt: int | None = None) -> str:
        """The root action's report as an HTML page; "" when it has none."""
        return handle.read_report(self._link, self._store, self.name, "a0")

    @twin
    def report(self, action: str = "a0") -> ReportPage:
        """The report of its root (or of another action), shown in a frame where this is the last line of a cell.

        A task that wrote none has one all the same, made now: inputs, outputs, timing, code, resources.

        Example:
            run.report().save("report.html")
        """
        return Action.get(run_name=self.name, name=action).report()  # type: ignore[no-any-return]

    @twin
    def get_debug_url(self) -> str | None:
        """There is no debug server: None."""
        return None

    def __str__(self) -> str:
        return str(self.value())

    def __repr__(self) -> str:
        phase = self._end[0] if self._end is not None else ActionPhase(self._row.phase) if self._row else None
        return f'Run("{self.name}"{f", phase={str(phase)!r}" if phase is not None else ""}, url="{self.url}")'


class RunDetails:
    """A run at one moment."""

    def __init__(self, run: Run, snapshot: RunSnapshot) -> None:
        self.run, self.snapshot = run, snapshot

    @classmethod
    def of(cls, run: Run) -> RunDetails:
        """The details of a run now."""
        return cls(run, run.snapshot())

    @class_twin
    def get(cls, name: str) -> RunDetails:
        """The details of the run with this name."""
        return RunDetails.of(Run.get(name))

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.name

    @property
    def phase(self) -> ActionPhase:
        """Where it was at that moment."""
        return ActionPhase(self.snapshot.run.phase)

    @property
    def task_name(self) -> str:
        """The root task's full name."""
        return self.snapshot.run.task

    def done(self) -> bool:
        """Whether it had ended."""
        return self.phase.is_terminal

    @property
    def action_details(self) -> ActionDetails:
        """The root action."""
        return ActionDetails(self.snapshot.actions[0], self.name, self.run._link, self.run._store)

    @twin
    def inputs(self) -> ActionInputs:
        """The inputs by name."""
        return self.run.inputs()  # type: ignore[no-any-return]

    @twin
    def outputs(self) -> ActionOutputs:
        """The outputs."""
        return self.run.outputs()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        row = self.snapshot.run
        return f'RunDetails("{self.name}", task="{row.task}", phase="{row.phase}", actions={row.action_count})'


def run_url(state: Path, name: str) -> str:
    """Where a run can be looked at. An address that answers nothing is worse than none: only what the engine serves."""

    try:
        page = json.loads(paths.info_path(state).read_bytes()).get("runs_page", "")
    except (OSError, ValueError):
        page = ""
    return f"{page.rstrip('/')}/{name}" if page else f"flytenb:run/{name}"
