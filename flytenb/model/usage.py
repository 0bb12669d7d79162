"""What an attempt of an action used of its machine: as it is read, stored and shown. Times are seconds, sizes bytes."""

from __future__ import annotations

import msgspec


class GpuUsage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One of its GPUs, in the same steps as the rest."""

    id: str
    kind: str = ""
    #: What the GPU has.
    memory_bytes: int = 0
    #: Share of each step in which it computed, between 0 and 1; empty where the driver does not tell.
    busy: tuple[float, ...] = ()
    #: Bytes held on it, the most of each step.
    memory: tuple[int, ...] = ()
    busy_peak: float = 0.0
    memory_peak_bytes: int = 0


class Usage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """CPU, memory and GPUs over the time of one attempt that ran longer than a second."""

    action: str = ""
    attempt: int = 1
    #: When the first step began, UTC; all but the last one take `step_s` seconds.
    started_at: float = 0.0
    step_s: float = 1.0
    #: Seconds that the steps cover.
    covers_s: float = 0.0
    #: Cores in use, on average over each step.
    cpu: tuple[float, ...] = ()
    #: Bytes in memory, the most of each step.
    memory: tuple[int, ...] = ()
    gpus: tuple[GpuUsage, ...] = ()
    #: CPU seconds in all, and the most cores at a look (about a second).
    cpu_s: float = 0.0
    cpu_peak: float = 0.0
    memory_peak_bytes: int = 0
    #: What its task asks for: cores and bytes, 0 where it asks for nothing.
    cpu_asked: float = 0.0
    memory_asked_bytes: int = 0
    #: The most actions that its worker had begun at a time: above 1 the numbers are of them all.
    shared_by: int = 1
    #: "process" (a worker and all that it started) or "container".
    source: str = "process"
    #: The attempt has ended.
    is_over: bool = False
    #: The peaks in words, and what stands out in them ("" = nothing).
    text: str = ""
    hint: str = ""

    @property
    def times(self) -> tuple[float, ...]:
        """The moment at which each step ends, UTC."""
        ends = [self.started_at + self.step_s * (index + 1) for index in range(len(self.cpu))]
        if ends:
            ends[-1] = self.started_at + self.covers_s
        return tuple(ends)


#: Bodies in the store.
encode_usage = msgspec.msgpack.Encoder().encode
decode_usage = msgspec.msgpack.Decoder(Usage).decode
