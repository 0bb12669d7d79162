"""What tasks, environments and single actions look like: HTML and text from plain facts.

The facts are gathered by whoever knows the objects (`notebook`); nothing here reads an sdk object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flytenb.model.snapshot import ActionRow, RunRow
from flytenb.views import text, twin, words
from flytenb.views.escape import html, one_line
from flytenb.views.marks import mark_of
from flytenb.views.tree import Cause, Preview, failure_place, failure_text, took


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """A task as declared."""

    name: str
    #: (name, type, default as text or "" when required).
    inputs: tuple[tuple[str, str, str], ...] = ()
    #: (name, type).
    outputs: tuple[tuple[str, str], ...] = ()
    #: What was said of it, in words: ("cache", "auto").
    settings: tuple[tuple[str, str], ...] = ()
    #: `Cell In[4], line 2`.
    source: str = ""
    is_async: bool = True
    doc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFacts:
    """An environment with its tasks."""

    name: str
    settings: tuple[tuple[str, str], ...] = ()
    tasks: tuple[TaskFacts, ...] = ()


def signature(task: TaskFacts) -> str:
    """`async fit(c: float, data: Dataset = …) -> Score`."""
    inputs = ", ".join(f"{n}: {t}" + (f" = {one_line(d, 30)}" if d else "") for n, t, d in task.inputs)
    outputs = ", ".join(t for _, t in task.outputs)
    if len(task.outputs) > 1:
        outputs = f"({outputs})"
    prefix = "async " if task.is_async else ""
    return one_line(f"{prefix}{task.name.rpartition('.')[2]}({inputs}) -> {outputs or 'None'}", 300)


def task_text(task: TaskFacts) -> str:
    """A task in at most six lines."""
    lines = [f"task {one_line(task.name, 60)}", f"  {_cut(signature(task))}"]
    lines += _setting_lines(task.settings)
    if task.source:
        lines.append(f"  source       {one_line(task.source, 60)}")
    return "\n".join(lines)


def task_html(task: TaskFacts) -> str:
    """A task: signature, settings, where it was defined."""
    head = f'<p style="margin:0 0 4px"><b>{html(task.name, 80)}</b> <span style="{twin.MUTED}">task</span></p>'
    parts = [head, twin.pre(html(signature(task), 300))]
    if task.doc:
        parts.append(f'<p style="margin:0 0 4px;{twin.MUTED}">{html(task.doc, 200)}</p>')
    settings = [*task.settings, *([("source", task.source)] if task.source else [])]
    parts += _settings_table(settings)
    return twin.section("".join(parts), f"Task {task.name}")


def environment_text(environment: EnvironmentFacts) -> str:
    """An environment and its tasks in lines."""
    lines = [f"environment {one_line(environment.name, 60)}", *_setting_lines(environment.settings)]
    for i, task in enumerate(environment.tasks[:8]):
        lines.append(f"  {'tasks' if i == 0 else '':<12} {_cut(signature(task), 64)}")
    if len(environment.tasks) > 8:
        lines.append(f"  {'':<12} and {words.count(len(environment.tasks) - 8)} more")
    return "\n".join(lines)


def environment_html(environment: EnvironmentFacts) -> str:
    """An environment: settings and tasks."""
    parts = [
        f'<p style="margin:0 0 4px"><b>{html(environment.name, 80)}</b> '
        f'<span style="{twin.MUTED}">environment, {words.count(len(environment.tasks), "task")}</span></p>',
        *_settings_table(environment.settings),
    ]
    if environment.tasks:
        rows = [
            (
                html(t.name.rpartition(".")[2], 60),
                f"<code>{html(signature(t), 200)}</code>",
                html(words.joined(f"{k} {v}" for k, v in t.settings), 120),
            )
            for t in environment.tasks[:40]
        ]
        parts.append(twin.table(("Task", "Signature", "Settings"), rows))
    return twin.section("".join(parts), f"Environment {environment.name}")


def action_text(
    action: ActionRow, label: str = "", inputs: Sequence[Preview] = (), outputs: Sequence[Preview] = ()
) -> str:
    """One action: state line, error, inputs, outputs."""
    mark = mark_of(action.phase, action.is_cached)
    lines = [
        f"{mark.glyph} {one_line(label or action.short_name, 40)} {action.name}  {mark.word}  {_about(action)}".rstrip()
    ]
    if action.failure is not None:
        lines.append(f"  {_cut(one_line(failure_text(action.failure)), 77)}")
        for place, code in text.frame_lines(_cause(action)):
            lines += [f"    {_cut(place, 75)}"] + ([f"      {_cut(code, 73)}"] if code else [])
    for title, values in (("inputs", inputs), ("outputs", outputs)):
        for i, value in enumerate(values[:3]):
            lines.append(f"  {title if i == 0 else '':<12} {_cut(text.value_text(value), 64)}")
    return "\n".join(lines)


def action_html(
    action: ActionRow, label: str = "", inputs: Sequence[Preview] = (), outputs: Sequence[Preview] = ()
) -> str:
    """One action with its values and its error."""
    mark = mark_of(action.phase, action.is_cached)
    name = label or action.short_name
    parts = [
        f'<p style="margin:0 0 6px">{twin.glyph(mark)} <b>{html(name, 60)}</b> <code>{html(action.name, 40)}</code> '
        f'<b>{html(mark.word)}</b> <span style="{twin.MUTED}">{html(_about(action))}</span></p>'
    ]
    if action.failure is not None:
        parts.append(f'<p style="margin:0 0 4px"><b>{html(failure_text(action.failure), 500)}</b></p>')
        parts.append(twin.failure_block(_cause(action)))
    if inputs:
        parts.append(twin.values_table("Input", inputs))
    if outputs:
        parts.append(twin.values_table("Output", outputs))
    return twin.section("".join(parts), f"Action {name}, {mark.word.lower()}")


def runs_text(runs: Sequence[RunRow], now: float) -> str:
    """Runs, newest first, one a line."""
    if not runs:
        return "no runs yet"
    lines = []
    for run in runs:
        mark = mark_of(run.phase)
        lines.append(
            _cut(
                f"{mark.glyph} {one_line(run.name, 20):<10} {one_line(run.task.rpartition('.')[2], 24):<20} "
                f"{mark.word:<11} {_run_took(run, now):>9}  {words.count(run.action_count, 'action'):<14} "
                f"{words.ago(now - run.created_at)}"
            )
        )
    return "\n".join(lines)


def runs_html(runs: Sequence[RunRow], now: float) -> str:
    """Runs, newest first, as a table."""
    rows = [
        (
            f"<code>{html(run.name, 40)}</code>",
            html(run.task, 60),
            f"{twin.glyph(mark_of(run.phase))} {html(mark_of(run.phase).word)}",
            _run_took(run, now),
            words.count(run.action_count),
            words.count(run.failed_count) if run.failed_count else "",
            words.ago(now - run.created_at),
        )
        for run in runs
    ]
    inner = twin.table(("Run", "Task", "Phase", "Took", "Actions", "Failed", "When"), rows, right=(3, 4, 5))
    return twin.section(inner if rows else "No runs yet.", f"{words.count(len(runs), 'run')}")


def _run_took(run: RunRow, now: float) -> str:
    return words.total(max(0.0, (run.ended_at or now) - run.created_at)) if run.created_at else ""


def _about(action: ActionRow) -> str:
    seconds = took(action)
    return words.joined(
        [
            words.duration(seconds) if seconds is not None else "",
            f"attempt {action.attempt}" if action.attempt > 1 else "",
            f"saved {words.duration(action.saved_s)}" if action.is_cached and action.saved_s else "",
            action.reason,
        ]
    )


def _cause(action: ActionRow) -> Cause:
    assert action.failure is not None
    failure = action.failure
    return Cause(
        message=failure_text(failure),
        where=failure_place(failure),
        actions=(action,),
        labels=(action.name,),
        failure=failure,
    )


def _setting_lines(settings: Sequence[tuple[str, str]]) -> list[str]:
    return [_cut(f"  {one_line(key, 12):<12} {one_line(value, 200)}") for key, value in settings]


def _settings_table(settings: Sequence[tuple[str, str]]) -> list[str]:
    if not settings:
        return []
    return [twin.table([html(k, 40) for k, _ in settings], [[html(v, 200) for _, v in settings]])]


def _cut(line: str, width: int = 80) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"
