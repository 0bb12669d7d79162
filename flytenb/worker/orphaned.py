"""What a zygote does about its engine's death: see whether another one is there, and start one if nobody else does.

Clients that wait start it too, and sooner. Where none waits, results of running actions would be lost without this.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

#: Seconds for which whoever waits for a run may start an engine first, and between later tries.
FIRST_S, AGAIN_S = 1.0, 5.0
#: An engine that dies each time it is started is let lie.
MAX_STARTS = 3
#: Seconds without any engine after which workers that have not ended by themselves are ended.
LOST_S = 40.0


class Widow:
    """Looks after the engine's place, once a second.

    Args:
        request: the last one to fork: `home`, `socket`, and `restart` with the engine's `python` and module `path`.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        self._home, self._socket = Path(request["home"]), str(request["socket"])
        self._restart: dict[str, str] = request.get("restart") or {}
        self._seen_at = time.monotonic()
        self._next_start_at = self._seen_at + FIRST_S
        self._starts = 0

    def is_lost(self) -> bool:
        """Whether there was no engine for so long that nobody waits for one any more. Starts one in between."""
        now = time.monotonic()
        if self._is_there():
            self._seen_at = now
            self._next_start_at = now + AGAIN_S
            return False
        if self._restart and self._starts < MAX_STARTS and now >= self._next_start_at:
            self._next_start_at = now + AGAIN_S
            self._start()
        return now - self._seen_at > LOST_S

    def _is_there(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(self._socket)
            except OSError:
                return False
        return True

    def _start(self) -> None:
        try:
            lock = os.open(self._home / "start.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError:
            return  # no home, no engine
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            env = {**os.environ, "FLYTENB_HOME": str(self._home), "PYTHONPATH": self._restart["path"]}
            if not env["PYTHONPATH"]:
                del env["PYTHONPATH"]
            ready, told = os.pipe()
            command = [self._restart["python"], "-m", "flytenb.engine", "--home", str(self._home)]
            with (self._home / "engine.log").open("ab") as log:
                subprocess.Popen(
                    [*command, "--ready-fd", str(told)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    cwd=os.sep,
                    env=env,
                    pass_fds=(told,),
                    start_new_session=True,
                ).returncode = 0  # the zygote reaps all that ends
            self._starts += 1
            os.close(told)
            with os.fdopen(ready, "rb") as said:
                said.readline()  # ready, or why not; with the lock held, so that no client starts a second one
        except OSError:
            return  # somebody else is about to
        finally:
            os.close(lock)
