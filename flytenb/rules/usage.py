"""Looks at a worker, one after the other, become a series of bounded length: when it is full, its steps double.

A step knows the CPU seconds and the time that it covers and the most memory of it, so nothing is lost by joining two:
the sum of CPU seconds and the peaks stay what they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from flytenb.model.usage import GpuUsage, Usage
from flytenb.rules.usage_words import hint, text

#: Steps of a series at most, and the seconds of each at first.
LIMIT = 80
STEP_S = 1.0
#: A last step that covers less is too short for a number of cores.
_SHORT = 0.25


class GpuLook(NamedTuple):
    """One GPU at one moment."""

    #: Share of the last moments in which it computed; None where the driver does not tell.
    busy: float | None
    memory_bytes: int
    total_bytes: int = 0
    kind: str = ""


class _Track:
    """What is known of a GPU: sums and maxima, step by step."""

    __slots__ = ("busy_peak", "busy_s", "look", "memory")

    def __init__(self, look: GpuLook, steps: int) -> None:
        self.look, self.busy_peak = look, 0.0
        self.busy_s, self.memory = [0.0] * steps, [0] * steps


class Series:
    """The usage of one attempt, from its looks."""

    __slots__ = ("_cpu_s", "_gpus", "_memory", "_span_s", "_step_s", "at_s", "cpu_peak", "memory_peak_bytes")

    def __init__(self) -> None:
        self._step_s = STEP_S
        self._cpu_s: list[float] = []
        self._span_s: list[float] = []
        self._memory: list[int] = []
        self._gpus: dict[str, _Track] = {}
        #: Seconds since the attempt began up to which it is known.
        self.at_s = 0.0
        self.cpu_peak, self.memory_peak_bytes = 0.0, 0

    @property
    def step_s(self) -> float:
        """Seconds of each step but the last."""
        return self._step_s

    def add(
        self, at_s: float, cpu_s: float, memory_bytes: int, *, peak_bytes: int = 0, gpus: Mapping[str, GpuLook] = {}
    ) -> None:
        """One more look.

        Args:
            at_s: seconds since the attempt began; a look at no later moment than the last one only counts for peaks.
            cpu_s: CPU seconds since the last look.
            memory_bytes: in memory now.
            peak_bytes: the most that was in memory since the last look, 0 when nobody knows.
            gpus: by id.
        """
        memory_bytes = max(memory_bytes, peak_bytes)
        self.memory_peak_bytes = max(self.memory_peak_bytes, memory_bytes)
        since_s, cpu_s = at_s - self.at_s, max(0.0, cpu_s)
        if since_s <= 0:
            return
        if since_s >= _SHORT * STEP_S:
            self.cpu_peak = max(self.cpu_peak, cpu_s / since_s)
        while at_s > LIMIT * self._step_s:
            self._double()
        begun_s, self.at_s = self.at_s, at_s
        index = min(int(begun_s / self._step_s), LIMIT - 1)
        while begun_s < at_s:
            end_s = min(at_s, (index + 1) * self._step_s) if index < LIMIT - 1 else at_s
            if end_s > begun_s:
                self._fill(index, end_s - begun_s, cpu_s * (end_s - begun_s) / since_s, memory_bytes, gpus)
                begun_s = end_s
            index += 1

    def _fill(self, index: int, span_s: float, cpu_s: float, memory_bytes: int, gpus: Mapping[str, GpuLook]) -> None:
        while len(self._cpu_s) <= index:
            self._cpu_s.append(0.0)
            self._span_s.append(0.0)
            self._memory.append(0)
            for track in self._gpus.values():
                track.busy_s.append(0.0)
                track.memory.append(0)
        self._cpu_s[index] += cpu_s
        self._span_s[index] += span_s
        self._memory[index] = max(self._memory[index], memory_bytes)
        for ident, look in gpus.items():
            if ident not in self._gpus:
                self._gpus[ident] = _Track(look, len(self._cpu_s))
            track = self._gpus[ident]
            track.look = look
            track.busy_s[index] += (look.busy or 0.0) * span_s
            track.busy_peak = max(track.busy_peak, look.busy or 0.0)
            track.memory[index] = max(track.memory[index], look.memory_bytes)

    def _double(self) -> None:
        self._step_s *= 2
        self._cpu_s, self._span_s = _sums(self._cpu_s), _sums(self._span_s)
        self._memory = _most(self._memory)
        for track in self._gpus.values():
            track.busy_s, track.memory = _sums(track.busy_s), _most(track.memory)

    def usage(self, *, action: str, attempt: int, started_at: float, shared_by: int = 1, source: str = "process",
              cpu_asked: float = 0.0, memory_asked_bytes: int = 0, is_over: bool = False) -> Usage:  # fmt: skip
        """The series as it is read."""
        last = len(self._span_s) - 1
        cores = [
            cpu_s / span_s if span_s > (_SHORT * self._step_s if index == last and index else 0) else -1.0
            for index, (cpu_s, span_s) in enumerate(zip(self._cpu_s, self._span_s, strict=True))
        ]
        if cores and cores[-1] < 0 and last:
            cores[-1] = cores[-2]  # too short a time for a number of its own
        usage = Usage(
            action=action,
            attempt=attempt,
            started_at=started_at,
            step_s=self._step_s,
            covers_s=round(self.at_s, 3),
            cpu=tuple(round(max(0.0, each), 3) for each in cores),
            memory=tuple(self._memory),
            gpus=tuple(self._gpu(ident, track) for ident, track in sorted(self._gpus.items())),
            cpu_s=round(sum(self._cpu_s), 3),
            cpu_peak=round(self.cpu_peak, 3),
            memory_peak_bytes=self.memory_peak_bytes,
            cpu_asked=cpu_asked,
            memory_asked_bytes=memory_asked_bytes,
            shared_by=shared_by,
            source=source,
            is_over=is_over,
        )
        return replace(usage, text=text(usage), hint=hint(usage))

    def _gpu(self, ident: str, track: _Track) -> GpuUsage:
        busy = tuple(
            round(min(1.0, busy_s / span_s), 3) if span_s else 0.0
            for busy_s, span_s in zip(track.busy_s, self._span_s, strict=True)
        )
        return GpuUsage(
            id=ident,
            kind=track.look.kind,
            memory_bytes=track.look.total_bytes,
            busy=busy if track.look.busy is not None else (),
            memory=tuple(track.memory),
            busy_peak=round(track.busy_peak, 3),
            memory_peak_bytes=max(track.memory, default=0),
        )


def _sums(values: list[float]) -> list[float]:
    return [sum(values[index : index + 2]) for index in range(0, len(values), 2)]


def _most(values: list[int]) -> list[int]:
    return [max(values[index : index + 2]) for index in range(0, len(values), 2)]


def share(cpu_s: float, since_s: float, running_s: float, cores: float) -> float:
    """CPU seconds of a worker since the last look at it that count for an action which began in between.

    Args:
        cpu_s: what the worker used since then.
        since_s: seconds since then; 0 = its process has not been looked at before.
        running_s: seconds for which the action has run.
        cores: what the machine has: more cannot be of so short a time.
    """
    if 0 < since_s <= 2 * STEP_S and running_s < since_s:
        cpu_s *= running_s / since_s  # others ran there before, in the same second
    return min(cpu_s, running_s * cores)
