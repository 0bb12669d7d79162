"""What is kept of images: virtual environments, runtimes and Docker images made here; who uses them, and what may go.

Nothing that a process or a container uses is removed, whatever is asked for.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import psutil

from flytenb.containers.client import Docker, connect
from flytenb.images.stepwise import IMAGE, UNFINISHED
from flytenb.images.venv import MARKER

#: Something used so shortly ago is about to be used: its worker starts.
_FRESH_S = 60.0
DAY_S = 86_400.0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is kept until it is not used for long."""

    #: "environment", "files", "runtime" or "image".
    kind: str
    #: Folder or image.
    name: str
    #: The image that it stands for, in words.
    text: str = ""
    size_bytes: int = 0
    used_at: float = 0.0
    is_used: bool = False
    #: Made or used by this home, as far as that is known.
    is_own: bool = True


# ---- folders of a home ----------------------------------------------------------------------------------------------


def folders(home: Path) -> list[Kept]:
    """Virtual environments, laid out files of images and runtimes of workers. Blocking."""
    used = _paths_in_use()
    found = []
    for path in sorted([*_entries(home / "environments"), *_entries(home / "runtime")]):
        kind, text, used_at = _described(path)
        if kind:
            inside = f"{path}{os.sep}"
            is_used = any(one.startswith(inside) or one == str(path) for one in used)
            found.append(
                Kept(kind=kind, name=str(path), text=text, size_bytes=_size(path), used_at=used_at, is_used=is_used)
            )
    return found


def prune_folders(home: Path, older_s: float) -> list[Kept]:
    """Remove those that nobody used for so long. Blocking."""
    gone = []
    now = time.time()
    for one in folders(home):
        if one.is_used or now - one.used_at < max(older_s, _FRESH_S):
            continue
        path = Path(one.name)
        with _alone(path) as is_alone:
            if is_alone and now - _described(path)[2] >= max(older_s, _FRESH_S):
                # By rename: nobody may find half of it.
                away = path.with_name(f".gone-{path.name}")
                with contextlib.suppress(OSError):
                    path.rename(away)
                    gone.append(one)
                shutil.rmtree(away, ignore_errors=True)
                if one.kind == "environment":
                    path.with_suffix(".lock").unlink(missing_ok=True)
    return gone


def _entries(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from (one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))


def _described(path: Path) -> tuple[str, str, float]:
    """Kind, words and last use of a folder; "" for one that is not finished."""
    try:
        if path.parent.name == "runtime":
            return ("", "", 0.0) if path.suffix else ("runtime", "what workers import", path.stat().st_mtime)
        if path.name.startswith("files-"):
            return "files", "files of an image", path.stat().st_mtime
        marker = path / MARKER
        return "environment", str(json.loads(marker.read_bytes()).get("image", "")), marker.stat().st_mtime
    except (OSError, ValueError):
        return "", "", 0.0


def _paths_in_use() -> set[str]:
    """Programs and working directories of this person's processes: workers keep their environment's interpreter."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            found |= {process.cwd(), *process.cmdline()[:1]}
            runtime = process.environ().get("PYTHONPATH", "") if process.uids().real == os.getuid() else ""
            found |= set(runtime.split(os.pathsep))
    return found - {""}


def _size(folder: Path) -> int:
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
    return total


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Whether nobody makes it now, and nobody will until this ends."""
    with path.with_suffix(".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


# ---- images ---------------------------------------------------------------------------------------------------------


def images(home: Path, docker: Docker | None = None) -> list[Kept]:
    """Images that flytenb built at this container engine, and layers of unfinished ones. Blocking.

    Raises:
        ContainerEngineError: none answers.
    """
    api = (docker or connect()).api
    used = {one["ImageID"] for one in api.containers(all=True)}
    found = []
    for image in api.images(filters={"label": [IMAGE]}) + api.images(name=UNFINISHED):
        names = [name for name in image.get("RepoTags") or () if name.startswith("flytenb/")]
        if not names:
            continue
        own = used_path(home, image["Id"])
        is_own = own.exists()
        found.append(
            Kept(
                kind="image",
                name=names[0],
                text=image["Id"],
                size_bytes=image["Size"],
                used_at=own.stat().st_mtime if is_own else float(image["Created"]),
                is_used=image["Id"] in used,
                is_own=is_own,
            )
        )
    return found


def prune_images(home: Path, older_s: float, *, is_own: bool = False) -> list[Kept]:
    """Remove images of flytenb's that nobody used for so long; `is_own`: only those known to be this home's. Blocking.

    Raises:
        ContainerEngineError: no container engine answers.
    """
    docker = connect()
    gone = []
    for one in images(home, docker):
        if one.is_used or (is_own and not one.is_own) or time.time() - one.used_at < max(older_s, _FRESH_S):
            continue
        with contextlib.suppress(Exception):  # a container began with it, or another image stands on it: it stays
            docker.api.remove_image(one.name)
            gone.append(one)
            used_path(home, one.text).unlink(missing_ok=True)
    return gone


def used_path(home: Path, image: str) -> Path:
    """The file whose time is that of an image's last use by this home."""
    return home / "images" / f"{image.rpartition(':')[2]}.used"


def note_use(home: Path, image: str) -> None:
    """This home uses an image now."""
    path = used_path(home, image)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch()


def tidy(home: Path, older_s: float) -> Sequence[Kept]:
    """Remove what this home has not used for so long; asks Docker only where it was used. Blocking."""
    gone = prune_folders(home, older_s)
    if (home / "images").is_dir():
        with contextlib.suppress(Exception):  # no engine answers now: another time
            gone += prune_images(home, older_s, is_own=True)
    return gone
