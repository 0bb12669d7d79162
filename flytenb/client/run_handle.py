"""The handle of a run: returned by `flyte.run` at once, or found later by name from any process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from typing import Any

from flytenb.client.action import ActionDetails, call_in, here
from flytenb.client.run_reading import RunReading
from flytenb.client.twin import class_twin, twin
from flytenb.client.values import ActionInputs, ActionOutputs
from flytenb.model.phases import ActionPhase
from flytenb.model.snapshot import RunRow, RunSnapshot

UserValue = Any


class Run(RunReading):
    """A run: what a person started, with all that descends from it.

    Example:
        run = flyte.run(search, cs=[0.1, 1])
        run.status, run.url        # at once
        run.outputs()[0]           # waits
        value = await run          # waits, the loop goes on
    """

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

    # ---- following ----------------------------------------------------------------------------------------------
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

    @twin
    def details(self) -> RunDetails:
        """Everything that is known of it now."""
        return RunDetails.of(self)

    # ---- again --------------------------------------------------------------------------------------------------
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
