"""Process 1 of a container: starts the worker, reaps what is left behind, and tells how it ended.

It runs no user code, so that an end by a lack of memory, which hits the worker, is still told. Run as a program by any
Python that an image may have, also by one that is too old: standard library only, and syntax that old ones read.

It reads `boot.json` in the worker's own folder (and removes it: it holds the worker's token) and leaves `exit.json`.
"""

import errno
import json
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Where the engine mounts things.
ROOT = "/run/flytenb"
WORKER = ROOT + "/worker"
RUNTIME = ROOT + "/runtime"
#: The worker could not begin: `error.txt` says why.
BROKEN = 71
#: The worker ended by itself after an action had failed.
FAILED = 75


def tell(**facts: object) -> None:
    """Leave a report where the engine's side finds it, whole or not at all."""
    part = WORKER + "/exit.json.part"
    with open(part, "w") as report:
        json.dump(facts, report)
    os.rename(part, WORKER + "/exit.json")


def memory() -> "tuple[int, int, int]":
    """What the kernel counts for this container: processes killed for memory, the limit, the most that was used."""
    first, second = _folder(), "/sys/fs/cgroup/memory"
    if os.path.exists(first + "/memory.events"):
        events, limit, peak = "memory.events", "memory.max", "memory.peak"
    else:
        first = second
        events, limit, peak = "memory.oom_control", "memory.limit_in_bytes", "memory.max_usage_in_bytes"
    killed = 0
    for line in _read(first + "/" + events).splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            killed = int(count)
    return killed, _number(_read(first + "/" + limit)), _number(_read(first + "/" + peak))


def _folder() -> str:
    """The container's own group in the unified hierarchy."""
    own = "/sys/fs/cgroup"
    if os.path.exists(own + "/memory.events"):
        return own
    for line in _read("/proc/self/cgroup").splitlines():
        if line.startswith("0::"):
            return own + line[3:].rstrip("/")
    return own


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except (IOError, OSError):  # noqa: UP024
        return ""


def _number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0


def _on_stop(number: int, frame: object) -> None:
    """`docker stop`, or the end of the machine: process 1 has no default for signals."""
    tell(status=-number, is_stopped=True)
    os._exit(128 + number)


def _become_worker(boot: "dict[str, Any]") -> None:
    status = BROKEN
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setpgid(0, 0)
        try:
            with open("/proc/self/oom_score_adj", "w") as score:  # the kernel takes this one, not process 1
                score.write("1000")
        except (IOError, OSError):  # noqa: UP024
            pass
        sys.path[0] = RUNTIME + "/own"
        sys.path.append(RUNTIME + "/lib")
        from flytenb.worker.container.begin import serve

        status = serve(boot, WORKER, FAILED)
    except BaseException:
        import traceback

        text = traceback.format_exc()
        sys.stderr.write(text)
        with open(WORKER + "/error.txt", "w") as report:
            report.write(text)
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


def _wait_for(worker: int) -> int:
    """Reap whatever ends until the worker does; its status, negative for a signal."""
    while True:
        try:
            pid, status = os.wait()
        except OSError as error:
            if error.errno == errno.EINTR:
                continue
            raise
        if pid == worker:
            return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _hold() -> None:
    """Stay, so that a person can look around; reaps what they leave behind."""
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except OSError:
            pass
        signal.pause()


def main() -> int:
    """Supervise one worker."""
    signal.signal(signal.SIGTERM, _on_stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    python = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < (3, 10):  # noqa: UP036  it is this file's to say so
        tell(status=BROKEN, python=python, error="python")
        return BROKEN
    with open(WORKER + "/boot.json") as file:
        boot = json.load(file)
    os.unlink(WORKER + "/boot.json")
    worker = os.fork()
    if worker == 0:
        _become_worker(boot)
    status = _wait_for(worker)
    killed, limit, peak = memory()
    is_oom = status == -signal.SIGKILL and killed > 0
    is_held = bool(boot.get("keep")) and (status < 0 or status == FAILED)
    tell(
        status=status,
        is_oom=is_oom,
        limit_bytes=limit,
        peak_bytes=peak,
        python=python,
        cache_tag=sys.implementation.cache_tag,
        is_held=is_held,
    )
    if is_held:
        _hold()
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    os._exit(main())
