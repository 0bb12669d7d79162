"""What a worker's container is made of: mounts, limits, hardening. All of it is shown by `docker inspect`."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytenb.containers.client import Docker
from flytenb.containers.gpus import gpu_options
from flytenb.containers.labels import labels
from flytenb.containers.run import image_id, pull, run_to_end
from flytenb.errors import BaseRuntimeError
from flytenb.executors.docker import volumes
from flytenb.executors.docker.runtime import COMPILE
from flytenb.executors.docker.volumes import Volumes
from flytenb.model import Grant, Launch
from flytenb.private import home_key

#: Where things are inside; `worker.container.supervisor` knows them too.
_ROOT = "/run/flytenb"
_SUPERVISOR = f"{_ROOT}/runtime/own/flytenb/worker/container/supervisor.py"
#: Folders of secrets, in memory.
_SECRETS = ("/run/secrets", "/etc/flyte/secrets")
_PIDS = 4096
#: Docker takes no less.
_LEAST_MEMORY_BYTES = 6 << 20
_LOG_OPTIONS = {"max-size": "1m", "max-file": "1", "compress": "false"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """What all containers of one executor share.

    Attributes:
        home: the engine's home.
        home_id: what stands for it in labels.
        engine: what stands for this engine process in labels.
        runtime: folder with the worker's code.
        socket: where workers meet the engine.
    """

    home: Path
    home_id: str
    engine: str
    runtime: Path
    socket: Path

    def folder(self, name: str) -> Path:
        """The folder that one container shares with this executor."""
        return self.home / "containers" / name


def new_name(place: Place, worker: str) -> str:
    """A container's name, free for sure: workers of every engine begin at w1."""
    return f"flytenb-{place.home_id[:6]}-{worker}-{secrets.token_hex(3)}"


def boot_words(place: Place, worker: str, token: str, launch: Launch, *, is_far: bool = False) -> dict[str, Any]:
    """What process 1 of a container needs to know. `is_far`: nothing of this machine is seen in it."""
    user, home = _user_name(), volumes.HOME_INSIDE if is_far else str(place.home)
    own = {"FLYTENB_HOME": home, "FLYTENB_WORKER": worker, "FLYTENB_IN_CONTAINER": "1"}
    own |= {"USER": user, "LOGNAME": user}
    return {
        "worker": worker,
        "token": token,
        "key": home_key(place.home).hex(),
        "socket": f"{_ROOT}/worker/engine.sock" if is_far else f"{_ROOT}/socket/{place.socket.name}",
        "objects": f"{_ROOT}/worker/objects.sock" if is_far else "",
        "home": home,
        "cwd": launch.cwd,
        "env": {**own, **launch.env_vars},
        "keep": launch.keep_on_failure,
    }


def write_boot(place: Place, name: str, boot: dict[str, Any]) -> None:
    """The container's folder, and in it what its process 1 reads and removes; empty where that is told to it."""
    folder = place.folder(name)
    folder.mkdir(parents=True, mode=0o700)
    for shared in ("objects", "bundles"):
        (place.home / shared).mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / "boot.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(boot, file)


def _user_name() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def network(launch: Launch) -> str:
    """The network that a container joins: said by its environment, by this machine's user, or Docker's own."""
    return launch.network or os.environ.get("FLYTENB_DOCKER_NETWORK", "") or "bridge"


def user_of(docker: Docker) -> str:
    """The user in a container who is the caller outside: root of a rootless engine's containers is who runs it."""
    return "0:0" if docker.facts.rootless else f"{os.getuid()}:{os.getgid()}"


def configuration(
    docker: Docker, place: Place, name: str, worker: str, launch: Launch, grant: Grant, far: list[Any] | None = None
) -> dict[str, Any]:
    """All of a worker's container but its image. Makes the folders that it mounts; `far` is mounted instead of them."""
    facts, api = docker.facts, docker.api
    user = user_of(docker)
    uid, gid = user.split(":")
    private = f"rw,nosuid,nodev,noexec,mode=0700,uid={uid},gid={gid}"
    tmpfs = dict.fromkeys(_SECRETS, private)
    if far is None:
        mounts = [
            _bind(place.runtime, f"{_ROOT}/runtime", is_read_only=True),
            _bind(place.socket.parent, f"{_ROOT}/socket", is_read_only=True),
            _bind(place.folder(name), f"{_ROOT}/worker"),
            _bind(place.home / "objects", str(place.home / "objects")),
            _bind(place.home / "bundles", str(place.home / "bundles")),
        ]
    else:
        mounts = list(far)
        tmpfs[f"{_ROOT}/worker"] = private
    if not grant.disk_bytes:
        tmpfs["/tmp"] = "rw,exec,nosuid,nodev,mode=1777"
    elif far is None:  # memory would be counted; room on the disk was asked for
        scratch = place.folder(name) / "tmp"
        scratch.mkdir(mode=0o700)
        mounts.append(_bind(scratch, "/tmp"))
    else:
        mounts.append(_scratch("/tmp"))
    security = ["no-new-privileges"]
    if any("name=selinux" in option for option in facts.security):
        security.append("label=disable")  # the home's files have no label for containers
    host = api.create_host_config(
        mounts=mounts,
        tmpfs=tmpfs,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=security,
        network_mode=network(launch),
        pids_limit=_PIDS,
        # What it says is not for a log where its output is the way to the engine.
        log_config={"Type": "local", "Config": _LOG_OPTIONS} if far is None else {"Type": "none"},
        userns_mode="host" if facts.remaps_users and far is None else None,  # files are the caller's
        **_limits(grant, facts.cpus),
        **gpu_options(grant.gpus, grant.gpu_vendor, is_local=facts.is_local and not facts.desktop),
    )
    return {
        "name": name,
        "user": user,
        "working_dir": "/",
        "environment": {"HOME": "/tmp"},
        "labels": labels(place.home_id, "worker", worker, place.engine, may_be_kept=launch.keep_on_failure),
        "healthcheck": {"test": ["NONE"]},
        "host_config": host,
        "command": [_SUPERVISOR] if far is None else [_SUPERVISOR, "stream"],
        "stdin_open": far is not None,
    }


def create(docker: Docker, config: dict[str, Any], image: str, python: str) -> str:
    """Create a worker's container; its id. An image that is not here is pulled. Raises what docker raises."""
    for is_last in (False, True):
        try:
            made = docker.api.create_container(image, entrypoint=[python, "-B"], **config)
            break
        except Exception as error:  # docker and requests share no class
            if is_last or image_id(docker, image) or getattr(error, "response", None) is None:
                raise
        pull(docker, image)
    return str(made["Id"])


def compile_runtime(docker: Docker, place: Place, image: str, python: str, far: Volumes | None = None) -> None:
    """Make bytecode for an image's Python in the runtime's folder. Blocking; it is only slower without."""
    mounts = [_bind(place.runtime, f"{_ROOT}/runtime")] if far is None else [far.code_to_write()]
    with contextlib.suppress(BaseRuntimeError):
        run_to_end(
            docker,
            image,
            [*COMPILE, f"{_ROOT}/runtime"],
            entrypoint=[python],
            labels=labels(place.home_id, "build", engine=place.engine),
            user=user_of(docker) if far is None else "0:0",  # the volume's files are root's
            host={
                "mounts": mounts,
                "network_mode": "none",
                "cap_drop": ["ALL"],
                "security_opt": ["no-new-privileges"],
                "cpu_shares": 64,
            },
        )


def _limits(grant: Grant, cpus: int) -> dict[str, Any]:
    limits: dict[str, Any] = {"nano_cpus": int(min(grant.cpu, cpus) * 1e9)}
    if grant.memory_bytes:
        most = max(grant.memory_bytes, _LEAST_MEMORY_BYTES)
        limits["mem_limit"] = limits["memswap_limit"] = most
    if grant.shm_bytes:
        limits["shm_size"] = grant.shm_bytes
    return limits


def _bind(source: Path, target: str, *, is_read_only: bool = False) -> Any:
    from docker.types import Mount

    return Mount(target=target, source=str(source), type="bind", read_only=is_read_only)


def _scratch(target: str) -> Any:
    """A volume that goes with its container, with the permissions that the folder has in the image."""
    from docker.types import Mount

    return Mount(target=target, source=None, type="volume")
