"""`flyte.extras`: special kinds of tasks."""

from __future__ import annotations

from flytenb.extras import shell
from flytenb.sdk.batcher import (
    BatchStats,
    CostEstimator,
    DynamicBatcher,
    Prompt,
    TokenBatcher,
    TokenEstimator,
)
from flytenb.sdk.container_task import ContainerTask
from flytenb.sdk.later import Later
from flytenb.sdk.serialize import serialize, serialize_env
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

webhooks = Later("flyte.extras.webhooks", "post the request from a task")
model_streamer = Later("flyte.extras.model_streamer", "load the model in a task")
