"""What containers use now: from their control groups on this machine, else from the container engine. Blocking."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flytenb.containers.client import Docker
from flytenb.containers.labels import WORKER, list_own
from flytenb.executors.usage import Look, of_container

_log = logging.getLogger(__name__)
#: From this version of its API on an engine answers at once instead of measuring for a second.
_AT_ONCE = (1, 41)


def measure(docker: Docker, ident: str) -> Look | None:
    """One container; None when it is gone or does not run."""

    def ask(ident: str) -> Mapping[str, Any]:
        version = tuple(int(part) for part in str(docker.api._version).split("."))
        told: dict[str, Any] = docker.api.stats(ident, stream=False, one_shot=version >= _AT_ONCE or None)
        return told

    try:
        return of_container(ident, ask)
    except Exception as error:  # docker, requests and urllib3 share no class; the container may have ended
        _log.debug("container %s cannot be measured: %s", ident[:12], error)
        return None


def task_containers(docker: Docker, home_id: str) -> dict[str, str]:
    """Worker → the container of the task that it runs now."""
    found = list_own(docker, home_id, kind="task")
    return {one["Labels"].get(WORKER, ""): one["Id"] for one in found if one["State"] == "running"}
