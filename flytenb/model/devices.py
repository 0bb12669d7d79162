"""Single GPUs of a machine, who else uses them, and what the engine hears of both."""

from __future__ import annotations

import msgspec


class Gpu(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One GPU, or one slice of a partitioned one."""

    #: As CUDA and the container engine take it: "0", or "MIG-…" for a slice.
    id: str
    #: Flyte's name of the model: "A100_80G"; the maker's own where Flyte has none, "" when nobody said.
    kind: str = ""
    #: "nvidia" or "amd".
    vendor: str = "nvidia"
    memory_bytes: int = 0
    #: "GPU-…", "" when not known.
    uuid: str = ""
    #: Of a slice: "1g.5gb".
    partition: str = ""


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """A process that is not a worker of this engine and holds memory of a GPU."""

    pid: int = 0
    #: As a person knows it: "kernel train.ipynb", "python serve.py (process 4711)".
    words: str = ""
    bytes: int = 0


class GpuUse(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was seen on one GPU at one moment."""

    id: str
    free_bytes: int = 0
    total_bytes: int = 0
    outside: tuple[Outside, ...] = ()


class GpusFound(msgspec.Struct, frozen=True, kw_only=True):
    """The engine has looked for GPUs."""

    devices: tuple[Gpu, ...] = ()
    #: Where they come from, or why there are none, in words.
    words: str = ""
    uses: tuple[GpuUse, ...] = ()
    #: Whether their use can be looked at.
    is_observable: bool = False


class GpusSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The engine has looked at who uses the GPUs; `uses` is None when nothing changed."""

    uses: tuple[GpuUse, ...] | None = None
