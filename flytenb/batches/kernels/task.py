"""The action that runs a batch's kernel. It knows no Jupyter: the image, or the environment of uv, has that.

The executing process meets it at a socket in a folder that both see, says how the kernel is started, sends signals, and
hears its end. When that process goes away, so does the kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pickle
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from flytenb import private
from flytenb.codec.declared import DeclaredInterface
from flytenb.codec.interface import Interface
from flytenb.errors import RuntimeUserError
from flytenb.sdk.template import TaskTemplate

#: Shared by a container and this machine.
_OF_CONTAINER = "/run/flytenb/worker"
#: What the kernel's Python must have, as it is imported and as it is installed.
NEEDED = {name: name for name in ("ipykernel", "msgspec", "packaging", "pathspec", "fsspec")}
#: Seconds that the executing process may take to come.
_COME_S = 120.0
#: Seconds that a kernel whose executing process is gone has to end.
_END_S = 2.0
#: Of a container: what flytenb brings comes first, what it borrows comes last.
_BOOT = (
    "import sys; own, lib = sys.argv[1:3]; del sys.argv[1:3]\n"
    "if own: sys.path[:1] = ['', own]; sys.path.append(lib)\n"
    "from ipykernel.kernelapp import launch_new_instance; launch_new_instance()"
)


@dataclass(kw_only=True, eq=False, repr=False, init=False)
class KernelTask(TaskTemplate[Any, Any, Any]):
    """Runs one kernel until it ends. Its settings are those of an environment."""

    __flytenb_whole__ = True

    task_type: str = "kernel"
    inputs: dict[str, Any] = field(default_factory=lambda: {"folder": str})

    def __init__(self, environment: Any, image: Any) -> None:
        self.name, self.parent_env_name = f"{environment.name}.kernel", environment.name
        self.inputs = {"folder": str}
        for setting in ("resources", "secrets", "env_vars", "executor", "network"):
            value = getattr(environment, setting, None)
            if value is not None:
                setattr(self, setting, value)
        self.image = image
        self.__post_init__()

    @property
    def interface(self) -> Interface:
        return DeclaredInterface(self.inputs, {}, self.name)

    @property
    def code_key(self) -> str:
        """It is never cached."""
        return "flytenb.kernel/1"

    def fingerprint(self) -> str:
        """Stands for the task in the key of code that calls it."""
        return f"{self.name}:{self.code_key}"

    def to_bytes(self) -> bytes:
        """The task, whole, for another process."""
        return pickle.dumps(self, 5)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for name in ("docs", "links", "triggers"):
            state.pop(name, None)
        return state

    async def execute(self, *args: Any, **kwargs: Any) -> None:
        folder = kwargs["folder"] if "folder" in kwargs else args[0]
        await Kernel(Path(_OF_CONTAINER if is_contained() else folder) / "kernel").serve()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.execute(*args, **kwargs)


def is_contained() -> bool:
    """Whether this is a container of ours."""
    return bool(os.environ.get("FLYTENB_IN_CONTAINER"))


class Kernel:
    """One kernel and who executes a notebook in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._came = asyncio.Event()
        self._over: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        """Wait for the executing process, run the kernel that it asks for, end with it.

        Raises:
            RuntimeUserError: nobody came, or the kernel was killed.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        server = await asyncio.start_unix_server(self._meet, path=str(self._folder / "control"))
        try:
            try:
                await asyncio.wait_for(self._came.wait(), _COME_S)
            except (asyncio.TimeoutError, TimeoutError):
                words = f"the process that executes the notebook did not come within {_COME_S:g} s"
                words += "; a kernel in a container needs a Docker engine that sees this machine's files"
                raise RuntimeUserError("NobodyCame", words) from None
            status = await self._over
        finally:
            server.close()
            await self._end()
        if status not in (0, -signal.SIGTERM):
            how = f"by signal {-status}" if status < 0 else f"with exit status {status}"
            raise RuntimeUserError("KernelDied", f"the kernel ended {how}")

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(**told: Any) -> None:
            with contextlib.suppress(ConnectionError):
                writer.write(json.dumps(told).encode() + b"\n")

        self._came.set()
        lacking = [name for name in NEEDED if PathFinder.find_spec(name) is None]
        say(lacking=lacking, folder=str(self._folder), worker=os.environ.get("FLYTENB_WORKER", ""))
        try:
            while line := await reader.readline():
                said = json.loads(line)
                if "start" in said:
                    await self._start(said["start"], say)
                elif self._process is not None and self._process.returncode is None:
                    self._process.send_signal(int(said["signal"]))
        except ConnectionError:
            pass
        finally:
            if not self._over.done():
                self._over.set_result(0)  # who executed is gone, and the kernel goes with them

    async def _start(self, said: dict[str, Any], say: Callable[..., None]) -> None:
        file = self._folder / "connection.json"
        private.write(file, json.dumps(said["connection"]).encode())
        environment = {**os.environ, **said["env"], "JPY_PARENT_PID": str(os.getpid())}
        own = lib = ""
        if is_contained():
            own = str(Path(__file__).parents[3])
            lib = str(Path(own).parent / "lib")
        cwd = said["cwd"] if os.path.isdir(said["cwd"]) else None
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _BOOT, own, lib, "-f", str(file), *said["arguments"],
            env=environment, cwd=cwd, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        say(pid=self._process.pid)
        waiting = asyncio.ensure_future(self._process.wait())
        waiting.add_done_callback(lambda done: self._ended(done.result(), say))

    def _ended(self, status: int, say: Callable[..., None]) -> None:
        say(ended=status)
        if not self._over.done():
            self._over.set_result(status)

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _END_S)
        except (asyncio.TimeoutError, TimeoutError):
            process.kill()
            await process.wait()
