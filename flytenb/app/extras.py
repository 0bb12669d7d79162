"""`flyte.app.extras`: ready-made kinds of apps, as declarations."""

from __future__ import annotations

from flytenb.sdk.app import FastAPIAppEnvironment
from flytenb.sdk.later import later_class

__all__ = ["FastAPIAppEnvironment", "FastAPIPassthroughAuthMiddleware", "FlyteWebhookAppEnvironment"]

FlyteWebhookAppEnvironment = later_class(
    "flyte.app.extras.FlyteWebhookAppEnvironment", "use the engine's own HTTP API (see `flytenb engine status`)"
)
FastAPIPassthroughAuthMiddleware = later_class(
    "flyte.app.extras.FastAPIPassthroughAuthMiddleware", "leave it out: there is no login to pass on"
)
