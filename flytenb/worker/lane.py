"""The lane: actions that wait in this process are run one at a time (in a pool, a few), in order.

An action that waits for children steps aside and the next one begins; when its children have ended it goes on at once
(the engine decided that there is room). Async actions get an `asyncio.Task` each, sync ones a thread.

Runners are tasks that take an action only when they get to run. So a burst of short actions shares one turn of the
loop, a suspended one stops the burst, and the queue stays whole for a recall.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context
from queue import SimpleQueue
from threading import Lock, Thread
from time import perf_counter

from flytenb.worker.action import Action

#: Runners made at once hold at most this much known work, so that finished results are not held up.
_BURST_S = 0.001
_BURST_COUNT = 256
#: Threads hand the GIL on this often once there are some, so that parked parents wake soon.
_SWITCH_INTERVAL_S = 0.001


class LaneThread(Thread):
    """A resident thread for sync actions, one after another."""

    def __init__(
        self, name: str, run: Callable[[LaneThread, Action], Action | None], on_idle: Callable[[LaneThread], None]
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.inbox: SimpleQueue[Action | None] = SimpleQueue()
        #: Guards `current`: a cancel must hit this action and no later one.
        self.lock = Lock()
        self.current: Action | None = None
        self._run, self._on_idle = run, on_idle

    def run(self) -> None:
        while True:
            action = self.inbox.get()
            if action is None:
                return
            while action is not None:
                action = self._run(self, action)
            self._on_idle(self)


class Lane:
    """Queue, runners and threads of one process.

    Args:
        loop: the loop that runs async actions.
        context: the context every action starts from (a copy each).
        run_async: runs one async action to its end, inside its own task.
        run_sync: runs one sync action to its end in the calling thread, in a fresh context.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: Context,
        run_async: Callable[[Action], Awaitable[None]],
        run_sync: Callable[[LaneThread, Action], None],
        *,
        is_own_process: bool = True,
    ) -> None:
        self._loop, self._context = loop, context
        self._run_async, self._run_sync = run_async, run_sync
        self._is_own_process = is_own_process
        self._lock = Lock()
        self._queue: deque[Action] = deque()
        #: Actions that run and do not wait for children.
        self._running = 0
        #: How many of them at a time; more than one in a pool whose environment says so.
        self.limit = 1
        #: Runner tasks that have not had their turn.
        self._runners = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: list[LaneThread] = []
        self._thread_count = 0
        self.is_open = True

    @property
    def queued(self) -> int:
        """Actions that have not begun."""
        return len(self._queue)

    def add(self, action: Action) -> None:
        """Queue an action; `pump` begins it."""
        self._queue.append(action)

    def recall(self, count: int) -> list[Action]:
        """Take back up to `count` actions that have not begun, last first."""
        with self._lock:
            return [self._queue.pop() for _ in range(min(count, len(self._queue)))]

    def remove(self, action: Action) -> bool:
        """Take one action out of the queue; False when it is not there."""
        with self._lock:
            try:
                self._queue.remove(action)
            except ValueError:
                return False
            return True

    def pump(self) -> None:
        """Begin what may begin. In the loop's thread."""
        if self._running >= self.limit or not self._queue or not self.is_open:
            return
        with self._lock:
            free = self.limit - self._running
            if free <= 0 or not self._queue:
                return
            head = self._queue[0]
            if head.definition.is_sync:
                if self._running:
                    return  # a sync action runs alone
                self._queue.popleft()
                self._running += 1
            burst = 1 + int(_BURST_S / (head.definition.mean_s + 1e-9))
            wanted = min(len(self._queue), _BURST_COUNT, max(free, burst))
        if head.definition.is_sync:
            self._to_thread(head)
            return
        while self._runners < wanted:
            self._runners += 1
            task = self._context.run(self._loop.create_task, self._runner())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _runner(self) -> None:
        self._runners -= 1
        with self._lock:
            if self._running >= self.limit or not self._queue or not self.is_open:
                return  # whoever holds the lane pumps when it steps aside
            if self._queue[0].definition.is_sync:
                action = None
            else:
                action = self._queue.popleft()
                self._running += 1
        if action is None:
            self.pump()
        else:
            await self._run_async(action)

    def park(self, action: Action) -> None:
        """The action begins to wait for children. Any thread; from another one the loop is to be woken to pump."""
        now = perf_counter()
        with self._lock:
            action.outstanding += 1
            if action.outstanding > 1 or not action.is_running:
                return
            action.active_s += now - action.resumed_at
            self._running -= 1

    def unpark(self, action: Action) -> None:
        """One child less to wait for. Any thread."""
        with self._lock:
            action.outstanding -= 1
            if action.outstanding or not action.is_running:
                return
            action.resumed_at = perf_counter()
            self._running += 1

    def end(self, action: Action) -> None:
        """An action's body is over; in the loop's thread it is followed by `pump`."""
        with self._lock:
            self._end(action)

    def _end(self, action: Action) -> None:
        action.is_running = False
        if not action.outstanding:
            now = perf_counter()
            action.active_s += now - action.resumed_at
            self._running -= 1
        definition = action.definition
        mean = definition.mean_s
        definition.mean_s = action.active_s if mean == 1.0 else mean + 0.2 * (action.active_s - mean)

    # ---- sync actions --------------------------------------------------------------------------------------------
    def _to_thread(self, action: Action) -> None:
        with self._lock:
            thread = self._idle.pop() if self._idle else None
        if thread is None:
            if not self._thread_count and self._is_own_process:
                sys.setswitchinterval(_SWITCH_INTERVAL_S)
            self._thread_count += 1
            thread = LaneThread(f"flytenb-lane-{self._thread_count}", self._thread_run, self._thread_idle)
            thread.start()
        thread.inbox.put(action)

    def _thread_run(self, thread: LaneThread, action: Action) -> Action | None:
        """Run an action in a lane thread; the next sync one follows without a detour over the loop."""
        self._context.copy().run(self._run_sync, thread, action)
        with self._lock:
            if self._running or not self._queue or not self.is_open or not self._queue[0].definition.is_sync:
                return None
            self._running += 1
            return self._queue.popleft()

    def _thread_idle(self, thread: LaneThread) -> None:
        with self._lock:
            self._idle.append(thread)

    def close(self) -> None:
        """Begin nothing more and let idle threads go."""
        self.is_open = False
        with self._lock:
            idle, self._idle = self._idle, []
        for thread in idle:
            thread.inbox.put(None)
