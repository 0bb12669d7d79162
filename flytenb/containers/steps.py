"""One container of a build: commands run in it, files go into it, and what it became is kept as an image.

Why not a Dockerfile: settings for its commands would have to be build arguments, which `docker history` shows for ever.
What is given to an exec leaves no trace, works with every engine, and every step keeps its own layer.
Blocking; used from the thread of one build.
"""

from __future__ import annotations

import base64
import io
import shlex
import tarfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

#: Seconds until an engine may have given up on a layer of many gigabytes.
_COMMIT_S = 3600
#: Seconds for which an engine that went away is waited for, to remove what is left there, and between tries.
_RETURN_S, _TRY_S = 120.0, 0.5
#: A variable may be at most 128 KiB long.
_CHUNK_BYTES = 96 * 1024
#: Lives until it is killed. Its argument, which it ignores, is what `docker history` shows.
_SLEEP = "trap 'exit 0' TERM; while :; do sleep 86400 & wait; done"

TarEntry = tuple[str, bytes, int]


class StepContainer:
    """A container that is made, used and removed within one step.

    Args:
        api: docker's low-level client.
        image: id or name of the image to go on from.
        labels: of the container; the image that it becomes has none of them.
        title: what the image's history says of the step.
        work: folder for files that are not kept; `{work}/private` is memory only.
        folders: folders of the machine, seen under the same path, not writable.
    """

    def __init__(
        self,
        api: Any,
        image: str,
        *,
        labels: Mapping[str, str],
        title: str,
        work: str,
        folders: Iterable[str] = (),
        tmpfs: Iterable[str] = (),
        network: str = "host",
        platform: str | None = None,
    ) -> None:
        self._api, self._labels = api, dict(labels)
        self._work = work
        mounts: list[dict[str, Any]] = [{"Type": "volume", "Target": work}]
        mounts += [{"Type": "bind", "Source": one, "Target": one, "ReadOnly": True} for one in folders]
        memory = {f"{work}/private": "mode=0700", **dict.fromkeys(tmpfs, "mode=0755")}
        host = api.create_host_config(network_mode=network, tmpfs=memory, mounts=mounts)
        made = api.create_container(
            image,
            entrypoint=["/bin/sh", "-c", _SLEEP],
            command=[" ".join(title.split())],
            user="0",
            working_dir="/",
            labels=self._labels,
            host_config=host,
            healthcheck={"Test": ["NONE"]},
            use_config_proxy=False,
            platform=platform,
        )
        self.id: str = made["Id"]
        self._lock = threading.Lock()
        self._is_gone = False

    def start(self) -> None:
        """Let it run; needed for commands, not for files."""
        self._api.start(self.id)

    def run(
        self,
        command: str,
        *,
        env: Mapping[str, str],
        workdir: str,
        on_output: Callable[[bytes], None],
    ) -> int:
        """Run shell text as root; its exit status, -1 when the container was taken away meanwhile."""
        return self._exec(["/bin/sh", "-c", command], env, workdir, on_output)

    def _exec(
        self, command: list[str], env: Mapping[str, str], workdir: str, on_output: Callable[[bytes], None]
    ) -> int:
        made = self._api.exec_create(
            self.id, command, user="0", environment=dict(env), workdir=workdir or "/", stdin=False
        )
        for piece in self._api.exec_start(made["Id"], stream=True):
            on_output(piece)
        try:
            status = self._api.exec_inspect(made["Id"])["ExitCode"]
        except Exception as error:
            if getattr(error, "status_code", None) == 404:
                return -1
            raise
        return -1 if status is None else int(status)

    def put(self, entries: Iterable[TarEntry]) -> None:
        """Put files (absolute path, content, mode) into it; folders on the way are made, readable to everybody."""
        self._api.put_archive(self.id, "/", tar_of(entries))

    def put_private(self, files: Mapping[str, bytes]) -> None:
        """Put files (absolute path, content) into folders that are memory: they are never on a disk."""
        for path, data in files.items():
            chunks = [data[at : at + _CHUNK_BYTES] for at in range(0, len(data), _CHUNK_BYTES)] or [b""]
            names = " ".join(f'"$F{n}"' for n in range(len(chunks)))
            script = f'umask 077; for f in {names}; do printf %s "$f" | base64 -d; done > {shlex.quote(path)}'
            env = {f"F{n}": base64.b64encode(chunk).decode() for n, chunk in enumerate(chunks)}
            said = bytearray()
            if self._exec(["/bin/sh", "-c", script], env, "/", said.extend):
                raise OSError(f"cannot write {path} in the container: {said.decode(errors='replace').strip()}")

    def commit(self, config: Mapping[str, Any], *, comment: str, name: str = "", tag: str = "") -> str:
        """Keep what it is now as an image with this configuration; the image's id."""
        labels = {**dict.fromkeys(self._labels, ""), **(config.get("Labels") or {})}
        body = {**config, "Labels": labels, "Hostname": "", "Domainname": "", "Image": ""}
        # The engine fills what is left out from the container, whose command is only there to wait.
        body.setdefault("Healthcheck", None)
        body["Entrypoint"], body["Cmd"] = config.get("Entrypoint") or [], config.get("Cmd") or ["/bin/sh"]
        body["User"] = config.get("User") or "0"
        body["WorkingDir"] = config.get("WorkingDir") or "/"
        params = {"container": self.id, "repo": name or None, "tag": tag or None, "comment": comment, "pause": True}
        api = self._api
        answer = api._post_json(api._url("/commit"), data=body, params=params, timeout=_COMMIT_S)
        image: str = api._result(answer, json=True)["Id"]
        return image

    def remove(self) -> None:
        """End it with all that it has. From any thread, and more than once."""
        with self._lock:
            if self._is_gone:
                return
            self._is_gone = True
        if not self._is_removed():
            threading.Thread(target=self._remove_later, name="flytenb-remove", daemon=True).start()

    def _is_removed(self) -> bool:
        try:
            self._api.remove_container(self.id, force=True, v=True)
        except Exception as error:  # docker and requests share no class
            return getattr(error, "response", None) is not None  # gone already; else the engine is away
        return True

    def _remove_later(self) -> None:
        """When the engine is back, which gives no event; after that time its orphans are found by label."""
        deadline = time.monotonic() + _RETURN_S
        while time.monotonic() < deadline:
            time.sleep(_TRY_S)
            if self._is_removed():
                return


def tar_of(entries: Iterable[TarEntry]) -> bytes:
    """An archive of (absolute path, content, mode), the same for the same files."""
    buffer = io.BytesIO()
    made: set[str] = set()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, data, mode in entries:
            parts = path.strip("/").split("/")
            for depth in range(1, len(parts)):
                folder = "/".join(parts[:depth])
                if folder not in made:
                    made.add(folder)
            info = tarfile.TarInfo(path.strip("/"))
            info.size, info.mode = len(data), mode
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
