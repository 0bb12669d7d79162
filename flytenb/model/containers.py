"""Containers of a home as they are read, and what it takes to look into one."""

from __future__ import annotations

import msgspec


class ContainerRow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One container."""

    name: str
    id: str
    #: "worker" (runs actions), "task" (is one: a program of any image) or "build" (of an image).
    kind: str
    #: "busy", "warm" (waits for work), "starting", "kept" (its action failed and it waits for a person), "stopped"
    #: (kept, but nothing runs in it), "leaving" or "building".
    state: str
    image: str = ""
    #: The action that it runs or is kept for, "" for none.
    run: str = ""
    action: str = ""
    worker: str = ""
    created_at: float = 0.0


class Inside(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where an action is now, for a program that shall run beside it."""

    #: "docker" or "process".
    executor: str
    run: str
    action: str
    #: Of a container: its id and name, the container engine's address, its kind and state as in `ContainerRow`.
    container: str = ""
    name: str = ""
    address: str = ""
    kind: str = ""
    state: str = ""
    image: str = ""
    #: Of a process: its number, its Python and the variables of its task.
    pid: int = 0
    python: str = ""
    env_vars: dict[str, str] = {}
