"""A Docker engine of the tests' own: no registry, no GPU, nothing of the user's engine is touched.

As root, on Linux: what is missing is installed by apt, `dockerd` runs in a session of its own with folders, socket and
bridge of its own, and accepts GPU requests (a runtime hook that does nothing stands in for NVIDIA's). The base image is
made by debootstrap once per machine. Elsewhere a user's running engine serves.

`FLYTENB_TEST_DOCKER_HOST` names a running engine to use instead; `FLYTENB_TEST_CACHE` the folder that is kept between
sessions; with `CI` or `FLYTENB_REQUIRE_DOCKER` set, "no engine can run here" is a failure, not a skip.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Two Pythons: the one that most machines have today, and another minor.
IMAGE = "flytenb-test/python:3.11"
OTHER_IMAGE = "flytenb-test/python:3.13"
_SUITES = {IMAGE: "bookworm", OTHER_IMAGE: "trixie"}
_PACKAGES = {"dockerd": "docker.io", "iptables": "iptables", "ip": "iproute2", "debootstrap": "debootstrap"}
_INCLUDE = "python3,python3-pip,python3-venv,ca-certificates"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_START_S = 60
_STOP_S = 20
_PR_SET_PDEATHSIG = 1


class NoEngine(Exception):
    """No engine can run here; the text says why."""


@dataclass
class DockerEngine:
    """A running engine.

    Attributes:
        host: its address, as `DOCKER_HOST` takes it.
        image: name of an image with Python 3.11, pip and venv.
        is_own: started by this test session, so that it may be restarted or broken.
        hidden: folders of this machine that it does not see, as an engine on another machine; none for an ordinary one.
        options: of dockerd.
    """

    host: str
    image: str = IMAGE
    is_own: bool = False
    api: Any = None
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    bridge: str = ""
    hidden: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def env(self) -> dict[str, str]:
        """What a program needs to use this engine and no other."""
        return {"DOCKER_HOST": self.host, "DOCKER_CONTEXT": "", "DOCKER_TLS_VERIFY": ""}

    def need(self, image: str) -> str:
        """Have one of the images of `_SUITES`; its name."""
        if not self.api.images(name=image):
            _import_image(self.api, image)
        return image

    def containers(self, **labels: str) -> list[dict[str, Any]]:
        """All containers with these labels, running or not."""
        wanted = [f"{name.replace('_', '.')}={value}" if value else name for name, value in labels.items()]
        found: list[dict[str, Any]] = self.api.containers(all=True, filters={"label": wanted})
        return found

    # ---- an engine of our own ------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start `dockerd` and wait until it says that it is ready.

        Raises:
            NoEngine: it ended instead; with the end of its log.
        """
        assert self.folder is not None
        notify = self.folder / "notify.sock"
        notify.unlink(missing_ok=True)
        log = self.folder / "dockerd.log"
        command = [
            "dockerd",
            *("-H", self.host, "--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec")),
            *("-p", str(self.folder / "pid")),
            *(["--bridge", self.bridge] if self.bridge else []),
            *self.options,
        ]
        if self.hidden:
            command = [
                "unshare",
                "--mount",
                "sh",
                "-ec",
                _ELSEWHERE,
                str(self.folder),
                str(len(self.hidden)),
                *self.hidden,
            ]
            command += [
                "dockerd",
                "-H",
                self.host,
                "-H",
                "unix:///mnt/own/far.sock",
                *("--data-root", "/mnt/own/data", "--exec-root", "/mnt/own/exec"),
            ]
            command += ["-p", "/mnt/own/pid", "--shutdown-timeout", "1", *self.options]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(notify))
            with log.open("ab") as out:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                    preexec_fn=_end_with_us,
                    env={
                        **os.environ,
                        "PATH": f"{self.folder}:{os.environ.get('PATH', '')}:{_PATH}",
                        "NOTIFY_SOCKET": "/mnt/own/notify.sock" if self.hidden else str(notify),
                    },
                )
            exited = os.pidfd_open(self.process.pid)
            try:
                found, _, _ = select.select([ready, exited], [], [], _START_S)
                if ready not in found:
                    self.process.kill()
                    self.process.wait()
                    raise NoEngine(f"dockerd does not run here: {log.read_text(errors='replace')[-800:].strip()}")
            finally:
                os.close(exited)

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End `dockerd`; its containers end with it."""
        if self.process is not None:
            self.process.send_signal(how)
            try:
                self.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def restart(self, how: int = signal.SIGTERM) -> None:
        """As a machine's administrator does it."""
        self.stop(how)
        self.start()


#: Another machine, as far as files go: its own folder is elsewhere, and folders of this one are empty.
_ELSEWHERE = """
mount -t tmpfs none /mnt && mkdir /mnt/own && mount --bind "$0" /mnt/own
count=$1; shift
while [ "$count" -gt 0 ]; do mkdir -p "$1"; mount -t tmpfs none "$1"; shift; count=$((count - 1)); done
exec "$@"
"""


def _end_with_us() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def running_engine() -> Iterator[DockerEngine]:
    """An engine with the base image, while the test session lasts.

    Raises:
        NoEngine: none can run here.
    """
    named = os.environ.get("FLYTENB_TEST_DOCKER_HOST")
    if named:
        yield _ready(DockerEngine(named))
    elif os.name == "posix" and os.geteuid() == 0 and os.uname().sysname == "Linux":
        _install()
        with _own() as engine:
            yield engine
    else:
        yield _ready(DockerEngine(_users_host()))


@contextlib.contextmanager
def _own(host: str = "", hidden: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> Iterator[DockerEngine]:
    folder = Path(tempfile.mkdtemp(prefix="fnb-docker-", dir="/tmp"))
    hook = folder / "nvidia-container-runtime-hook"
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)
    host = host or f"unix://{folder}/d.sock"
    engine = DockerEngine(host, is_own=True, folder=folder, hidden=hidden)
    engine.bridge = "" if hidden else _make_bridge()
    engine.options = options or (("--bridge", "none", "--iptables=false") if hidden else ())
    try:
        engine.start()
        yield _ready(engine)
        for container in engine.containers():
            engine.api.remove_container(container["Id"], force=True, v=True)
    finally:
        if engine.api is not None:
            engine.api.close()
        engine.stop()
        if engine.bridge:
            _run("ip", "link", "delete", engine.bridge, check=False)
        _unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def far_engine() -> Iterator[DockerEngine]:
    """An engine that is met over TCP and sees no file of this machine that a test makes or the repository has.

    Raises:
        NoEngine: none can run here.
    """
    if os.name != "posix" or os.geteuid() != 0 or os.uname().sysname != "Linux":
        raise NoEngine("an engine with a file system of its own is started by root on Linux")
    _install()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    repository = Path(__file__).resolve().parents[2]
    with _own(f"tcp://127.0.0.1:{port}", hidden=(tempfile.gettempdir(), str(repository))) as engine:
        yield engine


def _ready(engine: DockerEngine) -> DockerEngine:
    import docker

    try:
        engine.api = docker.APIClient(base_url=engine.host, version="auto", timeout=120)
    except docker.errors.DockerException as error:
        raise NoEngine(f"no Docker engine answers at {engine.host}: {error}") from error
    engine.need(IMAGE)
    return engine


def _users_host() -> str:
    """The engine of a user who is not root, as the environment names it."""
    host = os.environ.get("DOCKER_HOST", "")
    if host:
        return host
    if Path("/var/run/docker.sock").exists():
        return "unix:///var/run/docker.sock"
    raise NoEngine("not root, so no Docker engine can be started, and none runs at /var/run/docker.sock")


# ---- what it is made of ----------------------------------------------------------------------------------------------
def _install() -> None:
    missing = [package for program, package in _PACKAGES.items() if _which(program) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise NoEngine(f"{', '.join(missing)} not installed, and there is no apt-get to install them with")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run("apt-get", "update", "-qq", env=quiet, check=False)
    done = _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=quiet, check=False)
    if done.returncode:
        raise NoEngine(f"apt-get cannot install {', '.join(missing)}: {done.stdout[-500:].strip()}")


def _which(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_PATH}")


def _make_bridge() -> str:
    """A bridge of its own: two engines on one hand out the same addresses. "" where none can be made."""
    name = f"fnb{os.getpid() % 10_000_000}"
    if _run("ip", "link", "add", name, "type", "bridge", check=False).returncode:
        return ""
    third = os.getpid() % 250
    _run("ip", "address", "add", f"10.213.{third}.1/24", "dev", name, check=False)
    _run("ip", "link", "set", name, "up", check=False)
    return name


def cache_folder() -> Path:
    """What is kept between test sessions."""
    named = os.environ.get("FLYTENB_TEST_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "flytenb-tests"


def _import_image(api: Any, image: str) -> None:
    if os.geteuid() != 0:
        _pull_image(api, image)
        return
    repository, tag = image.split(":")
    api.import_image(src=str(_rootfs(image)), repository=repository, tag=tag, changes=[f"ENV PATH={_PATH}"])
    if not api.images(name=image):
        raise NoEngine(f"the image {image} cannot be imported")


def _pull_image(api: Any, image: str) -> None:
    """A user cannot run debootstrap; the public image has the same Python."""
    import docker

    repository, version = image.split(":")
    try:
        api.pull("python", tag=f"{version}-slim")
    except docker.errors.APIError as error:
        raise NoEngine(f"the base image cannot be pulled: {error}") from error
    api.tag(f"python:{version}-slim", repository, version)


def _rootfs(image: str) -> Path:
    """Debian with Python as a tar file; made once, by one session at a time."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    suite = _SUITES[image]
    made = folder / f"python-{image.rpartition(':')[2]}-{suite}.tar"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if made.exists():
            return made
        root = Path(tempfile.mkdtemp(prefix="rootfs-", dir=folder))
        part = made.with_suffix(".part")
        try:
            done = _run("debootstrap", "--variant=minbase", f"--include={_INCLUDE}", suite, str(root), check=False)
            if done.returncode:
                raise NoEngine(f"debootstrap cannot make the base image: {done.stdout[-500:].strip()}")
            shutil.rmtree(root / "var/cache/apt", ignore_errors=True)
            shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
            _run("tar", "-C", str(root), "-cf", str(part), ".")
            part.replace(made)
        finally:
            _unmount(root)
            shutil.rmtree(root, ignore_errors=True)
            part.unlink(missing_ok=True)
    return made


def _unmount(folder: Path) -> None:
    with open("/proc/mounts") as mounts:
        below = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{folder}/")]
    for point in sorted(below, reverse=True):
        _run("umount", "--lazy", point, check=False)


def _run(*command: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **options.pop("env", {})}
    environ["PATH"] = f"{environ.get('PATH', '')}:{_PATH}"
    return subprocess.run(
        command,
        check=check,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environ,
        **options,
    )
