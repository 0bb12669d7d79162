"""Figures for plotly: what is in them, and that words stay words."""

import sys

import pytest

from flytenb.errors import MissingPackageError
from flytenb.model.snapshot import RunRow
from flytenb.model.usage import GpuUsage, Usage
from flytenb.views import figures
from flytenb.views.spans import Row, Span, Spans

HOSTILE = "<script>alert(1)</script>"


def names(figure):
    return [trace.name for trace in figure.data]


def test_a_timeline_has_a_bar_for_each_span():
    rows = (
        Row(key="a0", label=HOSTILE, depth=0, spans=(Span(kind="parent", start=0, end=9, key="succeeded"),)),
        Row(
            key="a1",
            label="fit",
            depth=1,
            spans=(
                Span(kind="queue", start=0, end=1, told=HOSTILE),
                Span(kind="build", start=0.2, end=0.8),
                Span(kind="attempt", start=1, end=2, key="failed"),
                Span(kind="run", start=2, end=9, key="succeeded", is_critical=True),
            ),
        ),
        Row(key="a1 trace 0", label="read", depth=2, spans=(Span(kind="trace", start=3, end=4, key="trace"),)),
        Row(key="a2", label="old", depth=1, spans=(Span(kind="cached", start=1, end=1, key="cached"),)),
    )
    figure = figures.timeline(Spans(rows=rows, length_s=9.0, critical_s=7.0), HOSTILE)
    assert names(figure) == [
        "In the queue", "Image or environment", "Earlier attempt", "Succeeded, critical path",
        "Succeeded, waits for its calls", "Cached", "Traced call",
    ]  # fmt: skip
    run = figure.data[3]
    assert (list(run.base), list(run.x), list(run.y)) == ([2], [7], ["a1"])
    assert run.marker.line.width == 2
    assert figure.data[0].marker.pattern.shape == "/"
    assert "critical path 7.0 s of 9.0 s" in figure.layout.title.text
    assert "<script" not in str(figure.to_dict())


def test_resources_are_drawn_with_what_is_asked_for():
    gpu = GpuUsage(id="0", memory_bytes=4 << 30, busy=(0.5, 1.0), memory=(1 << 30, 2 << 30))
    used = Usage(
        action="a1", started_at=100.0, covers_s=2.0, cpu=(0.5, 1.5), memory=(1 << 30, 2 << 30), gpus=(gpu,),
        cpu_asked=2.0, memory_asked_bytes=4 << 30,
    )  # fmt: skip
    figure = figures.resources([used], {"a1": "fit"}, "fit", 99.0)
    lines = [(trace.name, list(trace.x), list(trace.y)) for trace in figure.data if trace.name]
    assert lines == [
        ("fit", [1.0, 2.0, 3.0], [0.5, 0.5, 1.5]),
        ("fit", [1.0, 2.0, 3.0], [1.0, 1.0, 2.0]),
        ("fit, GPU 0", [1.0, 2.0, 3.0], [50.0, 50.0, 100.0]),
        ("fit, GPU 0", [1.0, 2.0, 3.0], [1.0, 1.0, 2.0]),
    ]
    assert [list(trace.y) for trace in figure.data if not trace.name] == [[2.0, 2.0], [4.0, 4.0], [4.0, 4.0]]
    assert names(figures.asked([("fit", 2.0, 4.0, 0)], "fit")) == ["Cores", "Memory (GiB)"]


def test_runs_have_a_sign_for_each_end():
    rows = [
        RunRow(name="a", task="t.f", phase="succeeded", created_at=100.0, ended_at=101.0),
        RunRow(name="b", task=HOSTILE, phase="failed", created_at=200.0, ended_at=900.0),
    ]
    figure = figures.runs(rows, 1000.0)
    assert names(figure) == ["Succeeded", "Failed"]
    assert [list(trace.y) for trace in figure.data] == [[1.0], [700.0]]
    assert figure.data[1].marker.symbol == "x"
    assert figure.layout.yaxis.type == "log"
    assert "<script" not in str(figure.to_dict())


def test_two_runs_stand_beside_each_other():
    figure = figures.comparison([("fit", 1.0, 2.0), ("new", None, 3.0)], "a", "b")
    assert [(trace.name, list(trace.x)) for trace in figure.data] == [("a", [1.0, None]), ("b", [2.0, 3.0])]


def test_without_plotly(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(MissingPackageError) as caught:
        figures.timeline(Spans(rows=(), length_s=1.0), "")
    assert str(caught.value) == 'run.timeline() needs the package plotly: run "pip install plotly" (in a cell: %pip)'
