"""Find the engine of a state directory, or start it. Waits on a pipe that the engine writes, never by sleeping."""

from __future__ import annotations

import fcntl
import os
import select
import sys
import threading
import time
from pathlib import Path
from typing import Any

from flytenb.client.link import Link, LinkBroken, connect
from flytenb.errors import EngineError

#: Seconds a new engine may take until it says ready: migrations of a large store come before.
_START_TIMEOUT_S = 60.0
#: Variables of one kernel; an engine outlives it.
_KERNELS_OWN = ("JPY_PARENT_PID", "FLYTENB_BATCH")
#: How often a vanished engine is looked for again before giving up.
_ATTEMPTS = 4


def find_or_start(state: Path, *, role: str = "client", ident: str = "") -> Link:
    """A greeted link to the engine of `state`, started when there is none.

    Raises:
        EngineError: it cannot be started or it refuses; the message says why and what to do.
    """
    reason = ""
    for attempt in range(_ATTEMPTS):
        try:
            return connect(state, role=role, ident=ident)
        except LinkBroken:
            if os.environ.get("FLYTENB_IN_CONTAINER"):
                raise EngineError(
                    "a task in a container cannot start runs or ask for them: the engine is outside; call the task "
                    "instead (await task(…)), or start the run from the notebook"
                ) from None
        _make_home(state)
        lock = _lock(state)
        try:
            # Somebody else may have started it while this process waited for the lock.
            try:
                return connect(state, role=role, ident=ident)
            except LinkBroken:
                reason = spawn(state)
            try:
                return connect(state, role=role, ident=ident)
            except LinkBroken as broken:
                reason = reason or str(broken)
        finally:
            os.close(lock)
        # The engine that holds the lock of the store may be on its way up, or out.
        time.sleep(0.05 * 4**attempt)
    raise EngineError(_sentence(state, reason))


def is_there(state: Path) -> bool:
    """Whether an engine runs for this state directory; starts none."""
    try:
        connect(state).close()
    except (LinkBroken, EngineError):
        return False
    return True


def spawn(state: Path) -> str:
    """Start an engine process in its own session; "" when it is ready, else the one sentence it said."""
    import subprocess  # only who must start an engine pays for it

    ready, inherited = os.pipe()
    environment = {key: value for key, value in os.environ.items() if key not in _KERNELS_OWN}
    environment["FLYTENB_HOME"] = str(state)
    command = [sys.executable, "-m", "flytenb.engine", "--home", str(state), "--ready-fd", str(inherited)]
    try:
        with open(state / "engine.log", "ab", opener=_private) as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd="/",
                env=_importable(environment),
                pass_fds=(inherited,),
                start_new_session=True,
            )
    except OSError as error:
        os.close(ready)
        os.close(inherited)
        return f"cannot start the engine in {state}: {error.strerror or error}"
    os.close(inherited)
    try:
        said = _read_line(ready, _START_TIMEOUT_S)
    finally:
        os.close(ready)
    if said == "ready":
        # Whoever started it is its parent in the system's eyes: without a wait, a dead engine stays as a zombie.
        threading.Thread(target=process.wait, name="flytenb-reaper", daemon=True).start()
        return ""
    if said is None:
        return f"the engine said nothing for {_START_TIMEOUT_S:.0f} s"
    if said.startswith("error:"):
        return said[len("error:") :].strip()
    return _last_words(state, process)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _importable(environment: dict[str, str]) -> dict[str, str]:
    # cwd is "/" so that the engine holds no directory of the user; a package found by a relative entry of sys.path
    # (a checkout's root as "") would be lost with it.
    root = str(Path(__file__).resolve().parents[2])
    if root.endswith(("site-packages", "dist-packages")):
        return environment
    known = environment.get("PYTHONPATH", "")
    if root not in known.split(os.pathsep):
        environment["PYTHONPATH"] = os.pathsep.join(part for part in (root, known) if part)
    return environment


def _read_line(descriptor: int, timeout_s: float) -> str | None:
    """The first line, "" when the other end closed without one, None when the time is over."""
    deadline = time.monotonic() + timeout_s
    buffer = b""
    while b"\n" not in buffer:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return None
        data = os.read(descriptor, 4096)
        if not data:
            break
        buffer += data
    return buffer.split(b"\n", 1)[0].decode(errors="replace").strip()


def _last_words(state: Path, process: Any) -> str:
    """Why an engine ended without saying so: the last line of its log."""
    code = process.wait(5)
    try:
        with (state / "engine.log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
            lines = log.read().decode(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    said = f": {lines[-1].strip()}" if lines else ""
    return f"the engine ended at once (exit code {code}){said}"


def _make_home(state: Path) -> None:
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise EngineError(
            f"cannot create the state directory {state}: {error.strerror}; set FLYTENB_HOME to a writable one"
        ) from error


def _lock(state: Path) -> int:
    """Taken by who starts an engine, so that two clients start one."""
    try:
        descriptor = os.open(state / "start.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EngineError(
            f"cannot write the state directory {state}: {error.strerror}; set FLYTENB_HOME to a writable one"
        ) from error
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _sentence(state: Path, reason: str) -> str:
    said = reason.rstrip(".") or "it went away while greeting"
    if "FLYTENB_HOME" in said or "engine logs" in said or ";" in said:
        return said
    return f"the engine of {state} cannot be reached: {said}; see `flytenb engine logs`"
