"""Containers that stay because their action has failed: how many at most, which go, and how."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from flytenb.containers.client import Docker, is_missing
from flytenb.containers.labels import is_kept, kept_name, list_own, remove

#: Of one home; of more, the oldest go.
MOST_KEPT = 10


def most_kept() -> int:
    """How many may stay: `FLYTENB_KEEP_CONTAINERS`, 0 for any number."""
    text = os.environ.get("FLYTENB_KEEP_CONTAINERS", "")
    return int(text) if text.isdigit() else MOST_KEPT


def keep(docker: Docker, ident: str, name: str) -> str:
    """Let a container stay; its new name. Raises what docker raises."""
    kept = kept_name(name)
    docker.api.rename(ident, kept)
    return kept


def thin(docker: Docker, home: str, drop: Callable[[str], None]) -> list[str]:
    """Remove the oldest kept containers of a home beyond the bound, but none in which somebody runs something.

    Args:
        docker: the engine.
        home: `home_id` of the home.
        drop: removes what belongs to a container, by its name.

    Returns:
        Names of those that are gone.
    """
    most = most_kept()
    kept = sorted((one for one in list_own(docker, home) if is_kept(one)), key=lambda one: float(one["Created"]))
    surplus = [one for one in kept[: max(0, len(kept) - most)] if not _is_visited(docker, one)] if most else []
    return remove_kept(docker, home, [name_of(one) for one in surplus], drop)


def remove_kept(docker: Docker, home: str, names: list[str], drop: Callable[[str], None]) -> list[str]:
    """Remove kept containers with what belongs to them; the names of those that are gone now."""
    gone = []
    for one in list_own(docker, home) if names else ():
        name = name_of(one)
        if name in names and is_kept(one):
            remove(docker, one["Id"])
            drop(name)
            gone.append(name)
    return gone


def name_of(listed: dict[str, Any]) -> str:
    """Its name, as the engine lists it."""
    return str(listed["Names"][0]).lstrip("/")


def _is_visited(docker: Docker, listed: dict[str, Any]) -> bool:
    try:
        facts = docker.api.inspect_container(listed["Id"])
        return any(docker.api.exec_inspect(ident)["Running"] for ident in facts.get("ExecIDs") or ())
    except Exception as error:  # docker and requests share no class
        if is_missing(error):
            return False
        raise
