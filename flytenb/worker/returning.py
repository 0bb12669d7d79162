"""A worker whose engine went away finds the next one, tells what it holds, and hands over what was not acknowledged.

Its bodies go on meanwhile. The journal has the last word: what the new engine does not want is dropped.
"""

from __future__ import annotations

import asyncio
import time
from time import perf_counter
from typing import TYPE_CHECKING, Any

from flytenb.wire import tags

if TYPE_CHECKING:
    from flytenb.worker.runtime import Runtime

#: Seconds that an engine has for coming back.
RETURN_S = 30.0
_FIRST_DELAY_S, _MOST_DELAY_S = 0.01, 0.1
#: Of what was sent and not acknowledged, these speak of an action and mean the same when they come twice.
_REPEATED = frozenset(
    (tags.FINISHED, tags.LOG, tags.TRACE, tags.HIT, tags.REPORT, tags.STARTED, tags.PROGRESS, tags.FORGET)
)

Message = Any


class Returning:
    """The way back of one process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._task: asyncio.Task[None] | None = None
        self._deadline = 0.0

    def begin(self) -> bool:
        """The link is gone: look for another engine; False when there is nothing to bring it."""
        runtime = self._runtime
        if not runtime.lane.is_open or not self._held():
            return False
        if not self._deadline:
            self._deadline = time.monotonic() + RETURN_S
        if self._task is None or self._task.done():
            self._task = runtime.loop.create_task(self._find())
        return True

    def _held(self) -> list[tuple[int, int, int, float]]:
        now = perf_counter()
        held = [
            (action.id, action.attempt, tags.HELD_BEGUN, now - action.started_at)
            if action.is_running
            else (action.id, action.attempt, tags.HELD_QUEUED, 0.0)
            for action in list(self._runtime.actions.values())
        ]
        ended = [message for message in self._runtime.link.doubtful if message[0] == tags.FINISHED]
        return held + [(message[1], message[2], tags.HELD_ENDED, message[5]) for message in ended]

    async def _find(self) -> None:
        runtime, delay_s = self._runtime, _FIRST_DELAY_S
        while True:
            try:
                await runtime.loop.create_unix_connection(lambda: runtime.link, runtime.socket_path)
                break
            except OSError:
                if time.monotonic() > self._deadline:
                    runtime.end(f"no engine came back within {RETURN_S:.0f} s")
                    return
                await asyncio.sleep(delay_s)  # a socket that is not there yet gives no event
                delay_s = min(2 * delay_s, _MOST_DELAY_S)
        runtime.link.greet([runtime.hello(), (tags.RESUME, runtime.facts, self._held())])

    def adopted(self, kept: list[tuple[int, float]]) -> None:
        """The new engine goes on with these actions; the time of each one's last line in the store."""
        runtime, logged = self._runtime, dict(kept)
        self._deadline = 0.0
        for action in list(runtime.actions.values()):
            if action.id not in logged:
                runtime.drop(action)
        runtime.declared, before = {}, runtime.declared
        again: list[Message] = []
        for action in list(runtime.actions.values()):
            again += [message for *_, message in list(action.calls.values())]
        again += [
            message
            for message in runtime.link.doubtful
            if message[0] in _REPEATED
            and message[1] in logged
            and not (message[0] == tags.LOG and message[4] <= logged[message[1]])
        ]
        for message in again:
            digest = message[3] if message[0] == tags.SUBMIT else message[2] if message[0] == tags.HIT else b""
            if digest:
                runtime.declared[digest] = before[digest]
        declarations = [(tags.DECLARE, digest, body) for digest, body in runtime.declared.items()]
        runtime.link.go_on([*declarations, *again])
