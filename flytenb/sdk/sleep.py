"""`flyte.extras.Sleep`: a task that waits; the engine keeps the time and no worker is held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

from flytenb.sdk.plugins import TaskPluginRegistry
from flytenb.sdk.task import AsyncFunctionTaskTemplate

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Sleep:
    """As `plugin_config=` of an environment: its tasks wait for as long as their first input says.

    Example:
        env = flyte.TaskEnvironment("pause", plugin_config=flyte.extras.Sleep())

        @env.task
        async def pause(duration: timedelta) -> None: ...
    """


@dataclass(kw_only=True, eq=False, repr=False)
class SleepTask(AsyncFunctionTaskTemplate[P, R, Any]):
    """A task that waits. Its first input is the time: seconds (int, float) or a timedelta."""

    task_type: str = "core-sleep"

    def __post_init__(self) -> None:
        super().__post_init__()
        annotations = self.func.__annotations__
        if not [name for name in annotations if name != "return"]:
            raise ValueError(
                f'task "{self.name}" sleeps for as long as its first input says; write "(duration: timedelta)"'
            )

    @property
    def is_timer(self) -> bool:
        return True

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        import asyncio  # who awaits this has a loop

        duration = self.interface.bind(args, kwargs)[0]
        await asyncio.sleep(duration.total_seconds() if isinstance(duration, timedelta) else float(duration))


TaskPluginRegistry.register(Sleep, SleepTask)
