"""Figures of runs for plotly, which is loaded only when one is asked for.

A figure stands beside the views: whoever wants to zoom, restyle or save one as a picture takes it. Every text in it is
taken for text: plotly reads some tags in labels, so all of them are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from flytenb.errors import MissingPackageError
from flytenb.model.snapshot import RunRow
from flytenb.model.usage import Usage
from flytenb.views import words
from flytenb.views.escape import html
from flytenb.views.marks import mark_of
from flytenb.views.spans import Row, Span, Spans

_QUEUE, _BUILD, _TRACE, _CRITICAL = "#868e96", "#b27d0c", "#9a72d6", "#e0454a"
_ROW_PX, _FRAME_PX = 22, 130
_MARGIN = {"l": 8, "r": 16, "t": 48, "b": 8}
#: Order and words of the legend.
_LEGEND = {
    "queue": "In the queue", "build": "Image or environment", "attempt": "Earlier attempt", "run": "Ran",
    "parent": "Waited for its calls", "cached": "Cached", "trace": "Traced call",
}  # fmt: skip


def plotly(what: str) -> Any:
    """`plotly.graph_objects`.

    Raises:
        MissingPackageError: plotly is not installed.
    """
    try:
        import plotly.graph_objects
    except ImportError:
        raise MissingPackageError(what, "plotly") from None
    return plotly.graph_objects


# ---- when what ran -----------------------------------------------------------------------------------------------
def timeline(spans: Spans, title: str) -> Any:
    """A waterfall: queue hatched, image shaded, run solid in the colour of its end, critical path outlined."""
    go = plotly("run.timeline()")
    figure = go.Figure()
    labels = ["· " * row.depth + html(row.label, 40) for row in spans.rows]
    groups: dict[tuple[str, str, bool], list[tuple[Row, Span]]] = {}
    for row in spans.rows:
        for span in row.spans:
            groups.setdefault((span.kind, span.key, span.is_critical), []).append((row, span))
    order = list(_LEGEND)
    for (kind, key, is_critical), members in sorted(groups.items(), key=lambda one: order.index(one[0][0])):
        figure.add_trace(_bars(go, kind, key, is_critical, members))
    height = _FRAME_PX + _ROW_PX * max(3, len(spans.rows))
    head = html(title, 80)
    if spans.critical_s:
        head += f" · critical path {words.duration(spans.critical_s)} of {words.duration(spans.length_s)}"
    figure.update_layout(
        title={"text": head, "font": {"size": 14}}, barmode="overlay", bargap=0.25, height=height, margin=_MARGIN,
        legend={"orientation": "h", "y": -0.08 if height > 500 else -0.25}, hoverlabel={"align": "left"},
    )  # fmt: skip
    figure.update_xaxes(title="seconds since the start", range=[0, spans.length_s * 1.02], zeroline=False)
    figure.update_yaxes(
        tickmode="array", tickvals=[row.key for row in spans.rows], ticktext=labels, autorange="reversed",
        type="category", categoryorder="array", categoryarray=[row.key for row in spans.rows], automargin=True,
    )  # fmt: skip
    return figure


def _bars(go: Any, kind: str, key: str, is_critical: bool, members: Sequence[tuple[Row, Span]]) -> Any:
    mark = mark_of(key) if key and key != "trace" else None
    name = _LEGEND[kind]
    if kind in ("run", "parent"):
        name = f"{mark.word if mark else name}{', waits for its calls' if kind == 'parent' else ''}"
        name += ", critical path" if is_critical else ""
    color = {"queue": _QUEUE, "build": _BUILD, "trace": _TRACE}.get(kind) or (mark.color if mark else _QUEUE)
    if kind == "trace" and key == "failed" and mark is not None:
        color = mark.color
    look: dict[str, Any] = {"color": color, "line": {"width": 0}}
    if kind in ("queue", "attempt"):
        look["pattern"] = {"shape": "/" if kind == "queue" else "x", "fgcolor": color, "bgcolor": "rgba(0,0,0,0)"}
    if is_critical:
        look["line"] = {"width": 2, "color": _CRITICAL}
    told = [f"<b>{html(row.label, 60)}</b><br>{html(span.told, 300)}" for row, span in members]
    # What took no time is a mark all the same.
    least = 0.0 if kind != "cached" else 0.002
    return go.Bar(
        orientation="h", name=name, base=[span.start for _, span in members], width=0.4 if kind == "trace" else None,
        x=[max(span.end - span.start, least) for _, span in members], y=[row.key for row, _ in members],
        marker=look, opacity=0.45 if kind == "parent" else 1.0, customdata=told,
        hovertemplate="%{customdata}<br>from %{base:.3f} s on<extra></extra>",
    )  # fmt: skip


# ---- what it used -------------------------------------------------------------------------------------------------
def resources(used: Sequence[Usage], labels: Mapping[str, str], title: str, origin: float) -> Any:
    """Cores, memory and GPUs of each attempt over time, with what its task asks for as a dotted line."""
    go = plotly("run.resources().figure()")
    from plotly.subplots import make_subplots

    has_gpus = any(one.gpus for one in used)
    names = ["Cores", "Memory (GiB)", *(["GPU (%)", "GPU memory (GiB)"] if has_gpus else [])]
    figure = make_subplots(rows=len(names), cols=1, shared_xaxes=True, vertical_spacing=0.06, subplot_titles=names)
    for index, one in enumerate(used):
        name = html(labels.get(one.action, one.action), 40) + (f", attempt {one.attempt}" if one.attempt > 1 else "")
        # A step's value holds from the end of the one before to its own.
        times = [moment - origin for moment in (one.started_at, *one.times)] if one.times else []
        color = _PALETTE[index % len(_PALETTE)]
        series: list[tuple[int, str, Sequence[float], float]] = [
            (1, name, one.cpu, one.cpu_asked),
            (2, name, [size / (1 << 30) for size in one.memory], one.memory_asked_bytes / (1 << 30)),
        ]
        for gpu in one.gpus:
            said = f"{name}, GPU {html(gpu.id, 20)}"
            series.append((3, said, [100 * share for share in gpu.busy], 0.0))
            series.append((4, said, [size / (1 << 30) for size in gpu.memory], gpu.memory_bytes / (1 << 30)))
        for row, said, values, limit in series:
            if not values:
                continue
            line = {"color": color, "shape": "vh"}
            figure.add_trace(
                go.Scatter(
                    x=times, y=[values[0], *values], name=said, mode="lines", line=line, legendgroup=name,
                    showlegend=row == 1, hovertemplate="%{y:.2f} at %{x:.1f} s<extra>" + said + "</extra>",
                ),
                row=row, col=1,
            )  # fmt: skip
            if limit and times:
                dotted = {"color": color, "dash": "dot", "width": 1}
                figure.add_trace(
                    go.Scatter(
                        x=[times[0], times[-1]], y=[limit, limit], mode="lines", line=dotted, showlegend=False,
                        legendgroup=name, hovertemplate="asked for %{y:.2f}<extra>" + said + "</extra>",
                    ),
                    row=row, col=1,
                )  # fmt: skip
    figure.update_layout(title={"text": html(title, 80), "font": {"size": 14}}, height=120 + 170 * len(names))
    figure.update_layout(margin={**_MARGIN, "t": 76}, legend={"orientation": "h", "y": -0.12})
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(title="seconds since the start", row=len(names), col=1)
    return figure


def asked(tasks: Sequence[tuple[str, float, float, float]], title: str) -> Any:
    """What tasks ask for, where nothing was measured: bars of cores, GiB and GPUs.

    Args:
        tasks: name, cores, GiB of memory, GPUs.
        title: of the figure.
    """
    go = plotly("run.resources()")
    names = [html(one[0], 40) for one in tasks]
    figure = go.Figure()
    for side, (name, color) in enumerate(zip(("Cores", "Memory (GiB)", "GPUs"), _PALETTE, strict=False), 1):
        values = [one[side] for one in tasks]
        if any(values):
            figure.add_trace(go.Bar(orientation="h", name=name, y=names, x=values, marker={"color": color}))
    note = "asked for; attempts of less than a second or so are not measured"
    figure.update_layout(
        title={"text": f"{html(title, 80)} · {note}", "font": {"size": 14}}, barmode="group", margin=_MARGIN,
        height=_FRAME_PX + 44 * max(2, len(tasks)), legend={"orientation": "h"}, showlegend=True,
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category", automargin=True)
    return figure


#: Colours that are told apart by people who see few of them (Okabe and Ito).
_PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999")


# ---- many runs ----------------------------------------------------------------------------------------------------
def runs(rows: Sequence[RunRow], now: float, title: str = "Runs") -> Any:
    """How long runs took over time, a sign for each by how it ended; a run's name where the pointer is."""
    go = plotly("flyte.runs.plot()")
    figure = go.Figure()
    by_phase: dict[str, list[RunRow]] = {}
    for row in rows:
        by_phase.setdefault(row.phase, []).append(row)
    for phase, members in by_phase.items():
        mark = mark_of(phase)
        told = [
            f"<b>{html(row.name, 40)}</b> {html(row.task, 60)}<br>{words.count(row.action_count, 'action')}, "
            f"{words.count(row.cached_count)} cached, {words.count(row.failed_count)} failed"
            for row in members
        ]
        figure.add_trace(
            go.Scatter(
                x=[datetime.fromtimestamp(row.created_at, timezone.utc) for row in members],
                y=[max(0.001, (row.ended_at or now) - row.created_at) for row in members],
                mode="markers", name=mark.word, customdata=told,
                marker={"color": mark.color, "size": 10, "symbol": _SYMBOLS.get(mark.key, "circle")},
                hovertemplate="%{customdata}<br>%{y:.2f} s<extra></extra>",
            )
        )  # fmt: skip
    figure.update_layout(title={"text": html(title, 80), "font": {"size": 14}}, height=360, margin=_MARGIN)
    figure.update_layout(legend={"orientation": "h", "y": -0.2}, showlegend=True)
    figure.update_yaxes(title="seconds", type="log" if _is_wide(rows, now) else "linear", rangemode="tozero")
    figure.update_xaxes(title="started (UTC)")
    return figure


_SYMBOLS = {
    "failed": "x", "timed_out": "triangle-up", "aborted": "circle-x", "running": "triangle-right", "paused": "square",
}  # fmt: skip


def _is_wide(rows: Sequence[RunRow], now: float) -> bool:
    took = [max(0.001, (row.ended_at or now) - row.created_at) for row in rows]
    return bool(took) and max(took) > 100 * min(took)


# ---- two runs -----------------------------------------------------------------------------------------------------
def comparison(tasks: Sequence[tuple[str, float | None, float | None]], before: str, after: str) -> Any:
    """The mean time of each task in two runs, beside each other.

    Args:
        tasks: name, seconds in the one, seconds in the other; None where it did not run.
        before: name of the one.
        after: name of the other.
    """
    go = plotly("flyte.compare(…).figure()")
    figure = go.Figure()
    names = [html(name, 40) for name, _, _ in tasks]
    for side, (run, color) in enumerate(((before, "#868e96"), (after, "#0072b2")), 1):
        values = [one[side] for one in tasks]
        figure.add_trace(
            go.Bar(
                orientation="h", name=html(run, 40), y=names, x=values, marker={"color": color},
                hovertemplate="%{y}: %{x:.3f} s<extra>" + html(run, 40) + "</extra>",
            )
        )  # fmt: skip
    figure.update_layout(
        title={"text": f"{html(before, 40)} and {html(after, 40)}: seconds by task", "font": {"size": 14}},
        barmode="group", height=_FRAME_PX + 44 * max(2, len(tasks)), margin=_MARGIN, legend={"orientation": "h"},
    )  # fmt: skip
    figure.update_xaxes(title="seconds, mean of its calls")
    figure.update_yaxes(autorange="reversed", type="category", automargin=True)
    return figure
