"""A program in a container of its own: files go in, it runs with its output told as it comes, files come out.

Blocking; `cancel` comes from another thread.
"""

from __future__ import annotations

import contextlib
import os
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from flytenb.containers.client import Docker, connect, forget, said
from flytenb.containers.gpus import gpu_options
from flytenb.containers.kept import keep
from flytenb.containers.labels import remove
from flytenb.errors import ContainerEngineError, ContainerStartError

_LOG_OPTIONS = {"max-size": "1m", "max-file": "1", "compress": "false"}
#: Seconds for which an engine that goes away is waited for, and between tries: it gives no event when it comes back.
_RETURN_S, _TRY_S = 60.0, 0.5
_LEAST_MEMORY_BYTES = 6 << 20
#: Seconds that a program has for ending when its container is to stop.
STOP_S = 2


class Cancelled(Exception):
    """It was cancelled."""


class NoImage(Exception):
    """The image has been removed."""


class NotSeen(Exception):
    """The engine does not see a folder of this machine: copy instead."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A container.

    Attributes:
        image: what it is made from; must be there.
        name: must be free.
        subject: who wants it, for the sentence of an error.
        command, entrypoint: None = as in the image.
        user: "" = as in the image.
        network: "" = Docker's own.
        cpu: cores, 0 = all.
        memory_bytes, shm_bytes: 0 = no limit, Docker's own.
        gpus: ids of the GPUs it gets.
        gpu_vendor: "nvidia" or "amd".
        gpu_count: where no ids are known.
        is_bare: without any privilege.
        mounts: (folder here, folder there, is writable).
        copies: (folder here, folder there): put in before it starts.
        fetched: (folder there, folder here): taken out when it has ended; it is made before, writable for all.
        keeps_failed: it stays when it ends with another status than 0.
    """

    image: str
    name: str
    subject: str
    labels: dict[str, str]
    command: Sequence[str] | None = None
    entrypoint: Sequence[str] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    user: str = ""
    network: str = ""
    cpu: float = 0.0
    memory_bytes: int = 0
    shm_bytes: int = 0
    gpus: tuple[str, ...] = ()
    gpu_vendor: str = "nvidia"
    gpu_count: int = 0
    is_bare: bool = True
    mounts: tuple[tuple[Path, str, bool], ...] = ()
    copies: tuple[tuple[Path, str], ...] = ()
    fetched: tuple[str, Path] | None = None
    keeps_failed: bool = False


@dataclass(frozen=True)
class End:
    """How it ended."""

    status: int
    is_oom: bool


class Program:
    """One container from its making to its removal."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._docker: Docker | None = None
        self._ident = ""
        self.is_cancelled = False
        #: Its name, when it stays.
        self.kept = ""

    def cancel(self) -> None:
        """End it, with a moment for the program to do so by itself; `run` raises `Cancelled`."""
        with self._lock:
            self.is_cancelled = True
            docker, ident = self._docker, self._ident
        if docker is not None and ident:
            with contextlib.suppress(Exception):  # it may be gone; whoever runs it removes it again
                docker.api.stop(ident, timeout=STOP_S)

    def run(self, docker: Docker, plan: Plan, on_output: Callable[[str, bytes], None]) -> End:
        """Run it to its end.

        Args:
            docker: the engine.
            plan: the container.
            on_output: gets "stdout" or "stderr" and what came.

        Raises:
            Cancelled: `cancel` was called.
            NoImage: the engine does not have the image (any more).
            NotSeen: a folder of `mounts` is not on the engine's machine.
            ContainerStartError: it cannot be started; says why.
            ContainerEngineError: the engine went away and did not come back.
        """
        self._docker = docker
        try:
            try:
                self._create(docker, plan)
                output = docker.api.attach(self._ident, stream=True, logs=True, demux=True)
                if self.is_cancelled:
                    raise Cancelled
                docker.api.start(self._ident)
            except Cancelled:
                raise
            except Exception as error:  # docker and requests share no class
                raise _refused(error, plan) from error
            end = self._follow(plan, output, on_output)
            if self.is_cancelled:
                raise Cancelled
            if end.status and plan.keeps_failed:
                self.kept = keep(self._docker, self._ident, plan.name)
            elif plan.fetched is not None:
                _fetch(self._docker, self._ident, *plan.fetched)
            return end
        finally:
            with contextlib.suppress(Exception):  # what ended the run is the error to tell
                if self._ident and not self.kept:
                    remove(self._docker, self._ident)

    def _create(self, docker: Docker, plan: Plan) -> None:
        api = docker.api
        if self.is_cancelled:
            raise Cancelled
        host = api.create_host_config(
            log_config={"Type": "local", "Config": _LOG_OPTIONS},
            mounts=[_bind(*one) for one in plan.mounts],
            network_mode=plan.network or "bridge",
            cap_drop=["ALL"] if plan.is_bare else None,
            security_opt=_security(docker, plan),
            userns_mode="host" if docker.facts.remaps_users else None,
            **_limits(plan, docker.facts.cpus),
            **gpu_options(plan.gpus, plan.gpu_vendor, count=plan.gpu_count, is_local=docker.facts.is_local),
        )
        ident = api.create_container(
            plan.image,
            list(plan.command) if plan.command is not None else None,
            name=plan.name,
            labels=plan.labels,
            environment=plan.environment,
            user=plan.user or None,
            entrypoint=list(plan.entrypoint) if plan.entrypoint is not None else None,
            host_config=host,
        )["Id"]
        with self._lock:
            self._ident = ident
        for folder, path in plan.copies:
            _put(docker, ident, folder, path, plan.user)
        if plan.fetched is not None:
            _put(docker, ident, None, plan.fetched[0], plan.user)

    def _follow(self, plan: Plan, output: Any, on_output: Callable[[str, bytes], None]) -> End:
        """Tell its output and wait for its end; an engine that goes away meanwhile is waited for."""
        deadline = 0.0
        while True:
            assert self._docker is not None
            try:
                for out, err in output:
                    for stream, piece in (("stdout", out), ("stderr", err)):
                        if piece:
                            on_output(stream, piece)
                status = int(self._docker.api.wait(self._ident, timeout=None)["StatusCode"])
                state = self._docker.api.inspect_container(self._ident)["State"]
                return End(status, bool(state.get("OOMKilled")) and status != 0)
            except Exception as error:  # docker, requests and urllib3 share no class
                if self.is_cancelled:
                    raise Cancelled from error
                if getattr(error, "response", None) is not None:
                    raise ContainerStartError(
                        f"{plan.subject}: its container was removed while it ran ({said(error)}); run again"
                    ) from error
                deadline = deadline or time.monotonic() + _RETURN_S
                if time.monotonic() > deadline:
                    raise ContainerEngineError(
                        f"{plan.subject}: the Docker engine went away while its container ran and did not come back; "
                        "start it, then run again"
                    ) from error
                time.sleep(_TRY_S)
                forget(self._docker)
                with contextlib.suppress(ContainerEngineError):
                    self._docker = connect(self._docker.address.url)
                output = ()


def caller(docker: Docker) -> str:
    """The user in a container who is the caller outside: root of a rootless engine's containers is who runs it."""
    return "0:0" if docker.facts.rootless else f"{os.getuid()}:{os.getgid()}"


def _bind(source: Path, target: str, is_writable: bool) -> Any:
    from docker.types import Mount

    return Mount(target=target, source=str(source), type="bind", read_only=not is_writable)


def _security(docker: Docker, plan: Plan) -> list[str]:
    options = ["no-new-privileges"] if plan.is_bare else []
    if plan.mounts and any("name=selinux" in option for option in docker.facts.security):
        options.append("label=disable")  # the home's files have no label for containers
    return options


def _limits(plan: Plan, cpus: int) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if plan.cpu:
        limits["nano_cpus"] = int(min(plan.cpu, cpus) * 1e9)
    if plan.memory_bytes:
        limits["mem_limit"] = limits["memswap_limit"] = max(plan.memory_bytes, _LEAST_MEMORY_BYTES)
    if plan.shm_bytes:
        limits["shm_size"] = plan.shm_bytes
    return limits


def _refused(error: Exception, plan: Plan) -> Exception:
    """Why the engine did not start it, and what to do."""
    if isinstance(error, ContainerStartError):
        return ContainerStartError(f"{plan.subject}: {error}")
    words = said(error)
    if "No such image" in words:
        return NoImage(words)
    if "bind source path does not exist" in words or "mount denied" in words:
        return NotSeen(words)
    if "executable file not found" in words or "no such file or directory" in words or "permission denied" in words:
        program = (*(plan.entrypoint or ()), *(plan.command or ("",)))[0]
        return ContainerStartError(
            f'{plan.subject}: image "{plan.image}" cannot run "{program}" ({words}); name a program that is there'
        )
    if "device driver" in words and "gpu" in words:
        return ContainerStartError(
            f"{plan.subject}: a GPU was asked for and this Docker engine cannot hand out GPUs; install the NVIDIA "
            f"container toolkit, then restart Docker ({words})"
        )
    if "network" in words and "not found" in words:
        return ContainerStartError(
            f'{plan.subject}: there is no Docker network "{plan.network}"; make it (docker network create '
            f"{plan.network}), or name another with network="
        )
    if "no space left" in words:
        return ContainerStartError(
            f"{plan.subject}: the disk of the Docker engine is full ({words}); free some of it (docker system prune)"
        )
    if getattr(error, "response", None) is None:
        return ContainerEngineError(f"{plan.subject}: the Docker engine does not answer: {words}; check that it runs")
    return ContainerStartError(f'{plan.subject}: a container of image "{plan.image}" cannot be started: {words}')


# ---- engines that do not see this machine's files ----------------------------------------------------------------


def _put(docker: Docker, ident: str, folder: Path | None, path: str, user: str) -> None:
    """Copy a folder into a container that has not begun; an empty one, writable for all, without `folder`."""
    uid, _, gid = user.partition(":")

    def owned(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid, entry.gid = (int(uid) if uid.isdigit() else 0), (int(gid) if gid.isdigit() else 0)
        entry.uname = entry.gname = ""
        return entry

    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w", dereference=True) as archive:
            if folder is not None:
                archive.add(folder, path.lstrip("/"), filter=owned)
            else:
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.type, entry.mode = tarfile.DIRTYPE, 0o777
                archive.addfile(owned(entry))
        file.seek(0)
        docker.api.put_archive(ident, "/", file)


def _fetch(docker: Docker, ident: str, path: str, folder: Path) -> None:
    """Copy a folder of a container that has ended."""
    pieces, _ = docker.api.get_archive(ident, path)
    with tempfile.TemporaryFile() as file:
        for piece in pieces:
            file.write(piece)
        file.seek(0)
        _unpack(file, path.rpartition("/")[2], folder)


def _unpack(file: BinaryIO, top: str, folder: Path) -> None:
    """Files and folders, and links among them, below `folder`; nothing is written beside it."""
    with tarfile.open(fileobj=file) as archive:
        for entry in archive:
            name = entry.name.removeprefix(top).lstrip("/")
            if ".." in name.split("/") or not (entry.isfile() or entry.isdir() or entry.issym()):
                continue
            target = folder / name
            inside = os.path.realpath(folder)
            if os.path.commonpath((inside, os.path.realpath(target.parent))) != inside:
                continue  # behind a link that leads away
            if target.is_symlink():
                target.unlink()  # written through, it would change what it leads to
            if entry.isdir():
                target.mkdir(parents=True, exist_ok=True)
            elif entry.issym():
                target.symlink_to(entry.linkname)
            else:
                source = archive.extractfile(entry)
                assert source is not None
                with source, target.open("wb") as copy:
                    while piece := source.read(1 << 20):
                        copy.write(piece)
                target.chmod(0o755 if entry.mode & 0o100 else 0o644)
