"""Questions about containers: which there are, where an action is now, and which kept ones may go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from flytenb.engine.refused import QueryError
from flytenb.errors import BaseRuntimeError
from flytenb.executors.base import Contained
from flytenb.executors.gpus.visible import gpu_variables
from flytenb.model.containers import ContainerRow, Inside
from flytenb.model.declaration import Grant, Launch
from flytenb.model.ids import action_name, parse_action_name, run_of
from flytenb.model.phases import ActionPhase
from flytenb.model.placement import decode_placement
from flytenb.rules.reasons import Reasons
from flytenb.rules.state import Action, Lane

if TYPE_CHECKING:
    from flytenb.engine.core import Engine

_NOWHERE = "NotRunning"
#: Seconds between looks at a container that is on its way out, and how many.
_SETTLE_S, _SETTLE_TRIES = 0.1, 50
#: States of a container that a person may want to look into.
_FOR_PEOPLE = ("busy", "kept")


class ContainerDesk:
    """What the engine knows of containers, joined with what the container engine says."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def rows(self) -> list[ContainerRow]:
        """All containers of this home, oldest first."""
        _, found = await self._listed()
        return [self._row(one) for one in found]

    async def remove(self, name: str) -> list[str]:
        """Remove a kept container, by its name or by "RUN/ACTION", or all of them ("").

        Returns:
            Names of those that are gone.
        """
        rows = await self.rows()
        kept = [row for row in rows if row.state in ("kept", "stopped")]
        going = [row.name for row in kept if name in ("", row.name, f"{row.run}/{row.action}") or _is_id(name, row)]
        if name and not going:
            if any(name in (row.name, f"{row.run}/{row.action}") or _is_id(name, row) for row in rows):
                raise QueryError("ContainerBusy", f"container {name!r} is at work; abort its action instead")
            raise QueryError("ContainerNotFound", f"no container {name!r} is kept; 'flytenb get containers' lists them")
        return await self._engine.executor.remove_kept(going) if going else []

    async def inside(self, run: str, number: int, *, is_root_meant: bool = True) -> Inside:
        """Where an action is now: the container or process that it runs in, or the container that is kept of it.

        Args:
            run: the run's name.
            number: the action.
            is_root_meant: False = nobody named the root: where it is nowhere, the run's only other one is meant.
        """
        try:
            return await self._where(run, number)
        except QueryError as error:
            if is_root_meant or error.code != _NOWHERE:
                raise
            names = sorted({row.action for row in await self.rows() if row.run == run and row.state in _FOR_PEOPLE})
            if not names:
                raise
            if len(names) > 1:
                which = ", ".join(f"{run}/{name}" for name in names)
                raise QueryError(_NOWHERE, f"run {run} has several containers, say which: {which}") from error
            return await self._where(run, parse_action_name(run_of(number), names[0]))

    async def _where(self, run: str, number: int) -> Inside:
        state = self._engine.state
        action = state.live.get(number)
        if action is None:
            return await self._kept(run, number)
        lane = action.lane
        what = f"{run}/{action_name(number)}"
        if lane is None:
            reason = Reasons(state).of(action)
            told = f": it waits ({reason})" if reason else ""
            raise QueryError(_NOWHERE, f"{what} does not run yet{told}; try again when it does")
        if lane.pin:
            raise QueryError(
                _NOWHERE,
                f'{what} runs in process {lane.pid} itself (mode "local"): look at it there, with a debugger',
            )
        if lane.executor == "docker" or action.task.declaration.launch.is_contained:
            return await self._contained(run, action, lane)
        launch = action.task.declaration.launch
        body = self._engine.placements.get(lane.placement)
        return Inside(
            executor="process",
            run=run,
            action=action_name(number),
            pid=lane.pid,
            python=(decode_placement(body).python if body else "") or launch.python,
            env_vars=_variables(launch) | gpu_variables(Grant(cpu=0, gpus=lane.gpus), launch.env_vars),
        )

    async def _contained(self, run: str, action: Action, lane: Lane) -> Inside:
        address, found = await self._listed()
        name = action_name(action.id)
        for one in reversed(found):
            is_task = one.kind == "task" and (one.run, one.action) == (run, name)
            if one.is_running and (is_task or (one.kind == "worker" and one.is_mine and one.worker == lane.id)):
                # A worker's container has its variables inside; that of a task got them with its start.
                return self._inside(one, run, name, address)
        raise QueryError(_NOWHERE, f"{run}/{name} has no running container at this moment; try again")

    async def _kept(self, run: str, number: int) -> Inside:
        name = action_name(number)
        address, found = await self._settled(number)
        for one in reversed(found):
            if one.is_kept and (number in one.actions or (one.run, one.action) == (run, name)):
                if not one.is_running:
                    raise QueryError(
                        _NOWHERE,
                        f"the container that is kept of {run}/{name} has stopped, so nothing can be run in it; copy "
                        f"files out of it with `docker cp {one.name}:/PATH .`, or look around in what it left with "
                        f"`docker commit {one.name} left && docker run --rm -it --entrypoint sh left`",
                    )
                return self._inside(one, run, name, address)
        row = self._engine.reader.action(number)
        if row is None:
            raise QueryError("ActionNotFound", f"run {run!r} has no action {name!r}")
        task = self._engine.state.tasks_by_id[row[2]].declaration
        phase = ActionPhase.of(row[3])
        hint = (
            "its container was not kept, or is removed"
            if task.launch.keep_on_failure
            else f'TaskEnvironment(name="{task.environment}", …, keep_on_failure=True) keeps the container of an '
            "action that fails"
        )
        raise QueryError(_NOWHERE, f"{run}/{name} has ended ({phase}) and nothing of it runs; {hint}")

    async def _settled(self, number: int) -> tuple[str, list[Contained]]:
        """All containers, when it is known whether one is kept of this action: that takes a moment after its end."""
        for _ in range(_SETTLE_TRIES):
            address, found = await self._listed()
            if any(number in one.actions for one in found) or not any(map(self._is_leaving, found)):
                break
            await asyncio.sleep(_SETTLE_S)
        return address, found

    def _is_leaving(self, one: Contained) -> bool:
        if one.kind != "worker" or one.is_kept:
            return False
        lane = self._engine.state.lanes.get(one.worker) if one.is_mine else None
        return lane is None or lane.is_closing

    def _inside(self, one: Contained, run: str, action: str, address: str) -> Inside:
        return Inside(
            executor="docker",
            run=run,
            action=action,
            container=one.id,
            name=one.name,
            address=address,
            kind=one.kind,
            state=self._row(one).state,
            image=one.image,
        )

    async def _listed(self) -> tuple[str, list[Contained]]:
        try:
            return await self._engine.executor.containers()
        except BaseRuntimeError as error:
            raise QueryError(error.code, str(error)) from error

    def _row(self, one: Contained) -> ContainerRow:
        lane = self._engine.state.lanes.get(one.worker) if one.kind == "worker" and one.is_mine else None
        number = next(iter(lane.actions if lane is not None else one.actions), -1)
        run, action = (self._run_name(number), action_name(number)) if number >= 0 else (one.run, one.action)
        return ContainerRow(
            name=one.name,
            id=one.id,
            kind=one.kind,
            state=_state(one, lane),
            image=one.image,
            run=run,
            action=action,
            worker=one.worker,
            created_at=one.created_at,
        )

    def _run_name(self, number: int) -> str:
        live = self._engine.state.live.get(number)
        if live is not None:
            return live.run.name
        rows = self._engine.reader.runs(limit=1, before=run_of(number) + 1)
        return str(rows[0][1]) if rows else ""


def _state(one: Contained, lane: Lane | None) -> str:
    if one.is_kept:
        return "kept" if one.is_running else "stopped"
    if one.kind == "build":
        return "building"
    if one.kind == "task":
        return "busy"
    if lane is None:
        return "leaving"
    if lane.link is None:
        return "starting"
    return "busy" if lane.actions else "warm"


def _is_id(name: str, row: ContainerRow) -> bool:
    return len(name) >= 8 and row.id.startswith(name)


def _variables(launch: Launch) -> dict[str, str]:
    """Those of the environment's image and of the task."""
    layers = launch.image.layers if launch.image is not None else ()
    of_image = {name: value for layer in layers if layer.kind == "env" for name, value in layer.options}
    return of_image | dict(launch.env_vars)
