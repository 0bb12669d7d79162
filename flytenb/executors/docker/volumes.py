"""Volumes for containers that do not see the home: the worker's code, and what their object stores keep. Blocking.

The code is in a volume per version, for all homes; it stays, as an image does. Copies of objects are in a volume per
engine process, for all its containers: an input is sent once. It goes with the engine, or when much has gathered.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import logging
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flytenb.containers.client import Docker
from flytenb.containers.labels import ENGINE, HOME, KIND, OURS, labels, remove

_log = logging.getLogger(__name__)
RUNTIME, STATE = "/run/flytenb/runtime", "/run/flytenb/state"
#: The home, as workers inside know it.
HOME_INSIDE = f"{STATE}/home"
#: The last file of the code: without it the volume is not whole.
_WHOLE = "whole"
#: Code of other versions is removed when it is this old.
_OLD = datetime.timedelta(days=7)
#: When so many bytes have passed, the next container begins with an empty volume.
_MOST_BYTES = 50 << 30
#: Seconds until a volume that no new container gets is removed, once no old one has it either.
_LINGER_S = 60.0


class Volumes:
    """Those of one engine process.

    Args:
        home: `home_id` of its home.
        engine: what stands for it in labels.
        runtime: folder with the worker's code, named by its content.
        user: who writes the copies of objects, "uid:gid".
    """

    def __init__(self, home: str, engine: str, runtime: Path, user: str) -> None:
        self._home, self._engine, self._folder, self._user = home, engine, runtime, user
        self.runtime = f"flytenb-runtime-{runtime.name.rpartition('-')[2]}"
        self._number = 0
        self._lock = threading.Lock()
        self._is_ready = False
        self._moved_bytes = 0
        self.most_bytes = _MOST_BYTES
        #: Volumes that no new container gets, with the time since when.
        self._old: list[tuple[float, str]] = []

    @property
    def state(self) -> str:
        """The volume for copies of objects, for the next container."""
        return f"flytenb-{self._home[:6]}-{self._engine}-{self._number}"

    def _mounts(self) -> list[Any]:
        return [self._code_volume(is_read_only=True), self._state_volume()]

    def code_to_write(self) -> Any:
        """The code alone, to add to it."""
        return self._code_volume(is_read_only=False)

    def _code_volume(self, *, is_read_only: bool) -> Any:
        return _volume(self.runtime, RUNTIME, {OURS: "1", KIND: "runtime"}, is_read_only=is_read_only)

    def _state_volume(self) -> Any:
        return _volume(self.state, STATE, labels(self._home, "state", engine=self._engine))

    def prepare(self, docker: Docker, create: Callable[[dict[str, Any]], str]) -> list[Any]:
        """Fill what is empty, through a container that is never started, which `create` makes; mounts for a worker."""
        with self._lock:
            self._rotate(docker)
            if self._is_ready:
                return self._mounts()
            api = docker.api
            host = api.create_host_config(mounts=[self.code_to_write(), self._state_volume()], network_mode="none")
            own = labels(self._home, "build", engine=self._engine)
            made = create({"command": ["-V"], "labels": own, "host_config": host})
            try:
                if not _has(docker, made, f"{RUNTIME}/{_WHOLE}"):
                    api.put_archive(made, RUNTIME, self._code())
                api.put_archive(made, STATE, self._skeleton())
            finally:
                remove(docker, made)
            self._is_ready = True
            return self._mounts()

    def add_moved(self, moved_bytes: int) -> None:
        """A container has ended whose objects were so large: the volume is not filled for ever. In the loop."""
        self._moved_bytes += moved_bytes

    def _rotate(self, docker: Docker) -> None:
        now = time.monotonic()
        if self._moved_bytes > self.most_bytes:
            self._old.append((now, self.state))
            self._moved_bytes, self._is_ready = 0, False
            self._number += 1
        # Not at once: a container that is being made may name it.
        self._old = [one for one in self._old if now - one[0] < _LINGER_S or not _remove(docker, one[1])]

    def clear(self, docker: Docker, *, is_end: bool = False) -> None:
        """Remove what nobody uses: of engines that are no more, and at the end of this one its own."""
        with self._lock:
            clear_states(docker, self._home, "" if is_end else self._engine)
            now = datetime.datetime.now(datetime.timezone.utc)
            for one in docker.api.volumes(filters={"label": f"{KIND}=runtime"})["Volumes"] or []:
                with contextlib.suppress(ValueError, KeyError):
                    made = datetime.datetime.fromisoformat(one["CreatedAt"].replace("Z", "+00:00"))
                    if one["Name"] != self.runtime and now - made > _OLD:
                        _remove(docker, one["Name"])

    def _code(self) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
            for path in sorted(self._folder.rglob("*")):
                archive.add(path, str(path.relative_to(self._folder)), recursive=False, filter=_readable)
            archive.addfile(_readable(tarfile.TarInfo(_WHOLE)))
        return buffer.getvalue()

    def _skeleton(self) -> bytes:
        """Folders of the user that workers run as."""
        buffer = io.BytesIO()
        uid, gid = (int(part) for part in self._user.split(":"))
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name in ("home", "home/objects", "home/bundles"):
                folder = tarfile.TarInfo(name)
                folder.type, folder.mode, folder.uid, folder.gid = tarfile.DIRTYPE, 0o700, uid, gid
                archive.addfile(folder)
        return buffer.getvalue()


def clear_states(docker: Docker, home: str, engine: str) -> None:
    """Remove a home's volumes for copies of objects, except those of an engine and those that are in use."""
    for one in docker.api.volumes(filters={"label": f"{HOME}={home}"})["Volumes"] or []:
        if one["Labels"].get(KIND) == "state" and one["Labels"].get(ENGINE) != engine:
            _remove(docker, one["Name"])


def _readable(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Of root, for all: any user may run it."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o755 if info.isdir() else 0o644
    return info


def _volume(name: str, target: str, own: dict[str, str], *, is_read_only: bool = False) -> Any:
    from docker.types import Mount

    return Mount(target=target, source=name, type="volume", read_only=is_read_only, labels=own, no_copy=True)


def _has(docker: Docker, ident: str, path: str) -> bool:
    """Whether a container has a file."""
    try:
        pieces, _ = docker.api.get_archive(ident, path)
    except Exception as error:  # docker and requests share no class
        if getattr(getattr(error, "response", None), "status_code", 0) == 404:
            return False
        raise
    for _ in pieces:
        pass
    return True


def _remove(docker: Docker, name: str) -> bool:
    """Whether it is gone; it may be in use: a container is kept."""
    try:
        docker.api.remove_volume(name)
    except Exception as error:  # docker and requests share no class
        _log.info("volume %s stays: %s", name, error)
        return getattr(getattr(error, "response", None), "status_code", 0) == 404
    return True
