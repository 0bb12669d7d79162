"""The connection to a container engine, and what stands in its way, in words."""

from __future__ import annotations

import errno
import shutil
import sys
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flytenb.containers.address import HOW_TO_NAME, Address, find_address
from flytenb.errors import ContainerEngineError

#: Seconds for one call that should answer at once.
_TIMEOUT_S = 60
#: Until the engine has said its own.
_ANY_VERSION = "1.41"
_ELSE = 'or run without containers: executor="process"'


@dataclass(frozen=True)
class EngineFacts:
    """What an engine is and can do.

    Attributes:
        address: where it is.
        is_local: it listens on this machine, so that it may see its files.
        version: of the engine.
        has_buildkit: it builds with BuildKit by itself.
        has_gpu: it says that it hands on GPUs; False may mean that it does not say.
        cgroup: "1" or "2".
        rootless: it runs as an ordinary user: root in a container is that user.
        remaps_users: users in containers are other users outside.
        desktop: a virtual machine of Docker Desktop.
        security: its security options.
        cpus, memory_bytes: of its machine.
    """

    address: str
    is_local: bool
    version: str
    has_buildkit: bool
    has_gpu: bool
    cgroup: str
    rootless: bool
    remaps_users: bool
    desktop: bool
    security: tuple[str, ...]
    cpus: int
    memory_bytes: int

    @property
    def is_near(self) -> bool:
        """Its containers can have this machine's folders and sockets: no virtual machine is in between."""
        return self.is_local and not self.desktop and sys.platform == "linux"


class Docker:
    """A container engine. Any thread may use it.

    Attributes:
        address: where it is.
        api: docker's low-level client, for all that has no name here.
    """

    def __init__(self, address: Address, api: Any) -> None:
        self.address, self.api = address, api

    @cached_property
    def facts(self) -> EngineFacts:
        """What the engine tells of itself; asked once."""
        info = self.api.info()
        builder = self.api._get(self.api._url("/_ping")).headers.get("Builder-Version", "")
        security = tuple(str(option) for option in info.get("SecurityOptions") or ())
        runtimes, devices = info.get("Runtimes") or {}, info.get("DiscoveredDevices") or ()
        return EngineFacts(
            address=self.address.url,
            is_local=self.address.url.startswith(("unix://", "npipe://")),
            version=str(info.get("ServerVersion", "")),
            has_buildkit=builder == "2",
            has_gpu="nvidia" in runtimes or bool(devices),
            cgroup=str(info.get("CgroupVersion") or "1"),
            rootless=any("name=rootless" in option for option in security),
            remaps_users=any("name=userns" in option for option in security),
            desktop=info.get("OperatingSystem") == "Docker Desktop",
            security=security,
            cpus=int(info.get("NCPU") or 1),
            memory_bytes=int(info.get("MemTotal") or 0),
        )

    def close(self) -> None:
        """Close its connections."""
        self.api.close()


_known: dict[Address, Docker] = {}
_lock = threading.Lock()


def connect(base_url: str = "") -> Docker:
    """The container engine of this machine, or the one at an address; made once per address.

    Raises:
        ContainerEngineError: there is none, it does not answer, or it refuses this user; says what to do.
    """
    try:
        address = find_address(base_url)
    except LookupError as error:
        raise ContainerEngineError(
            f'the Docker context "{error.args[0]}" does not exist; see `docker context ls`, {_ELSE}'
        ) from error
    with _lock:
        known = _known.get(address)
        if known is None:
            known = _known[address] = Docker(address, _open(address))
    return known


def forget(docker: Docker) -> None:
    """The engine went away: the next `connect` begins anew."""
    with _lock:
        if _known.get(docker.address) is docker:
            del _known[docker.address]


def _open(address: Address) -> Any:
    try:
        import docker
        from docker.tls import TLSConfig
    except ImportError as error:
        raise ContainerEngineError(
            f"the Python package docker cannot be imported ({error}); install it (pip install docker), {_ELSE}"
        ) from error
    tls: Any = False
    if address.certificates and not address.url.startswith("unix://"):
        folder = address.certificates
        tls = TLSConfig(
            client_cert=(f"{folder}/cert.pem", f"{folder}/key.pem"),
            ca_cert=f"{folder}/ca.pem",
            verify=address.is_verified,
        )
    if address.url.startswith("ssh://"):
        return _open_ssh(docker, address)
    try:
        if not tls:
            return docker.APIClient(base_url=address.url, version="auto", timeout=_TIMEOUT_S, max_pool_size=32)
        api = docker.APIClient(
            base_url=address.url, version=_ANY_VERSION, timeout=_TIMEOUT_S, tls=tls, max_pool_size=32
        )
        api.trust_env = False  # REQUESTS_CA_BUNDLE would take the place of the engine's own certificates
        api._version = api._retrieve_server_version()
        return api
    except Exception as error:  # docker, requests and urllib3 share no class
        raise ContainerEngineError(_why(address, error)) from error


def _open_ssh(docker: Any, address: Address) -> Any:
    from flytenb.containers.ssh import SshAdapter  # with it comes what few need

    if shutil.which("ssh") is None:
        raise ContainerEngineError(
            f"the Docker engine at {address.url} is met through ssh, and there is no ssh here: install it (OpenSSH), "
            f"{_ELSE}"
        )
    # The name and the version stand in until the adapter is there: nothing is asked before.
    api = docker.APIClient(base_url="http://docker:2375", version=_ANY_VERSION, timeout=_TIMEOUT_S)
    adapter = SshAdapter(address.url, 32)
    api.mount("http://", adapter)
    try:
        api._version = api._retrieve_server_version()
    except Exception as error:  # docker, requests and urllib3 share no class
        words = adapter.last_words or str(error)
        raise ContainerEngineError(
            f"the Docker engine at {address.url} does not answer: {words}; see that `ssh` reaches the host without a "
            f"password and that docker is there ({HOW_TO_NAME}), {_ELSE}"
        ) from error
    return api


def _why(address: Address, error: BaseException) -> str:
    """Why there is no connection, and what to do."""
    where = f"{address.url} (from {address.named_by})" if address.named_by else address.url
    number = _errno(error)
    if address.socket is not None and (number == errno.ENOENT or not address.socket.exists()):
        return (
            f"no Docker engine at {where}: there is no such socket; start Docker, set DOCKER_HOST to yours "
            f"({HOW_TO_NAME}), {_ELSE}"
        )
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"this user may not use the Docker engine at {where}; add the user to the group docker "
            f"(sudo usermod -aG docker $USER, then log in again), use rootless Docker, {_ELSE}"
        )
    if number == errno.ECONNREFUSED:
        return f"no Docker engine listens at {where}; start it (sudo systemctl start docker), {_ELSE}"
    words = str(error).splitlines()[0] if str(error) else type(error).__name__
    if type(error).__name__ == "InvalidVersion":
        return f"the Docker engine at {where} is too old: {words}; install a newer one, {_ELSE}"
    return (
        f"the Docker engine at {where} does not answer: {words}; check the address ({HOW_TO_NAME}) and that Docker "
        f"runs, {_ELSE}"
    )


def _errno(error: BaseException | None) -> int:
    """The system's error number below an exception's wrappings."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        # The number of an SSLError is one of its library.
        if isinstance(one, OSError) and one.errno and type(one).__module__ != "ssl":
            return one.errno
        waiting += [one.__cause__, one.__context__, *(each for each in one.args if isinstance(each, BaseException))]
        waiting.append(
            getattr(one, "reason", None) if isinstance(getattr(one, "reason", None), BaseException) else None
        )
    return 0


def is_missing(error: BaseException) -> bool:
    """Whether the engine says that what was asked for is not there (any more)."""
    return getattr(getattr(error, "response", None), "status_code", 0) in (404, 409)


def said(error: BaseException) -> str:
    """What the engine itself said, in one line."""
    words = str(getattr(error, "explanation", "") or error)
    return " ".join(words.split())
