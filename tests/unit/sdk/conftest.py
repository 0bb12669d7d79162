"""A port that runs children in this process and remembers what it was asked for."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from flytenb.codec.current import set_objects
from flytenb.codec.objects import ObjectStore
from flytenb.context import ActionContext, current_action


class FakePort:
    def __init__(self):
        self.calls, self.traces, self.pages = [], [], []
        self.numbers, self.replay = {}, {}
        self.running = self.most_running = 0
        self.delay_s = 0.0
        self.cancelled = []

    def call(self, task, args, kwargs, group):
        self.calls.append((task.name, args, kwargs, group))
        return self._run(task, args, kwargs)

    async def _run(self, task, args, kwargs):
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.delay_s)
            result = task.forward(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result
        except asyncio.CancelledError:
            self.cancelled.append(args)
            raise
        finally:
            self.running -= 1

    def call_blocking(self, task, args, kwargs, group):
        self.calls.append((task.name, args, kwargs, group))
        return task.forward(*args, **kwargs)

    def trace(self, name, key, inputs):
        n = self.numbers[key] = self.numbers.get(key, 0) + 1
        return n, self.replay.get((key, n))

    def traced(self, name, key, n, started_at, duration_s, ok, inputs, outputs):
        self.traces.append((name, key, n, ok, inputs, outputs))

    def report(self, html):
        self.pages.append(html)

    def next_attempt(self):
        """The action runs again and finds what was recorded."""
        self.replay = {(key, n): (ok, outputs) for _, key, n, ok, _, outputs in self.traces}
        self.numbers = {}


@pytest.fixture(autouse=True)
def _objects(tmp_path):
    set_objects(ObjectStore(tmp_path / "objects"))
    yield
    set_objects(None)


@pytest.fixture
def port():
    """The test's body is an action's body."""
    port = FakePort()
    token = current_action.set(ActionContext(1, 1, "run1", "a0", "env.main", port))
    yield port
    current_action.reset(token)
