"""mode="local": the same runtime in a thread of the kernel, on live task objects, recorded like any run."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import Any

from flytenb.worker.programs import LiveTasks
from flytenb.worker.runtime import Runtime


class LocalWorker:
    """A worker inside this process, for debuggers and for code that cannot leave it.

    Args:
        socket_path: where the engine listens.
        ident: the name that a run is pinned to (`RunOptions` "pin").
        tasks: live task objects by their full name; may grow later.
        objects: the process's object store.
    """

    def __init__(self, socket_path: str, token: str, ident: str, tasks: dict[str, Any], objects: Any) -> None:
        self._socket_path, self._token, self.ident = socket_path, token, ident
        self.tasks, self._objects = tasks, objects
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Future[str] | None = None
        #: Why it ended; "" while it serves.
        self.reason = ""

    @property
    def is_alive(self) -> bool:
        """Whether it serves."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, timeout_s: float = 10.0) -> None:
        """Connect and serve in the background; returns when the engine has been greeted.

        Raises:
            OSError: the engine is not there.
        """
        started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._serve, args=(started,), name="flytenb-local", daemon=True)
        self._thread.start()
        started.result(timeout_s)

    def stop(self, timeout_s: float = 2.0) -> None:
        """Close the link: the engine gives up what still runs here."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or not thread.is_alive():
            return
        loop.call_soon_threadsafe(self._end, "stopped")
        if thread is not threading.current_thread():
            thread.join(timeout_s)

    def _end(self, reason: str) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(reason)

    def _serve(self, started: concurrent.futures.Future[None]) -> None:
        loop = self._loop = asyncio.new_event_loop()
        try:
            self.reason = loop.run_until_complete(self._main(started))
        except BaseException as error:
            self.reason = f"{type(error).__name__}: {error}"
            if not started.done():
                started.set_exception(error)
        finally:
            loop.close()

    async def _main(self, started: concurrent.futures.Future[None]) -> str:
        self._ended = asyncio.get_running_loop().create_future()
        runtime = Runtime(
            LiveTasks(self.tasks),
            self._objects,
            ident=self.ident,
            token=self._token,
            role="local",
            on_end=self._end,
            is_own_process=False,
        )
        await runtime.connect(self._socket_path)
        runtime.capture.install()
        started.set_result(None)
        try:
            return await self._ended
        finally:
            runtime.capture.remove()
            runtime.lane.close()
            runtime.link.close()
            for action in list(runtime.actions.values()):
                if action.task is not None:
                    action.task.cancel()
            await asyncio.sleep(0)  # cancelled bodies unwind, the transport closes
