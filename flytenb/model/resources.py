"""What this machine has and who holds it, as it is read."""

from __future__ import annotations

import msgspec

from flytenb.model.devices import Outside


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """An action that holds something, or waits for it."""

    run: str
    action: str
    task: str
    #: "running", "waiting for its calls", or why it waits for resources.
    does: str = ""
    cpu: float = 0.0
    memory_bytes: int = 0
    gpus: tuple[str, ...] = ()
    worker: str = ""
    pid: int = 0


class GpuRow(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU, who works on it, and what other processes hold of its memory."""

    id: str
    kind: str = ""
    vendor: str = "nvidia"
    partition: str = ""
    uuid: str = ""
    memory_bytes: int = 0
    #: 0 when it was not looked at.
    free_bytes: int = 0
    #: Share of the last moment in which it computed; -1 when nobody can tell.
    busy: float = -1.0
    users: tuple[UserRow, ...] = ()
    #: A worker without an action holds it; it goes when another one wants it.
    is_idle: bool = False
    outside: tuple[Outside, ...] = ()


class DiskPart(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of things takes of the disk."""

    name: str
    bytes: int


class MachineUse(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine really does, whoever does it: not what tasks have asked for."""

    #: Cores in use.
    cpu: float
    memory_bytes: int
    memory_total_bytes: int
    #: Of it: this engine's workers with what they have started, and Jupyter kernels.
    workers_bytes: int = 0
    kernels_bytes: int = 0
    #: The disk that the home is on.
    disk_bytes: int = 0
    disk_free_bytes: int = 0
    disk_total_bytes: int = 0
    #: What takes room in the home, the largest part first; a large home may not be looked at whole.
    home_parts: tuple[DiskPart, ...] = ()
    is_home_whole: bool = True


class ResourcesView(msgspec.Struct, frozen=True, kw_only=True):
    """CPUs, memory and GPUs, and the actions that hold or await them."""

    cpu: float
    cpu_used: float
    memory_bytes: int
    memory_used_bytes: int
    gpus: tuple[GpuRow, ...] = ()
    #: Where the list of GPUs comes from, or why it is empty.
    gpus_from: str = ""
    running: tuple[UserRow, ...] = ()
    #: The first ones of every queue, and how many wait in all.
    waiting: tuple[UserRow, ...] = ()
    waiting_count: int = 0
    #: None where it cannot be looked at.
    now: MachineUse | None = None
