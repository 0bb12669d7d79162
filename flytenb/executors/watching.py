"""The end of a process that is not this one's child."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from flytenb.wire import alive

#: Seconds between looks where the system gives no event.
_LOOK_S = 0.2


def watch_end(home: Path, worker: str, pid: int, on_end: Callable[[], None]) -> int:
    """Call `on_end` in the loop when the process of a worker is gone.

    Args:
        home: the engine's home.
        worker: its name there.
        pid: its process, as far as is known.
        on_end: called once.

    Returns:
        The process, which may be signalled until then; 0 when it is gone already, or another process has its number.
    """
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        loop.call_soon(on_end)
        return 0
    except (AttributeError, OSError):  # systems without them
        descriptor = -1
    if alive.is_alive(home, worker) != pid:  # looked at after the descriptor was made: it is of this very process
        if descriptor >= 0:
            os.close(descriptor)
        loop.call_soon(on_end)
        return 0
    if descriptor < 0:
        loop.call_later(_LOOK_S, _look, home, worker, on_end)
        return pid

    def ended() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        on_end()

    loop.add_reader(descriptor, ended)
    return pid


def _look(home: Path, worker: str, on_end: Callable[[], None]) -> None:
    if alive.is_alive(home, worker):
        asyncio.get_running_loop().call_later(_LOOK_S, _look, home, worker, on_end)
    else:
        on_end()
