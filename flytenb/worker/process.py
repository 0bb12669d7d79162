"""The life of a worker process, from its socket to its end."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from flytenb.codec.objects import ObjectStore
from flytenb.worker.descriptors import Descriptors, Pipes
from flytenb.worker.programs import Programs
from flytenb.worker.runtime import Runtime
from flytenb.worker.shared import SharedObjects


def run_worker(
    *,
    ident: str,
    socket_path: str,
    token: str,
    programs: Programs,
    objects: Any,
    pipes: Pipes | None = None,
    find_stored: Any = None,
) -> str:
    """Serve one engine until it says stop or is gone; returns why it ended.

    Args:
        pipes: for this process's output, where somebody else reads what it leaves behind.
        find_stored: looks cached results up where this process can read the store.
    """

    async def serve() -> str:
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_end(reason: str) -> None:
            if not ended.done():
                ended.set_result(reason)

        runtime = Runtime(programs, objects, ident=ident, token=token, on_end=on_end)
        runtime.find_stored = find_stored
        runtime.descriptors = Descriptors(runtime.take_output, pipes, runtime.hidden.text)
        runtime.descriptors.install()
        runtime.capture.install()
        runtime.capture.remove_in_forks()
        try:
            await runtime.connect(socket_path)
        except OSError as error:  # it was killed meanwhile: who has no work has nothing to bring to the next one
            on_end(f"the engine is gone: {error}")
        reason = await ended
        runtime.descriptors.finish()
        runtime.lane.close()
        runtime.link.close()
        return reason

    # Not asyncio.run: it would wait for bodies that the engine has given up.
    return asyncio.new_event_loop().run_until_complete(serve())


def leave(status: int = 0) -> NoReturn:
    """End the process now: bodies in threads cannot be waited for."""
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            pass
    os._exit(status)


def open_objects(home: Path, door: str = "") -> ObjectStore:
    """The home's object store, as the default of this process too."""
    from flytenb.codec.current import set_objects

    objects: ObjectStore
    if door:
        from flytenb.worker.distant import DistantObjects

        objects = DistantObjects(home / "objects", door)
    else:
        objects = SharedObjects(home / "objects")
    set_objects(objects)
    return objects
