"""Looks at a worker become a series of bounded length; nothing of their sums and peaks is lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytenb.model.usage import GpuUsage, Usage, decode_usage, encode_usage
from flytenb.rules import usage_words
from flytenb.rules.usage import LIMIT, STEP_S, GpuLook, Series, share

_LOOKS = st.lists(
    st.tuples(
        st.floats(0.01, 400.0),  # seconds since the last look
        st.floats(0.0, 900.0),  # CPU seconds
        st.integers(0, 1 << 45),
        st.floats(0.0, 1.0),
    ),
    min_size=1,
    max_size=300,
)


def _read(series: Series) -> Usage:
    return series.usage(action="a0", attempt=1, started_at=100.0)


@settings(max_examples=200, deadline=None)
@given(_LOOKS)
def test_nothing_is_lost_and_the_length_is_bounded(looks: list[tuple[float, float, int, float]]) -> None:
    series, at_s = Series(), 0.0
    for since_s, cpu_s, memory, busy in looks:
        at_s += since_s
        series.add(at_s, cpu_s, memory, gpus={"0": GpuLook(busy, memory, 1 << 46, "H100")})
        usage = _read(series)
        assert 1 <= len(usage.cpu) == len(usage.memory) == len(usage.times) <= LIMIT
        assert len(usage.gpus[0].busy) == len(usage.gpus[0].memory) == len(usage.cpu)
    total_s = sum(cpu_s for _, cpu_s, _, _ in looks)
    assert usage.cpu_s == pytest.approx(total_s, abs=0.01, rel=1e-6)
    assert usage.covers_s == pytest.approx(at_s, abs=0.001)
    assert sum(series._span_s) == pytest.approx(at_s, rel=1e-6)
    assert max(usage.memory) == usage.memory_peak_bytes == max(memory for _, _, memory, _ in looks)
    assert max(usage.gpus[0].busy) <= usage.gpus[0].busy_peak + 0.001 <= 1.002
    # No step is longer than needed: with half of it the series would not fit.
    assert usage.step_s == STEP_S or at_s > LIMIT * usage.step_s / 2
    assert usage.times[-1] == pytest.approx(100.0 + at_s, abs=0.01)
    assert decode_usage(encode_usage(usage)) == usage


def test_a_steady_task_is_a_flat_line_however_long_it_runs() -> None:
    series = Series()
    for second in range(1, 3601):
        series.add(float(second), 2.0, 1 << 30)
    usage = _read(series)
    assert usage.step_s == 64.0
    assert set(usage.cpu) == {2.0}
    assert (usage.cpu_s, usage.cpu_peak, usage.covers_s) == (7200.0, 2.0, 3600.0)


def test_a_peak_between_two_looks_counts() -> None:
    series = Series()
    series.add(1.0, 0.5, 100)
    series.add(2.0, 0.5, 100, peak_bytes=5000)
    series.add(2.0, 0.0, 9000)  # at the end, no time has passed
    usage = _read(series)
    assert usage.memory == (100, 5000)
    assert usage.memory_peak_bytes == 9000


def test_the_last_step_has_no_number_of_its_own_when_it_is_too_short() -> None:
    series = Series()
    series.add(1.0, 1.0, 1)
    series.add(1.01, 0.1, 1)  # ten cores for a hundredth of a second
    assert _read(series).cpu == (1.0, 1.0)
    assert _read(series).cpu_peak == 1.0


@pytest.mark.parametrize(
    ("cpu_s", "since_s", "running_s", "counts"),
    [
        (1.0, 1.0, 0.5, 0.5),  # another action ran in the first half
        (1.0, 1.0, 3.0, 1.0),  # it ran all the time
        (1.5, 60.0, 1.5, 1.5),  # nothing ran before: else the worker had been looked at
        (9.0, 0.0, 1.0, 4.0),  # a worker never looked at: no more than the machine could
    ],
)
def test_what_a_worker_used_before_an_action_is_not_the_actions(
    cpu_s: float, since_s: float, running_s: float, counts: float
) -> None:
    assert share(cpu_s, since_s, running_s, 4.0) == counts


_GIB = 1 << 30


@pytest.mark.parametrize(
    ("usage", "text"),
    [
        (Usage(memory_peak_bytes=25 << 20, cpu_s=0.04), "peak 25 MiB"),
        (Usage(memory_peak_bytes=300 << 20, cpu_s=2.04, cpu_peak=1.0), "peak 300 MiB, 2 CPU s, at most 1 core"),
        (
            Usage(memory_peak_bytes=1_288_490_188, memory_asked_bytes=2 * _GIB, cpu_s=3.4, cpu_peak=1.1, cpu_asked=2),
            "peak 1.2 GiB of 2 GiB, 3.4 CPU s, at most 1.1 of 2 cores",
        ),
        (
            Usage(
                memory_peak_bytes=_GIB, cpu_s=120.4, cpu_peak=2.0, shared_by=4,
                gpus=(GpuUsage(id="0", memory_bytes=80 * _GIB, busy=(1,), busy_peak=0.91,
                               memory_peak_bytes=31 * _GIB),),
            ),
            "peak 1 GiB, 120 CPU s, at most 2 cores, GPU 0 at most 91 % and 31 GiB of 80 GiB, "
            "shared by 4 actions of one worker",
        ),
    ],
)  # fmt: skip
def test_peaks_in_words(usage: Usage, text: str) -> None:
    assert usage_words.text(usage) == text


@pytest.mark.parametrize(
    ("usage", "hint"),
    [
        (Usage(memory_peak_bytes=500 << 20, memory_asked_bytes=_GIB, is_over=True), ""),
        (
            Usage(memory_peak_bytes=1000 << 20, memory_asked_bytes=_GIB),
            "memory came near its limit: 1 GiB of 1 GiB; give the task more with Resources(memory=…)",
        ),
        (
            Usage(memory_peak_bytes=400 << 20, memory_asked_bytes=8 * _GIB, is_over=True),
            "asked for 8 GiB, used at most 400 MiB",
        ),
        (Usage(memory_peak_bytes=400 << 20, memory_asked_bytes=8 * _GIB), ""),  # it goes on: it may need it yet
        (Usage(memory_peak_bytes=1 << 20, memory_asked_bytes=8 * _GIB, is_over=True, shared_by=2), ""),
        (Usage(cpu_peak=1.04, cpu_asked=8, covers_s=60, is_over=True), "asked for 8 CPUs, used at most 1"),
        (Usage(cpu_peak=1.04, cpu_asked=8, covers_s=3, is_over=True), ""),
        (
            Usage(covers_s=60, is_over=True, gpus=(GpuUsage(id="1", busy=(0.02,), busy_peak=0.02),)),
            "GPU 1 hardly computed",
        ),
    ],
)
def test_what_stands_out(usage: Usage, hint: str) -> None:
    assert usage_words.hint(usage) == hint
