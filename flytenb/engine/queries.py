"""Answers about runs: the same methods for the socket's QUERY and for the HTTP API."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from flytenb.engine import resources, rows
from flytenb.engine.asking import Asking
from flytenb.engine.builds import BuildRefused
from flytenb.engine.condition_rows import with_conditions
from flytenb.engine.history import HistoryDesk
from flytenb.engine.pools import pool_rows, worker_state
from flytenb.engine.refused import QueryError
from flytenb.model.build import BuildLog, BuildNews, BuildRow, Built
from flytenb.model.cached import CachedList, CachedRow, Pruned
from flytenb.model.containers import ContainerRow, Inside
from flytenb.model.history import Entry, Held, History
from flytenb.model.ids import RunId, action_id, action_index, action_name, parse_action_name
from flytenb.model.outcome import decode_failure, with_locals
from flytenb.model.phases import FIRST_TERMINAL, ActionPhase
from flytenb.model.placement import Placement
from flytenb.model.pools import PoolRow
from flytenb.model.resources import ResourcesView
from flytenb.model.snapshot import ActionRow, ActionTable, ConditionRow, RunRow, RunSnapshot
from flytenb.model.tags import PROTOCOL
from flytenb.model.version import VERSION
from flytenb.rules.reasons import Reasons
from flytenb.wire.paths import token_path

if TYPE_CHECKING:
    from flytenb.engine.core import Engine

#: Log lines that a snapshot carries along.
SNAPSHOT_LOGS = 40


#: What the store can count with, and a time that is one.
Number = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Parameters of every query; each method reads those it knows."""

    run: str = ""
    action: str = ""
    attempt: Number | None = None
    limit: Number = 100
    after: Number = 0
    before: str = ""
    in_phase: str = ""
    task_name: str = ""
    io: bool = False
    logs: bool = True
    traces: bool = True
    reason: str = "stopped by the user"
    #: Of a condition: the answer, who gives it, and from where. Of what is aborted: the group.
    value: Any = None
    who: str = ""
    origin: str = ""
    group: str = ""
    digest: str = ""
    force: bool = False
    #: Of a container: its name, its id, or RUN/ACTION.
    name: str = ""
    #: Of what is kept: seconds since it was made or ended, seconds since it was used; pinned or not; only say what.
    older_s: Seconds | None = None
    unused_s: Seconds | None = None
    is_on: bool = True
    is_dry: bool = False
    #: Of builds: an image, the number of one, and what was seen of it.
    spec: bytes = b""
    build: Number = 0
    version: Number = 0
    seen: Number = 0
    since: Seconds = 0.0
    #: Of the past: keys of results, and bytes that outputs hold.
    keys: tuple[bytes, ...] = ()
    needle: bytes = b""


_decode = msgspec.msgpack.Decoder(Asked).decode
_encode = msgspec.msgpack.Encoder().encode


class Queries:
    """One method per question."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.methods: dict[str, Callable[[Asked], Awaitable[Any]]] = {
            "runs": self.runs,
            "runs_below": self.runs_below,
            "run": self.run,
            "snapshot": self.snapshot,
            "actions": self.actions,
            "table": self.table,
            "placements": self.placements,
            "io": self.io,
            "logs": self.logs,
            "attempts": self.attempts,
            "post_mortem": self.post_mortem,
            "report": self.report,
            "result": self.result,
            "history": self.history,
            "entries": self.entries,
            "keys": self.keys,
            "why": self.why,
            "run_why": self.why,
            "plan": self.plan,
            "run_plan": self.plan,
            "code": self.code,
            "page": self.page,
            "previous": self.previous,
            "declared": self.declared,
            "holders": self.holders,
            "options": self.options,
            "abort": self.abort,
            "conditions": self.conditions,
            "signal": self.signal,
            "status": self.status,
            "web": self.web,
            "pools": self.pools,
            "containers": self.containers,
            "container": self.container,
            "remove_containers": self.remove_containers,
            "resources": self.resources,
            "builds": self.builds,
            "build_logs": self.build_logs,
            "build": self.build,
            "build_news": self.build_news,
            "cached": self.cached,
            "cached_result": self.cached_result,
            "pin": self.pin,
            "prune_cached": self.prune_cached,
            "prune_runs": self.prune_runs,
            "rotate_token": self.rotate_token,
            "stop": self.stop,
        }

    @cached_property
    def _past(self) -> HistoryDesk:
        return HistoryDesk(self._engine.state, lambda: self._engine.home / "store.db")

    async def answer(self, method: str, body: bytes) -> bytes:
        """The encoded answer.

        Raises:
            QueryError: no such method, run or action, or wrong parameters.
        """
        ask = self.methods.get(method)
        if ask is None:
            raise QueryError("UnknownQuery", f"no query {method!r}; there are: {', '.join(sorted(self.methods))}")
        try:
            asked = _decode(body) if body else Asked()
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise QueryError("BadQuery", f"query {method!r}: {error}") from error
        return _encode(await ask(asked))

    # ---- reading ----------------------------------------------------------------------------------------------

    async def _run_row(self, name: str) -> tuple[Any, ...]:
        row = self._engine.reader.run(name or "last")
        if row is None:
            text = "there is no run yet" if name in ("", "last") else f"there is no run named {name!r}"
            raise QueryError("RunNotFound", f"{text}; 'flytenb get run' lists them")
        return row

    def _action_number(self, run: int, name: str) -> int:
        try:
            return parse_action_name(RunId(run), name or "a0")
        except ValueError as error:
            raise QueryError("ActionNotFound", str(error)) from error

    def _present(self, row: tuple[Any, ...]) -> RunRow:
        state = self._engine.state
        live = state.runs.get(row[1])
        root = state.live.get(row[0] << 32)
        waiting = sum(number >> 32 == row[0] for number in (*state.paused, *state.unasked)) if live is not None else 0
        return rows.run_row(row, state.tasks_by_id, live, root.phase if root is not None else None, waiting)

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

    async def _actions_of(
        self, run: int, *, after: int = -1, limit: int = 1_000_000, io: bool = False
    ) -> list[ActionRow]:
        tasks, desk = self._engine.state.tasks_by_id, self._engine.conditions

        def read() -> list[ActionRow]:
            reader = self._engine.reader
            stored = reader.actions(run, after=after, limit=limit, with_values=io)
            found = with_conditions(
                [rows.action_row(row, tasks) for row in stored], desk.stored(run, {row[2] for row in stored})
            )
            found = rows.with_progress(found, rows.progress(reader.progress(run)))
            return rows.with_recoveries(found, reader.recoveries(run))

        return self._live_over(run, await asyncio.to_thread(read))

    async def actions(self, asked: Asked) -> list[ActionRow]:
        """Actions of a run in order of acceptance; `after` is an index, `io` brings encoded values along."""
        row = await self._run_row(asked.run)
        limit = asked.limit if asked.limit != Asked().limit else 1_000_000
        return await self._actions_of(row[0], after=asked.after - 1, limit=limit, io=asked.io)

    async def table(self, asked: Asked) -> ActionTable:
        """All actions of a run in compact form."""
        run = (await self._run_row(asked.run))[0]
        state = self._engine.state
        stored = self._engine.reader.actions(run)
        numbers = {row[2] for row in stored}
        reasons = Reasons(state)
        live = {
            row[0]: rows.live_row(state.live[row[0]], state, reasons)
            for row in (stored if len(state.live) else ())
            if row[0] in state.live and row[3] < FIRST_TERMINAL
        }
        facts = {number: rows.task_facts(state.tasks_by_id[number]) for number in numbers}
        said = rows.progress(self._engine.reader.progress(run))
        recoveries = self._engine.reader.recoveries(run)
        return ActionTable(tasks=facts, rows=stored, live=live, progress=said, recoveries=recoveries)

    async def placements(self, asked: Asked) -> dict[int, Placement]:
        """Where the actions of a run ran and with what software, by the number that they name."""
        actions = await self._actions_of((await self._run_row(asked.run))[0])
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
        actions = await self._actions_of(number)
        named = [action_index(each.id) for each in actions if each.failure is not None][:3]
        builds = await self._engine.builds.of_run(number)
        lines: list[tuple[Any, ...]] = []
        if logs:
            for index in named:
                one = action_id(number, index)
                lines += reader.logs(one, one, limit=SNAPSHOT_LOGS // 2)
            lines += reader.logs(number << 32, (number + 1) << 32, limit=SNAPSHOT_LOGS)
            lines = sorted({line[0]: line for line in lines}.values())
        if len(actions) <= 1_000:
            valued = {each.id: each for each in await self._actions_of(number, io=True)}
            actions = [
                msgspec.structs.replace(each, inputs=valued[each.id].inputs, outputs=valued[each.id].outputs)
                if each.id in valued
                else each
                for each in actions
            ]
        wanted = {action_id(number, index) for index in named}
        snapshot = RunSnapshot(
            run=run,
            actions=tuple(self._with_locals(each) if each.id in wanted else each for each in actions),
            traces=tuple(rows.trace_row(each) for each in reader.traces_of_run(number)) if traces else (),
            logs=tuple(rows.log_line(each) for each in lines),
            placements=rows.placements(actions, self._engine.placements),
            builds=builds,
            reports={action_name(each): digest for each, digest in reader.reports(number)},
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

    async def history(self, asked: Asked) -> History:
        """An action, what lies in the cache under its key, and earlier calls of its task."""
        row = await self._run_row(asked.run)
        return await self._past.history(self._action_number(row[0], asked.action), row[3])

    async def entries(self, asked: Asked) -> list[Entry]:
        """What lies in the cache under `keys`."""
        return await self._past.entries(asked.keys)

    async def keys(self, asked: Asked) -> list[bytes]:
        """Keys of the results of a run's actions, in order of acceptance."""
        return await self._past.keys((await self._run_row(asked.run))[0])

    @cached_property
    def _asking(self) -> Asking:
        return Asking(self._engine.home)

    async def why(self, asked: Asked) -> dict[str, Any]:
        """Why an action was taken from the cache or not; without `action` all tasks of the run."""
        return await self._asking.ask("why", *await self._named(asked))

    async def plan(self, asked: Asked) -> dict[str, Any]:
        """What a rerun of the run (or of `action`) would take from the cache, and what it would run."""
        return await self._asking.ask("plan", *await self._named(asked))

    async def code(self, asked: Asked) -> dict[str, Any]:
        """The source of an action's task as it ran, with the helpers and values that it reaches."""
        return await self._asking.ask("code", *await self._named(asked))

    async def page(self, asked: Asked) -> dict[str, Any]:
        """The report of an action as one page that needs nothing else, "" when it has none."""
        return await self._asking.ask("page", *await self._named(asked))

    async def _named(self, asked: Asked) -> tuple[str, ...]:
        number, name, *_ = await self._run_row(asked.run)
        return (name, action_name(self._action_number(number, asked.action))) if asked.action else (name,)

    async def previous(self, asked: Asked) -> dict[str, Any]:
        """The newest run of `task_name` that succeeded, or the one before `run`."""
        before = (await self._run_row(asked.run))[0] if asked.run else 1 << 31
        return await self._past.previous(asked.task_name, before)

    async def declared(self, asked: Asked) -> list[str]:
        """Keys of all code that `task_name` was ever declared with."""
        return self._past.declared(asked.task_name)

    async def holders(self, asked: Asked) -> list[Held]:
        """Who made outputs with the bytes `needle`."""
        return await self._past.holders(asked.needle)

    # ---- conditions -------------------------------------------------------------------------------------------

    async def conditions(self, asked: Asked) -> list[ConditionRow]:
        """Conditions of a run, with `is_on` those that wait for an answer only; without a run those of all runs."""
        run = (await self._run_row(asked.run))[0] if asked.run else None
        return await self._engine.conditions.listed(run, is_open=asked.is_on)

    async def signal(self, asked: Asked) -> ConditionRow:
        """Answer a condition with `value`: `name` is its name or its action's; "" = the only one that waits."""
        run = await self._run_row(asked.run)
        name = asked.action or asked.name
        return await self._engine.conditions.signal(run, name, asked.value, asked.who, asked.origin or "http")

    # ---- commands ---------------------------------------------------------------------------------------------

    async def abort(self, asked: Asked) -> dict[str, Any]:
        """Stop a run, one action or the actions of a `group`, and all below them; says whether there was anything."""
        row = await self._run_row(asked.run)
        number = self._action_number(row[0], asked.action)
        asked_again = await self._engine.aborting.abort(row, number, asked.group, asked.reason)
        said = {"group": asked.group} if asked.group else {"action": action_name(number)}
        return {"run": row[1], **said, "was_running": asked_again.count > 0, **msgspec.structs.asdict(asked_again)}

    async def web(self, asked: Asked) -> dict[str, Any]:
        """Where the HTTP API listens; it begins to when it is asked for."""
        self._engine.has_ended_a_run.set()
        await self._engine.is_served.wait()
        return {"http_socket": str(self._engine.http_socket), "port": self._engine.port}

    async def status(self, asked: Asked) -> dict[str, Any]:
        """Who the engine is and what it does now."""
        from flytenb.containers.address import docker_words  # not before somebody asks

        engine, state = self._engine, self._engine.state
        return {
            "pid": os.getpid(),
            "version": VERSION,
            "protocol": PROTOCOL,
            "socket": str(engine.socket),
            "http_socket": str(engine.http_socket),
            "port": engine.port,
            "home": str(engine.home),
            "docker": docker_words(),
            "started_at": engine.started_at,
            "runs_active": len(state.runs),
            "actions_live": len(state.live),
            "clients": sum(link.role == "client" for link in engine.links),
            "workers": [
                {
                    "id": lane.id,
                    "pid": lane.pid,
                    "state": worker_state(lane),
                    "busy": lane.busy,
                    "parked": lane.parked,
                    "python": lane.shape.launch.python if lane.shape is not None else "",
                }
                for lane in state.lanes.values()
                if not lane.is_closing
            ],
            "cpu": state.capacity.cpu,
            "cpu_used": state.capacity.used_cpu,
            "memory_bytes": state.capacity.memory_bytes,
            "memory_used_bytes": state.capacity.used_memory_bytes,
            "gpus": [
                {
                    "id": gpu.id,
                    "kind": gpu.kind,
                    "holders": [each.id for each in state.capacity.gpus.holders.get(gpu.id, ())],
                }
                for gpu in state.capacity.gpus.devices.values()
            ],
            "gpus_words": await self._engine.gpus.words(),
            "trouble": engine.trouble,
            "notes": [*engine.notes, *([engine.trouble] if engine.trouble else [])],
        }

    async def resources(self, asked: Asked) -> ResourcesView:
        """CPUs, memory and GPUs with who holds and who awaits them; looks for GPUs when nobody has."""
        await self._engine.gpus.know()
        return resources.view(self._engine.state)

    async def builds(self, asked: Asked) -> list[BuildRow]:
        """Builds of images, newest first, or the one with the number `build`."""
        found = await asyncio.to_thread(self._engine.builds.rows, asked.limit, asked.build)
        if asked.build and not found:
            raise QueryError("BuildNotFound", f"there is no build {asked.build}; 'flytenb get build' lists them")
        return found

    async def build_logs(self, asked: Asked) -> list[BuildLog]:
        """What the layers of a build wrote."""
        found = await asyncio.to_thread(self._engine.builds.logs, asked.build)
        if not found and not await self.builds(asked):
            return []
        return found

    async def build(self, asked: Asked) -> Built:
        """Build an image, or find it; answers when it is there."""
        try:
            return await self._engine.builds.build(asked.spec, force=asked.force)
        except BuildRefused as error:
            raise QueryError(error.code, str(error)) from error

    async def build_news(self, asked: Asked) -> BuildNews:
        """What changed in a build since `version` and `seen` lines; waits some seconds for it."""
        return await self._engine.builds.news(asked.spec, asked.version, asked.seen, asked.since)

    async def pools(self, asked: Asked) -> list[PoolRow]:
        """Workers by kind: who is warm, busy, parked, starting."""
        return pool_rows(self._engine.state, time.time())

    async def containers(self, asked: Asked) -> list[ContainerRow]:
        """Containers of this home: what they run or are kept for."""
        return await self._engine.containers.rows()

    async def container(self, asked: Asked) -> Inside:
        """Where an action is now, for a program that shall run beside it."""
        row = await self._run_row(asked.run)
        number = self._action_number(row[0], asked.action)
        return await self._engine.containers.inside(row[1], number, is_root_meant=bool(asked.action))

    async def remove_containers(self, asked: Asked) -> list[str]:
        """Remove the kept container `name`, or all that are kept; the names of those that are gone."""
        return await self._engine.containers.remove(asked.name)

    async def cached(self, asked: Asked) -> CachedList:
        """Cached results, newest first; `task_name` and `name` (the beginning of a key) narrow the list."""
        return await self._engine.cached.listed(asked.limit, asked.name, asked.task_name)

    async def cached_result(self, asked: Asked) -> CachedRow:
        """One cached result with its encoded values, by the beginning of its key in `name`."""
        return await self._engine.cached.one(asked.name)

    async def pin(self, asked: Asked) -> CachedRow:
        """Keep a cached result whatever is pruned; with `is_on` false no longer."""
        return await self._engine.cached.pin(asked.name, is_pinned=asked.is_on)

    async def prune_cached(self, asked: Asked) -> Pruned:
        """Forget cached results: by `name`, `task_name`, made `older_s` ago, not used for `unused_s`."""
        return await self._engine.cached.prune(
            asked.name, asked.task_name, asked.older_s, asked.unused_s, is_dry=asked.is_dry
        )

    async def prune_runs(self, asked: Asked) -> Pruned:
        """Forget runs that ended `older_s` ago, with all that belongs to them alone."""
        return await self._engine.cached.prune_runs(asked.older_s, is_dry=asked.is_dry)

    async def rotate_token(self, asked: Asked) -> dict[str, Any]:
        """Replace the home's token: who has read the old one can do nothing with it any more."""
        self._engine.rotate_token()
        return {"token": str(token_path(self._engine.home))}

    async def stop(self, asked: Asked) -> dict[str, Any]:
        """End the engine. With runs going on only by force: the next engine then goes on with them."""
        running = len(self._engine.state.runs)
        if running and not asked.force:
            raise QueryError(
                "EngineBusy",
                f"{running} run{'s go' if running > 1 else ' goes'} on; wait, abort them, or stop with --force "
                "(the next engine goes on with them)",
            )
        self._engine.loop.call_later(0.05, self._engine.is_stopping.set)
        return {"pid": os.getpid(), "runs_active": running}
