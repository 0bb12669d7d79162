"""What marks a container as flytenb's, of which home and for what, and how such are found and removed."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import Any

from flytenb.containers.client import Docker, is_missing

OURS = "flytenb"
HOME = "flytenb.home"
#: The worker that runs in it.
WORKER = "flytenb.worker"
#: "worker", "task" or "build".
KIND = "flytenb.kind"
#: The engine process that owns it.
ENGINE = "flytenb.engine"
#: It may stay when its action has failed; whether it did is in its name, labels cannot change.
KEPT = "flytenb.kept"
_KEPT_NAME = "/flytenb-kept-"
#: Removals at a time.
_AT_ONCE = 8


def home_id(home: Path | str) -> str:
    """A short name for a home, that does not tell its path. Two machines with equal paths may share an engine."""
    path = Path(home).absolute()
    return blake2b(f"{path}\0{_mark(path / 'mark')}".encode(), digest_size=6).hexdigest()


def _mark(path: Path) -> str:
    """What is in a file that is made by whoever comes first."""
    with contextlib.suppress(OSError):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = path.with_name(f".mark-{secrets.token_hex(4)}")
            part.write_text(secrets.token_hex(8))
            with contextlib.suppress(FileExistsError):
                os.link(part, path)
            part.unlink()
        return path.read_text()
    return ""  # a home that cannot be written to has no containers


def labels(home: str, kind: str, worker: str = "", engine: str = "", *, may_be_kept: bool = False) -> dict[str, str]:
    """Labels of a container.

    Args:
        home: `home_id` of the home that it belongs to.
        kind: "worker", "task" or "build".
        worker: its worker's name.
        engine: the engine process that owns it.
        may_be_kept: it stays when its action has failed.
    """
    made = {OURS: "1", HOME: home, KIND: kind}
    if worker:
        made[WORKER] = worker
    if engine:
        made[ENGINE] = engine
    if may_be_kept:
        made[KEPT] = "if-failed"
    return made


def kept_name(name: str) -> str:
    """The name of a container that stays because its action has failed."""
    return f"{_KEPT_NAME[1:]}{name.removeprefix('flytenb-')}"


def is_kept(container: dict[str, Any]) -> bool:
    """Whether a container, as the engine lists it, stays because its action has failed."""
    return any(name.startswith(_KEPT_NAME) for name in container.get("Names") or ())


def list_own(docker: Docker, home: str, *, kind: str = "") -> list[dict[str, Any]]:
    """Containers of a home, running or not, as the engine lists them."""
    wanted = [f"{HOME}={home}", *([f"{KIND}={kind}"] if kind else [])]
    found: list[dict[str, Any]] = docker.api.containers(all=True, filters={"label": wanted})
    return found


def remove_own(
    docker: Docker, home: str, *, kind: str = "", is_wanted: Callable[[dict[str, Any]], bool] | None = None
) -> int:
    """Remove a home's containers, running or not, except those that are kept. Returns how many.

    Args:
        docker: the engine.
        home: `home_id` of the home.
        kind: only of this kind.
        is_wanted: says which ones go; all by default.
    """
    going = [
        one["Id"]
        for one in list_own(docker, home, kind=kind)
        if not is_kept(one) and (is_wanted is None or is_wanted(one))
    ]
    if going:
        with ThreadPoolExecutor(min(_AT_ONCE, len(going))) as pool:
            list(pool.map(lambda ident: remove(docker, ident), going))
    return len(going)


def remove(docker: Docker, ident: str) -> None:
    """End a container and remove it with its volumes; it may be gone already."""
    try:
        docker.api.remove_container(ident, force=True, v=True)
    except Exception as error:  # docker and requests share no class
        if not is_missing(error):
            raise
