"""Stands for a kernel that an action runs: for papermill's client it is a process like any other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import tempfile
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FuturesTimeout
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from flytenb.batches.kernels.door import Door
from flytenb.batches.kernels.environment import kernel_task
from flytenb.client.action import here
from flytenb.client.beside import is_far
from flytenb.client.names import new_run_name
from flytenb.client.options import RunOptions
from flytenb.client.submit import prepared, submit_encoded
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.model.containers import Inside
from flytenb.wire import paths

if TYPE_CHECKING:
    from flytenb.batches.following import Following

_NAME = "flytenb-environment"
#: Seconds between two looks whether a container has begun: nobody tells when its socket is there.
_LOOK_S = 0.05
#: Seconds in which the end of the kernel's action is recorded.
_END_S = 15.0
_PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
#: Where a container's folder is inside.
_INSIDE = "/run/flytenb/worker/kernel"


class KernelFailed(FlytenbError):
    """The environment of a batch's kernel cannot be had."""


class Held:
    """The action of one kernel, and the line to it.

    Args:
        environment: of the user's.
        following: of the batch.
    """

    def __init__(self, environment: Any, following: Following) -> None:
        self._environment, self._following = environment, following
        self._folder = Path(tempfile.mkdtemp(prefix="flytenb-kernel-", dir="/tmp"))
        self._line: socket.socket | None = None
        self._door: Door | None = None
        self.run: Any = None
        #: The folder that it shares with this process, and its worker.
        self.inside = self.worker = ""
        self._pid: Future[int] = Future()
        #: Its exit status, when it has ended.
        self.ended: Future[int] = Future()

    @property
    def ip(self) -> str:
        """Where its sockets are for this process."""
        return str(self._folder / "kernel" / "k")

    # ---- beginning -------------------------------------------------------------------------------------------------
    def begin(self) -> None:
        """Have the environment, and in it an action that waits for its kernel.

        Raises:
            KernelFailed: it cannot be had.
        """
        told = self._met(())
        lacking = tuple(told["lacking"])
        if lacking:
            self._leave()
            image = self._environment.image
            self._following.note(
                f"image {image} of environment {self._environment.name} has no {', '.join(lacking)}: added"
            )
            told = self._met(lacking)
            if told["lacking"]:
                raise KernelFailed(
                    f'environment "{self._environment.name}" has no {", ".join(told["lacking"])}, which a kernel '
                    f"needs; add it with flyte.Image…with_pip_packages({', '.join(map(repr, told['lacking']))})"
                )
        self.inside, self.worker = told["folder"], told["worker"]

    def _met(self, lacking: tuple[str, ...]) -> dict[str, Any]:
        task = kernel_task(self._environment, lacking)
        name = f"{self._following.batch.name}.kernel" + ("-2" if lacking else "")
        self._following.wait()
        inputs, link, store = prepared(task, (), {"folder": str(self._folder)})
        more = {"parent": f"{self._following.batch.name}/a0"}
        self.run = submit_encoded(task, inputs, RunOptions(name=name), link, store, more)
        self._line = self._called()
        self._told = self._line.makefile("r", encoding="utf-8")
        line = self._told.readline()
        if not line:
            raise self._failed()
        told: dict[str, Any] = json.loads(line)
        return told

    def _called(self) -> socket.socket:
        """A line to the action, as soon as it listens."""
        ended = self.run.ended()
        while True:
            with contextlib.suppress(FuturesTimeout):
                ended.result(_LOOK_S)
                raise self._failed()
            if not self._is_there():
                continue
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                line.connect(str(self._folder / "kernel" / "control"))
                return line
            except OSError:
                line.close()

    def _is_there(self) -> bool:
        """Whether the folder that both see is where this process looks for it."""
        seen = self._folder / "kernel"
        if seen.exists():
            return (seen / "control").exists()
        link, _ = here()
        try:
            place: Inside = link.query("container", Inside, run=self.run.name, action="a0")
        except (FlytenbError, BaseRuntimeError):
            return False
        if place.executor == "docker":
            self._check_near(place)
            shared = paths.container_folder(paths.home(), place.name)
            if shared.is_dir():
                with contextlib.suppress(FileExistsError):
                    seen.symlink_to(shared / "kernel")
        return False

    def _check_near(self, place: Inside) -> None:
        try:
            sees_nothing = is_far(place)
        except Exception:  # docker and requests share no class; a container that is gone is told by its run
            return
        if sees_nothing:
            self.give_up("its kernel cannot be reached")
            raise KernelFailed(
                f'the kernel cannot run in environment "{self._environment.name}": the Docker engine at '
                f"{place.address} does not see this machine's files, through which a notebook and its kernel talk; "
                "take an engine on this machine, or run the notebook here and only its tasks there"
            )

    def _failed(self) -> KernelFailed:
        try:
            self.run.outputs()
            words = "it ended before its kernel began"
        except BaseRuntimeError as error:
            words = str(error)
        return KernelFailed(
            f'the kernel cannot run in environment "{self._environment.name}": {words}; see '
            f"`flytenb get run {self.run.name}`"
        )

    # ---- the kernel ------------------------------------------------------------------------------------------------
    def start(self, connection: dict[str, Any], env: dict[str, str], cwd: str, arguments: list[str]) -> int:
        """Start the kernel; its process id there.

        Raises:
            KernelFailed: the action is gone.
        """
        if self.inside == _INSIDE:
            self._door = Door(self._folder / "kernel" / "home", paths.home())
            self._door.open()
            env = {**env, "FLYTENB_HOME": f"{_INSIDE}/home", "FLYTENB_IN_CONTAINER": "1"}
        env = {**env, **self._following.variables_in(self.inside, self.worker)}
        self._following.told = str(self._folder / "kernel" / "runs")
        threading.Thread(target=self._hear, name="flytenb-kernel", daemon=True).start()
        mine = {**connection, "ip": f"{self.inside}/k"}
        self.say(start={"connection": mine, "env": env, "cwd": cwd, "arguments": arguments})
        try:
            return self._pid.result()
        except KernelFailed:
            raise self._failed() from None

    def say(self, **said: Any) -> None:
        """Tell the action."""
        with contextlib.suppress(OSError):
            assert self._line is not None
            self._line.sendall(json.dumps(said).encode() + b"\n")

    def _hear(self) -> None:
        status = None
        with contextlib.suppress(OSError, ValueError):
            for line in self._told:
                told = json.loads(line)
                if "pid" in told:
                    self._pid.set_result(told["pid"])
                elif "ended" in told:
                    status = told["ended"]
                    break
        if status is None:  # its worker is gone: another attempt would be of no use, for the kernel's state is too
            with contextlib.suppress(FlytenbError, BaseRuntimeError):
                self.run.abort("its kernel is gone")
        if not self._pid.done():
            self._pid.set_exception(KernelFailed("gone"))
        self.ended.set_result(-signal.SIGKILL if status is None else status)

    # ---- the end ---------------------------------------------------------------------------------------------------
    def _leave(self) -> None:
        """Hang up: the action ends, and its kernel with it."""
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)
            self._line.close()
            self._line = None
        if self.run is not None:
            try:
                self.run.ended().result(_END_S)
            except (FlytenbError, BaseRuntimeError, FuturesTimeout):
                with contextlib.suppress(FlytenbError, BaseRuntimeError):
                    self.run.abort("its batch has ended")
        seen = self._folder / "kernel"
        if seen.is_symlink():
            seen.unlink()
        else:
            shutil.rmtree(seen, ignore_errors=True)

    def give_up(self, why: str) -> None:
        """Nobody waits for its environment any more."""
        if self.run is not None:
            with contextlib.suppress(FlytenbError, BaseRuntimeError):
                self.run.abort(why)

    def close(self) -> None:
        """Leave nothing."""
        if self._door is not None:
            self._door.close()
        self._leave()
        shutil.rmtree(self._folder, ignore_errors=True)


class Process:
    """What is asked of a kernel's process."""

    def __init__(self, held: Held, pid: int) -> None:
        self._held, self.pid = held, pid

    def send_signal(self, number: int) -> None:
        """Have it sent there."""
        self._held.say(signal=int(number))

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._held.ended.result() if self._held.ended.done() else None


class EnvironmentProvisioner(KernelProvisionerBase):
    """Runs the kernel of a batch as an action."""

    #: By the kernel spec's argument: what a batch wants.
    wanted: ClassVar[dict[str, Held]] = {}

    process: Process | None = None
    _held: Held

    @property
    def has_process(self) -> bool:
        return self.process is not None

    async def pre_launch(self, **options: Any) -> dict[str, Any]:
        self._held = self.wanted[self.kernel_spec.metadata["flytenb"]]
        await asyncio.to_thread(self._held.begin)
        options = await super().pre_launch(**options)
        return {**options, "cmd": ["kernel"]}

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        connection: dict[str, Any] = {
            "transport": "ipc", "ip": self._held.ip, "key": os.urandom(16).hex(), "signature_scheme": "hmac-sha256",
            **{name: number for number, name in enumerate(_PORTS, 1)},
        }  # fmt: skip
        cwd = str(options.get("cwd") or os.getcwd())
        arguments = list(self.kernel_spec.metadata.get("arguments") or [])
        pid = await asyncio.to_thread(self._held.start, connection, {}, cwd, arguments)
        self.process = Process(self._held, pid)
        told: Any = {**connection, "key": connection["key"].encode()}
        self.connection_info = told
        return self.connection_info

    async def poll(self) -> int | None:
        return self.process.poll() if self.process is not None else 0

    async def wait(self) -> int | None:
        if self.process is None:
            return 0
        return await asyncio.wrap_future(self._held.ended)

    async def send_signal(self, signum: int) -> None:
        if self.process is not None:
            self.process.send_signal(signum)

    async def kill(self, restart: bool = False) -> None:
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        await self.send_signal(signal.SIGTERM)

    async def cleanup(self, restart: bool = False) -> None:
        await asyncio.to_thread(self._held.close)


class EnvironmentKernelManager(AsyncKernelManager):
    """Starts a kernel by an action; made by `manager_of`."""


def manager_of(held: Held) -> type[EnvironmentKernelManager]:
    """A kernel manager whose one kernel is this."""
    ident = new_run_name()
    EnvironmentProvisioner.wanted[ident] = held
    factory = KernelProvisionerFactory.instance()
    factory.provisioners[_NAME] = EntryPoint(
        _NAME, f"{__name__}:EnvironmentProvisioner", KernelProvisionerFactory.GROUP_NAME
    )
    provisioner = {"kernel_provisioner": {"provisioner_name": _NAME, "config": {}}}
    spec = KernelSpec(
        argv=["kernel"], display_name="Python", language="python",
        metadata={**provisioner, "flytenb": ident},
    )  # fmt: skip

    class Manager(EnvironmentKernelManager):
        @property
        def kernel_spec(self) -> Any:
            return spec

    return Manager
