"""Answers: the same methods for the socket's QUERY and for the HTTP API."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from flytenb.engine.asked import Asked
from flytenb.engine.asking import Asking
from flytenb.engine.history import HistoryDesk
from flytenb.engine.machine_queries import MachineQueries
from flytenb.engine.refused import QueryError
from flytenb.engine.run_queries import RunQueries
from flytenb.model.cached import CachedList, CachedRow, Pruned
from flytenb.model.history import Entry, Held, History
from flytenb.model.ids import action_name
from flytenb.model.kept import Deleted
from flytenb.model.snapshot import ConditionRow, RunRow
from flytenb.wire.paths import token_path

if TYPE_CHECKING:
    from flytenb.engine.core import Engine

_decode = msgspec.msgpack.Decoder(Asked).decode
_encode = msgspec.msgpack.Encoder().encode


class Queries(RunQueries, MachineQueries):
    """One method per question."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
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
            "usage": self.usage,
            "run_usage": self.usage,
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
            "mark_run": self.mark_run,
            "delete_run": self.delete_run,
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
        asked_again = await self._engine.aborting.abort(row, number, asked.group, asked.reason, is_alone=asked.alone)
        said = {"group": asked.group} if asked.group else {"action": action_name(number)}
        return {"run": row[1], **said, "was_running": asked_again.count > 0, **msgspec.structs.asdict(asked_again)}

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

    async def mark_run(self, asked: Asked) -> RunRow:
        """Pin a run (`is_pinned`), give it `tags` (parted by commas) or a `note`; what is not given stays."""
        row = await self._run_row(asked.run)
        await self._engine.marking.mark(row[0], asked)
        return self._present(row)

    async def delete_run(self, asked: Asked) -> Deleted:
        """Forget one run that has ended, with all that belongs to it alone; cached results stay."""
        row = await self._run_row(asked.run)
        return await self._engine.marking.delete(row[0], self._present(row))

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
