"""Answers about runs and their actions."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec

from flytenb.engine import rows
from flytenb.engine.asked import Asked
from flytenb.engine.below import Below, Graft
from flytenb.engine.condition_rows import with_conditions
from flytenb.engine.refused import QueryError
from flytenb.model.containers import Inside
from flytenb.model.ids import RunId, action_name, parse_action_name, run_of
from flytenb.model.outcome import decode_failure, with_locals
from flytenb.model.phases import FIRST_TERMINAL, ActionPhase
from flytenb.model.placement import Placement
from flytenb.model.snapshot import ActionRow, ActionTable, RunRow, RunSnapshot
from flytenb.model.usage import Usage
from flytenb.rules.reasons import Reasons

if TYPE_CHECKING:
    from flytenb.engine.core import Engine

#: Log lines that a snapshot carries along.
SNAPSHOT_LOGS = 40


class RunQueries:
    """What is known of a run."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def _run_row(self, name: str) -> tuple[Any, ...]:
        row = self._engine.reader.run(name or "last")
        if row is None:
            text = "there is no run yet" if name in ("", "last") else f"there is no run named {name!r}"
            raise QueryError("RunNotFound", f"{text}; 'flytenb get run' lists them")
        return row

    def _action_number(self, run: int, name: str) -> int:
        above, separator, own = name.rpartition(":")
        if separator:  # of a run below
            row = self._engine.reader.run(above)
            if row is None:
                raise QueryError("ActionNotFound", f"there is no run {above!r}, and so no action {name!r}")
            run, name = row[0], own
        try:
            return parse_action_name(RunId(run), name or "a0")
        except ValueError as error:
            raise QueryError("ActionNotFound", str(error)) from error

    def _present(self, row: tuple[Any, ...]) -> RunRow:
        state = self._engine.state
        live = state.runs.get(row[1])
        root = state.live.get(row[0] << 32)
        waiting = sum(number >> 32 == row[0] for number in (*state.paused, *state.unasked)) if live is not None else 0
        told = rows.run_row(row, state.tasks_by_id, live, root.phase if root is not None else None, waiting)
        return self._engine.marking.told(row[0], told)

    async def runs(self, asked: Asked) -> list[RunRow]:
        """Runs, newest first; `in_phase`, `task_name` and `before` (a run's name) narrow the list."""
        phase = None
        if asked.in_phase:
            try:
                phase = ActionPhase(asked.in_phase)
            except ValueError:
                known = ", ".join(each.value for each in ActionPhase)
                raise QueryError("BadQuery", f"no phase {asked.in_phase!r}; there are: {known}") from None
        before = (await self._run_row(asked.before))[0] if asked.before else None
        found: list[RunRow] = []
        while len(found) < asked.limit:
            page = self._engine.reader.runs(limit=max(asked.limit, 50), before=before)
            for row in page:
                run = self._present(row)
                is_asked = phase in (None, run.phase) or (phase == ActionPhase.PAUSED and run.paused_count)
                if is_asked and asked.task_name in ("", run.task):
                    found.append(run)
            if len(page) < max(asked.limit, 50):
                break
            before = page[-1][0]
        return found[: asked.limit]

    async def runs_below(self, asked: Asked) -> list[RunRow]:
        """Runs that a batch has started, oldest first: they are named after it."""
        return [self._present(row) for row in self._engine.reader.runs_below(asked.run)]

    async def run(self, asked: Asked) -> RunRow:
        """One run."""
        return self._present(await self._run_row(asked.run))

    def _live_over(self, run: int, stored: list[ActionRow]) -> list[ActionRow]:
        """Actions that go on, with what memory knows of them (an end is only told from disk)."""
        state = self._engine.state
        live = {number: action for number, action in state.live.items() if number >> 32 == run}
        if not live:
            return stored
        reasons = Reasons(state)
        return [
            msgspec.structs.replace(rows.live_row(live[row.id], state, reasons), inputs=row.inputs)
            if row.id in live and not row.is_terminal
            else row
            for row in stored
        ]

    def _stored(self, run: int, after: int = -1, limit: int = 1_000_000, io: bool = False) -> list[ActionRow]:
        reader, tasks, desk = self._engine.reader, self._engine.state.tasks_by_id, self._engine.conditions
        stored = reader.actions(run, after=after, limit=limit, with_values=io)
        found = with_conditions(
            [rows.action_row(row, tasks) for row in stored], desk.stored(run, {row[2] for row in stored})
        )
        found = rows.with_progress(found, rows.progress(reader.progress(run)))
        return rows.with_recoveries(found, reader.recoveries(run))

    def _graft(self, run: int) -> Graft:
        """The runs that this run's actions have started."""
        return Graft(run, [Below(*row) for row in self._engine.reader.below(run)])

    async def _actions_of(
        self, run: int, *, after: int = -1, limit: int = 1_000_000, io: bool = False, graft: Graft | None = None
    ) -> list[ActionRow]:
        """Actions of a run, then those of the runs below it."""
        found = self._live_over(run, await asyncio.to_thread(self._stored, run, after, limit, io))
        if graft is None or not graft.runs or len(found) >= limit:
            return found
        stored = await asyncio.to_thread(lambda: [(one, self._stored(one, io=io)) for one in graft.runs])
        below = [graft.action(row) for one, part in stored for row in self._live_over(one, part)]
        return [*found, *below[: limit - len(found)]]

    async def actions(self, asked: Asked) -> list[ActionRow]:
        """Actions of a run in order of acceptance; `after` is an index, `io` brings encoded values along."""
        row = await self._run_row(asked.run)
        limit = asked.limit if asked.limit != Asked().limit else 1_000_000
        graft = self._graft(row[0])
        return await self._actions_of(row[0], after=asked.after - 1, limit=limit, io=asked.io, graft=graft)

    async def table(self, asked: Asked) -> ActionTable:
        """All actions of a run in compact form."""
        run = (await self._run_row(asked.run))[0]
        state = self._engine.state
        graft, reader = self._graft(run), self._engine.reader
        stored = [row for one in (run, *graft.runs) for row in reader.actions(one)]
        below = {row[0]: graft.names(row[0], row[1]) for row in stored if row[0] >> 32 != run} if graft.runs else {}
        numbers = {row[2] for row in stored}
        reasons = Reasons(state)
        live = {
            row[0]: rows.live_row(state.live[row[0]], state, reasons)
            for row in (stored if len(state.live) else ())
            if row[0] in state.live and row[3] < FIRST_TERMINAL
        }
        facts = {number: rows.task_facts(state.tasks_by_id[number]) for number in numbers}
        said = rows.progress(each for one in (run, *graft.runs) for each in reader.progress(one))
        recoveries = {key: each for one in (run, *graft.runs) for key, each in reader.recoveries(one).items()}
        return ActionTable(tasks=facts, rows=stored, live=live, progress=said, recoveries=recoveries, below=below)

    async def placements(self, asked: Asked) -> dict[int, Placement]:
        """Where the actions of a run ran and with what software, by the number that they name."""
        run = (await self._run_row(asked.run))[0]
        actions = await self._actions_of(run, graft=self._graft(run))
        return rows.placements(actions, self._engine.placements)

    async def snapshot(self, asked: Asked) -> RunSnapshot:
        """A run with its actions, traces and last log lines."""
        snapshot, _ = await self.snapshot_of(asked.run, logs=asked.logs, traces=asked.traces)
        return snapshot

    async def snapshot_of(self, name: str, *, logs: bool = True, traces: bool = True) -> tuple[RunSnapshot, int]:
        """The snapshot and the run's number."""
        row = await self._run_row(name)
        number, reader = row[0], self._engine.reader
        # The run first: one that ends meanwhile then still counts as running, never as ended without its error.
        run = self._present(row)
        graft = self._graft(number)
        actions = await self._actions_of(number, graft=graft)
        named = [each.id for each in actions if each.failure is not None][:3]
        builds = [build for one in (number, *graft.runs) for build in await self._engine.builds.of_run(one)]
        lines: list[tuple[Any, ...]] = []
        if logs:
            for one in (one for one in named if run_of(one) == number):
                lines += reader.logs(one, one, limit=SNAPSHOT_LOGS // 2)
            lines += reader.logs(number << 32, (number + 1) << 32, limit=SNAPSHOT_LOGS)
            lines = sorted({line[0]: line for line in lines}.values())
        if len(actions) <= 1_000:
            valued = {each.id: each for each in await self._actions_of(number, io=True, graft=graft)}
            actions = [
                msgspec.structs.replace(each, inputs=valued[each.id].inputs, outputs=valued[each.id].outputs)
                if each.id in valued
                else each
                for each in actions
            ]
        told = {}
        if traces:
            told = {one: [rows.trace_row(each) for each in reader.traces_of_run(one)] for one in (number, *graft.runs)}
        pages = {one: digest for part in (number, *graft.runs) for one, digest in reader.reports(part)}
        usages = await self._engine.usage.of_snapshot(number, (one for one in named if run_of(one) == number))
        for below in graft.runs.values():
            for name, usage in (await self._engine.usage.of_snapshot(below.number, ())).items():
                usages[f"{below.name}:{name}"] = msgspec.structs.replace(usage, action=f"{below.name}:{name}")
        snapshot = RunSnapshot(
            run=run,
            actions=tuple(self._with_locals(each) if each.id in named else each for each in actions),
            traces=tuple(
                each if one == number else graft.trace(each, one) for one, part in told.items() for each in part
            ),
            logs=tuple(rows.log_line(each) for each in lines),
            placements=rows.placements(actions, self._engine.placements),
            builds=tuple({build.id: build for build in builds}.values()),
            reports={graft.name(each): digest for each, digest in pages.items()},
            usages=usages,
            taken_at=time.time(),
        )
        return snapshot, number

    def _with_locals(self, action: ActionRow) -> ActionRow:
        """A failed action with what its frames held."""
        if action.failure is None:
            return action
        told = with_locals(action.failure, self._engine.reader.post_mortem(action.id, action.attempt))
        return msgspec.structs.replace(action, failure=told)

    async def io(self, asked: Asked) -> dict[str, Any]:
        """Encoded inputs and outputs of one action, with what describes them."""
        number = self._action_number((await self._run_row(asked.run))[0], asked.action)
        row = self._engine.reader.action(number)
        if row is None:
            raise QueryError("ActionNotFound", f"run {asked.run!r} has no action {action_name(number)!r}")
        task = self._engine.state.tasks_by_id[row[2]]
        action = rows.action_row(row, self._engine.state.tasks_by_id)
        return {
            "inputs": action.inputs,
            "outputs": action.outputs,
            "failure": action.failure,
            "phase": action.phase,
            "interface": task.declaration.interface,
            "declaration": task.body,
        }

    async def logs(self, asked: Asked) -> list[Any]:
        """The last `limit` pieces of output of a run or one action, in order."""
        run = (await self._run_row(asked.run))[0]
        first, last = run << 32, ((run + 1) << 32) - 1
        if asked.action:
            first = last = self._action_number(run, asked.action)
        found = self._engine.reader.logs(first, last, attempt=asked.attempt, after=asked.after, limit=asked.limit)
        return [rows.log_line(row) for row in found]

    async def attempts(self, asked: Asked) -> list[dict[str, Any]]:
        """Attempts of an action before its last one."""
        number = self._action_number((await self._run_row(asked.run))[0], asked.action)
        return [
            {"attempt": n, "why": why, "started_at": start, "ended_at": ended, "failure": decode_failure(failure)}
            for n, why, start, ended, failure in self._engine.reader.attempts(number)
        ]

    async def usage(self, asked: Asked) -> list[Usage]:
        """What the attempts of a run, or of one `action`, used of the machine; of those longer than a second."""
        run = (await self._run_row(asked.run))[0]
        number = self._action_number(run, asked.action) if asked.action else None
        if number is not None and number not in self._engine.state.live and self._engine.reader.action(number) is None:
            raise QueryError("ActionNotFound", f"run {asked.run!r} has no action {action_name(number)!r}")
        limit = asked.limit if asked.limit != Asked().limit else 1_000
        return await self._engine.usage.of(run, number, limit)

    async def post_mortem(self, asked: Asked) -> dict[str, Any]:
        """The failure of an action's attempt (by default its last) with what its frames held."""
        number = self._action_number((await self._run_row(asked.run))[0], asked.action)
        row = self._engine.reader.action(number)
        if row is None:
            raise QueryError("ActionNotFound", f"run {asked.run!r} has no action {action_name(number)!r}")
        action = rows.action_row(row, self._engine.state.tasks_by_id)
        failures = {n: failure for n, _, _, _, failure in self._engine.reader.attempts(number)}
        attempt = asked.attempt or (action.attempt if action.failure is not None else max(failures, default=0))
        found = action.failure if attempt == action.attempt and action.failure is not None else None
        if found is None and attempt in failures:
            found = decode_failure(failures[attempt])
        if found is not None:
            found = with_locals(found, self._engine.reader.post_mortem(number, attempt))
        return {"failure": found, "attempt": attempt, "action": action.name, "task": action.task}

    async def report(self, asked: Asked) -> dict[str, str]:
        """Digest of an action's report page; "" when it has none."""
        number = self._action_number((await self._run_row(asked.run))[0], asked.action)
        return {"digest": self._engine.reader.report(number)}

    async def result(self, asked: Asked) -> dict[str, Any]:
        """Phase and payload (outputs or failure) of a run's root."""
        row = await self._run_row(asked.run)
        root = self._engine.reader.action(row[0] << 32)
        present = self._present(row)
        payload = (root[-1] if root is not None and ActionPhase(present.phase).is_terminal else b"") or b""
        return {"name": row[1], "phase": present.phase, "payload": payload}

    async def options(self, asked: Asked) -> msgspec.Raw:
        """The options that a run was started with."""
        return msgspec.Raw((await self._run_row(asked.run))[3])

    # ---- the past ---------------------------------------------------------------------------------------------

    async def container(self, asked: Asked) -> Inside:
        """Where an action is now, for a program that shall run beside it."""
        row = await self._run_row(asked.run)
        number = self._action_number(row[0], asked.action)
        return await self._engine.containers.inside(row[1], number, is_root_meant=bool(asked.action))
