"""`python -m flytenb.worker.zygote --control FD`: a prepared process that forks workers on request.

One JSON line each way. Requests: `{"op": "fork", "worker", "socket", "token", "home", "cwd", "env", "gpus", "engine",
"has_secrets", "restart"}`, `{"op": "preload", "modules"}` and `{"op": "end"}`. Reports: `ready`, `forked`, `exit`,
`preloaded`. It has one thread only, for ever: a fork beside threads may copy a lock that nobody releases.

When the control socket closes without `{"op": "end"}`, the engine was killed. Workers that hold something live on, and
look for the engine that follows. The zygote stays for them: it reaps them, and starts an engine if nobody else does.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

# What every worker needs, imported before the fork; `environment` is what nearly every program begins with.
from flytenb.sdk import environment as _environment  # noqa: F401
from flytenb.wire import alive
from flytenb.worker import gpu_lock, process, shipped
from flytenb.worker.descriptors import PIPE_BYTES, Pipes, pending_bytes, read_all
from flytenb.worker.orphaned import Widow

#: Seconds between two looks at pipes; one that is full twice running has lost its reader.
_LOOK_S = 1.0
#: What to do when no process can be made.
_REMEDIES = {
    errno.EMFILE: "; raise the limit (ulimit -n) where the engine is started, then run 'flytenb engine restart'",
    errno.ENFILE: "; the whole machine has no more: end programs, or raise fs.file-max",
    errno.EAGAIN: "; this user may have no more processes: end some, or raise the limit (ulimit -u)",
    errno.ENOMEM: "; the machine has no memory left: end programs",
}
#: Of a dead worker's last words, this much is told with its end.
_LAST_WORDS = 200


class Zygote:
    """Waits for requests and for the end of its children."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._buffer = b""
        self._workers: dict[int, str] = {}
        #: Those whose processes must be gone with them: the next worker gets their GPUs.
        self._with_gpus: set[int] = set()
        #: Worker's pid → its output; a pipe outlives its worker while a process that it started writes to it.
        self._outputs: dict[int, Pipes] = {}
        self._full: set[int] = set()
        #: Those whose last output may hold values that only the engine can tell from others.
        self._with_secrets: set[int] = set()
        #: What the last request said of the engine: enough to start another one.
        self._engine: dict[str, Any] = {}
        self._is_over = False
        self._wake_in, self._wake_out = os.pipe()
        for fd in (self._wake_in, self._wake_out):
            os.set_blocking(fd, False)

    def serve(self) -> None:
        """Until the control socket closes."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt belongs to the person's own process
        signal.set_wakeup_fd(self._wake_out, warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()
        self._say(op="ready", pid=os.getpid())
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._wake_in, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(_LOOK_S if self._outputs else None):
                    if key.fd == self._wake_in:
                        with contextlib.suppress(BlockingIOError):
                            os.read(self._wake_in, 4096)
                    elif not self._read():
                        selector.unregister(self._control)
                        if self._is_over or not self._engine:
                            return
                        self._stay(selector)
                        return
                self._reap()
                self._relieve()

    def _stay(self, selector: selectors.BaseSelector) -> None:
        """The engine was killed: until the last worker has ended."""
        engine = Widow(self._engine)
        self._reap()
        while self._workers:
            if selector.select(_LOOK_S):
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_in, 4096)
            self._reap()
            self._relieve()
            if self._workers and engine.is_lost():  # they would have ended by themselves, if they could
                for pid in self._workers:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(pid, signal.SIGKILL)

    def _read(self) -> bool:
        try:
            data = self._control.recv(1 << 16)
        except ConnectionError:
            return False
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return bool(data)

    def _obey(self, request: dict[str, Any]) -> None:
        if request["op"] == "fork":
            self._engine = request
            self._fork(request)
        elif request["op"] == "end":
            self._is_over = True
        elif request["op"] == "preload":
            failed = {}
            for name in request["modules"]:
                try:
                    importlib.import_module(name)
                except Exception as error:  # a module may raise anything while it is imported
                    failed[name] = f"{type(error).__name__}: {error}"
            gc.collect()
            gc.freeze()
            self._say(op="preloaded", failed=failed)

    def _fork(self, request: dict[str, Any]) -> None:
        pipes = None
        try:
            pipes = Pipes()
            pid = os.fork()
        except OSError as error:
            if pipes is not None:
                pipes.close()
            words = f"no process can be made: {error.strerror}{_REMEDIES.get(error.errno or 0, '')}"
            self._say(op="exit", worker=request["worker"], pid=0, status=-1, detail=words)
            return
        if pid == 0:
            self._become_worker(request, pipes)
        pipes.keep_reads()
        self._workers[pid], self._outputs[pid] = request["worker"], pipes
        if request.get("gpus"):
            self._with_gpus.add(pid)
        if request.get("has_secrets"):
            self._with_secrets.add(pid)
        self._say(op="forked", worker=request["worker"], pid=pid)

    def _become_worker(self, request: dict[str, Any], pipes: Pipes) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setpgid(0, 0)
            for fd in (self._control.fileno(), self._wake_in, self._wake_out):
                with contextlib.suppress(OSError):
                    os.close(fd)
            for others in self._outputs.values():
                others.close()
            _prepare(request)
            home = Path(request["home"])
            status = shipped.serve(request["worker"], request["socket"], request["token"], home, pipes)
        except BaseException:
            traceback.print_exc()
        process.leave(status)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            worker = self._workers.pop(pid, None)
            if worker is None:
                continue
            if pid in self._with_gpus:
                self._with_gpus.discard(pid)
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            words = [_pass_on(read, is_kept=pid not in self._with_secrets) for read in self._outputs[pid].reads]
            code = os.waitstatus_to_exitcode(status)
            # The engine takes values of secrets out, which must be whole for that, and shortens the words itself.
            most = 20 * _LAST_WORDS if pid in self._with_secrets else _LAST_WORDS
            self._say(op="exit", worker=worker, pid=pid, status=code, detail=_last_words(code, words[1][0], most))

    def _relieve(self) -> None:
        """Empty what nobody else empties, and forget pipes that have no writer any more."""
        full = set()
        for pid, pipes in list(self._outputs.items()):
            if pid not in self._workers:
                is_kept = pid not in self._with_secrets
                if {_pass_on(read, is_kept=is_kept)[1] for read in pipes.reads} == {True}:
                    pipes.close()
                    del self._outputs[pid]
                    self._with_secrets.discard(pid)
                continue
            for read in pipes.reads:
                if pending_bytes(read) < PIPE_BYTES // 2:
                    continue
                if read in self._full:
                    _pass_on(read, is_kept=pid not in self._with_secrets)
                else:
                    full.add(read)
        self._full = full

    def _say(self, **report: Any) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the engine is gone: the read tells
            self._control.sendall(json.dumps(report).encode() + b"\n")


def _pass_on(read: int, *, is_kept: bool) -> tuple[bytes, bool]:
    """What nobody has read goes where this process writes, into the engine's log; also whether that was the end."""
    data, is_over = read_all(read)
    with contextlib.suppress(OSError):
        left = data
        if data and not is_kept:
            left = f"[{len(data)} bytes of a worker that has secrets are not kept here]\n".encode()
        while left:
            left = left[os.write(2, left) :]
    return data, is_over


def _last_words(status: int, errors: bytes, most: int) -> str:
    """How a worker ended that should not have, and what it said last."""
    said = " · ".join(line.strip() for line in errors.decode("utf-8", "replace").splitlines() if line.strip())
    if not status or not said:
        return ""
    how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    return f"{how}; its last words: {said[-most:]}"


def _prepare(request: dict[str, Any]) -> None:
    """Directory, environment and random state of one worker."""
    os.environ.update(request.get("env") or {})
    os.environ["FLYTENB_WORKER"] = request["worker"]
    alive.hold(Path(request["home"]), request["worker"])
    if request.get("gpus"):
        gpu_lock.hold(Path(request["home"]) / "gpus", request["gpus"], request["engine"], request.get("allies", ()))
    cwd = request.get("cwd") or ""
    try:
        os.chdir(cwd or os.sep)
    except OSError as error:
        print(f"flytenb: the working directory {cwd} cannot be entered ({error}); using {os.sep}", file=sys.stderr)
        os.chdir(os.sep)
    if "" not in sys.path:
        sys.path.insert(0, "")  # modules beside the notebook
    numpy = sys.modules.get("numpy")
    if numpy is not None:  # every worker would draw the same numbers; Python's own random sees to itself
        numpy.random.seed()


def main() -> None:
    """Run a zygote on an inherited control socket."""
    serve(int(sys.argv[sys.argv.index("--control") + 1]))


def serve(descriptor: int) -> None:
    """Be a zygote until the control socket, which is this descriptor, closes."""
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    Zygote(control).serve()


if __name__ == "__main__":
    main()
