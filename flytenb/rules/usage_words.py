"""What an attempt used in words, and what a person could change in what its task asks for."""

from __future__ import annotations

from flytenb.model.sizes import size_words
from flytenb.model.usage import GpuUsage, Usage

#: Share of the memory asked for from which on it came near its limit.
NEAR = 0.9
#: What was asked for is far too much when at most one part in so many was used; of memory from here on.
FAR, _LEAST_BYTES = 4, 1 << 30
#: Seconds that must be known before it is said that CPUs or GPUs were not used.
_PATIENCE_S = 10.0
_IDLE = 0.1


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0") if number < 99.5 else f"{number:.0f}"


def text(usage: Usage) -> str:
    """`peak 1.2 GiB of 2 GiB, 3.4 CPU s, at most 1.1 of 2 cores, GPU 0 at most 91 % and 31 GiB of 80 GiB`."""
    of = f" of {size_words(usage.memory_asked_bytes)}" if usage.memory_asked_bytes else ""
    cores = _short(usage.cpu_peak)
    asked = f" of {_short(usage.cpu_asked)}" if usage.cpu_asked else ""
    parts = [f"peak {size_words(usage.memory_peak_bytes)}{of}"]
    spent = _short(usage.cpu_s)
    if spent != "0" or cores != "0" or asked:  # who only waits uses none
        parts += [f"{spent} CPU s", f"at most {cores}{asked} {'core' if cores == '1' and not asked else 'cores'}"]
    parts += map(_gpu, usage.gpus)
    if usage.shared_by > 1:
        parts.append(f"shared by {usage.shared_by} actions of one worker")
    return ", ".join(parts)


def _gpu(gpu: GpuUsage) -> str:
    busy = f"at most {gpu.busy_peak * 100:.0f} % and " if gpu.busy else "at most "
    of = f" of {size_words(gpu.memory_bytes)}" if gpu.memory_bytes else ""
    return f"GPU {gpu.id} {busy}{size_words(gpu.memory_peak_bytes)}{of}"


def hint(usage: Usage) -> str:
    """What stands out, "" when nothing does: memory near its limit, or far more asked for than used."""
    peak_bytes, asked_bytes = usage.memory_peak_bytes, usage.memory_asked_bytes
    if asked_bytes and peak_bytes >= NEAR * asked_bytes:
        return (
            f"memory came near its limit: {size_words(peak_bytes)} of {size_words(asked_bytes)}; "
            "give the task more with Resources(memory=…)"
        )
    if not usage.is_over or usage.shared_by > 1:
        return ""
    found = []
    if asked_bytes >= max(_LEAST_BYTES, FAR * peak_bytes):
        found.append(f"asked for {size_words(asked_bytes)}, used at most {size_words(peak_bytes)}")
    if usage.covers_s >= _PATIENCE_S:
        if usage.cpu_asked >= max(2.0, FAR * usage.cpu_peak):
            found.append(f"asked for {_short(usage.cpu_asked)} CPUs, used at most {_short(usage.cpu_peak)}")
        idle = [f"GPU {gpu.id}" for gpu in usage.gpus if gpu.busy and gpu.busy_peak < _IDLE]
        if idle:
            found.append(f"{', '.join(idle)} hardly computed")
    return "; ".join(found)
