"""`flyte.extras`: special kinds of tasks."""

from __future__ import annotations

from typing import Protocol

from flytenb.extras import shell
from flytenb.sdk.container_task import ContainerTask
from flytenb.sdk.later import Later, later_class
from flytenb.sdk.sleep import Sleep, SleepTask

__all__ = [
    "BatchStats",
    "ContainerTask",
    "CostEstimator",
    "DynamicBatcher",
    "Prompt",
    "Sleep",
    "SleepTask",
    "TokenBatcher",
    "TokenEstimator",
    "model_streamer",
    "serialize",
    "serialize_env",
    "shell",
    "webhooks",
]

_BATCH = "gather the items in a list and make one call"

DynamicBatcher = later_class("flyte.extras.DynamicBatcher", _BATCH)
TokenBatcher = later_class("flyte.extras.TokenBatcher", _BATCH)
BatchStats = later_class("flyte.extras.BatchStats", _BATCH)
Prompt = later_class("flyte.extras.Prompt", _BATCH)
serialize = Later("flyte.extras.serialize", "read task.declaration(…)")
serialize_env = Later("flyte.extras.serialize_env", "read env.tasks")


class CostEstimator(Protocol):
    """An item that knows its cost."""

    def estimate_cost(self) -> int:
        """In units of the batcher."""


class TokenEstimator(Protocol):
    """An item that knows its tokens."""

    def estimate_tokens(self) -> int:
        """How many."""


webhooks = Later("flyte.extras.webhooks", "post the request from a task")
model_streamer = Later("flyte.extras.model_streamer", "load the model in a task")
