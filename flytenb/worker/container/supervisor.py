"""Process 1 of a container: starts the worker, reaps what is left behind, and tells how it ended.

It runs no user code, so that an end by a lack of memory, which hits the worker, is still told. Run as a program by any
Python that an image may have, also by one that is too old: standard library only, and syntax that old ones read.

It reads `boot.json` in the worker's own folder (and removes it: it holds the worker's token) and leaves `exit.json`.
With the argument `stream` nothing is shared with the engine's machine: both, and all that the worker says and needs,
travel by this program's input and output (`tunnel`).
"""

import errno
import json
import os
import signal
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flytenb.worker.container.tunnel import Tunnel

#: Where the engine mounts things.
ROOT = "/run/flytenb"
WORKER = ROOT + "/worker"
RUNTIME = ROOT + "/runtime"
#: The worker could not begin: `error.txt` says why.
BROKEN = 71
#: The worker ended by itself after an action had failed.
FAILED = 75
#: Connections to these are passed on where nothing is shared.
ENGINE_DOOR, OBJECTS_DOOR = WORKER + "/engine.sock", WORKER + "/objects.sock"
#: What else the worker leaves in its folder, and how much of it is told.
_FILES, _FILE_BYTES = ("error.txt", "failed", "actions"), 64 << 10


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


def _find_code() -> None:
    """What flytenb brings comes first, what it borrows last."""
    if sys.path[0] != RUNTIME + "/own":
        sys.path[0] = RUNTIME + "/own"
        sys.path.append(RUNTIME + "/lib")


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
        _find_code()
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
    is_far = sys.argv[1:] == ["stream"]
    python = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < (3, 10):  # noqa: UP036  it is this file's to say so
        facts = {"status": BROKEN, "python": python, "error": "python"}
        if is_far:
            body = json.dumps(facts).encode()
            os.write(1, struct.pack("<BIQ", 2, 0, len(body)) + body)
        else:
            tell(**facts)
        return BROKEN
    if is_far:
        return _far()
    with open(WORKER + "/boot.json") as file:
        boot = json.load(file)
    os.unlink(WORKER + "/boot.json")
    worker = os.fork()
    if worker == 0:
        _become_worker(boot)
    report = _report(_wait_for(worker), boot)
    tell(**report)
    return _leave(report)


def _report(status: int, boot: "dict[str, Any]") -> "dict[str, Any]":
    """How the worker ended."""
    killed, limit, peak = memory()
    tag = sys.implementation.cache_tag
    return {
        "status": status,
        "is_oom": status == -signal.SIGKILL and killed > 0,
        "limit_bytes": limit,
        "peak_bytes": peak,
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "cache_tag": tag,
        "is_compiled": os.path.exists("%s/__pycache__/begin.%s.pyc" % (os.path.dirname(__file__), tag)),  # noqa: UP031
        "is_held": bool(boot.get("keep")) and (status < 0 or status == FAILED),
    }


def _leave(report: "dict[str, Any]") -> int:
    if report["is_held"]:
        _hold()
    status = int(report["status"])
    return 128 - status if status < 0 else status


class _Stopped(Exception):
    """Whoever runs the container ends it."""


_stopped_by = []  # type: list[int]


def _look(worker: int) -> "int | None":
    """Reap what has ended; the worker's status, negative for a signal, when it is among it."""
    if _stopped_by:
        raise _Stopped
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == worker:
            found = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _far() -> int:
    """Supervise one worker where nothing is shared."""
    del sys.argv[1:]  # not for the code of users
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what somebody prints is no frame
    _find_code()
    from flytenb.worker.container.tunnel import StreamLost, Tunnel

    tunnel = Tunnel(source, sink)
    try:
        boot = tunnel.boot()
        for name, path in (("engine", ENGINE_DOOR), ("objects", OBJECTS_DOOR)):
            tunnel.open_door(name, path)
        return _supervise(boot, tunnel)
    except StreamLost:
        _end_all()
        return 128 + signal.SIGHUP


def _supervise(boot: "dict[str, Any]", tunnel: "Tunnel") -> int:
    signal.signal(signal.SIGTERM, lambda number, frame: _stopped_by.append(number))
    worker = os.fork()
    if worker == 0:
        tunnel.forget()
        _become_worker(boot)
    try:
        report = _report(tunnel.serve(lambda: _look(worker)), boot)
    except _Stopped:
        number = _stopped_by[0]
        _end_all()
        tunnel.end({"status": -number, "is_stopped": True})
        return 128 + number
    report["files"] = {name: _read(WORKER + "/" + name)[-_FILE_BYTES:] for name in _FILES}
    tunnel.end(report)
    return _leave(report)


def _end_all() -> None:
    """Whatever else runs in the container."""
    try:
        os.kill(-1, signal.SIGKILL)
    except OSError as error:
        if error.errno != errno.ESRCH:  # there is nothing else
            raise


if __name__ == "__main__":
    os._exit(main())
