"""The static twin: a run as HTML that needs no script, no style sheet, no network and no kernel.

It must survive the sanitizers of JupyterLab, GitHub, nbviewer and mail, so: tables, `<details>`, inline styles,
pictures as base64 `<img>`; the tables alone carry the information. It has a budget of bytes: what is
not needed to understand the run is left out, last things first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo

from flytenb.model.outcome import Failure
from flytenb.model.snapshot import ActionRow, ConditionRow
from flytenb.views import builds, progress, reports, text, timeline, usage, variables, words
from flytenb.views.conditions import cell_line
from flytenb.views.escape import data_image, html, html_block, one_line
from flytenb.views.marks import Mark, mark_of
from flytenb.views.tree import Cause, Node, Preview, RunView, counts_of, failure_place, failure_text, took

#: Bytes of a twin: a small run, one that goes on (it is sent again and again), and any run.
SMALL_LIMIT, LIVE_LIMIT, LIMIT = 15_000, 20_000, 60_000
_SMALL_ACTIONS, _LOG_LINES = 12, 20
#: Characters of a text and rows of the tree, tried in this order.
_SIZES = (200, 40), (60, 40), (20, 40), (20, 15)
_MAX_REPORTS, _REPORT_LINES = 3, 20
MUTED = "opacity:.72"
_CELL = "text-align:left;padding:2px 16px 2px 0;overflow-wrap:anywhere;min-width:6.5em;vertical-align:top"
_RIGHT = "text-align:right;padding:2px 16px 2px 0;white-space:nowrap;vertical-align:top"
# Columns as wide as what they hold: notebooks make them all equal otherwise.
_TABLE = "border-collapse:collapse;table-layout:auto;width:100%;margin:4px 0;font-size:12px"
_PRE = (
    "margin:4px 0;padding:4px 8px;background:rgba(128,128,128,.12);"
    "font-family:var(--jp-code-font-family,monospace);font-size:12px;line-height:18px;overflow-x:auto"
)
#: In Markdown a blank line would end the HTML, and the lines after it would be markup.
_BLANK = re.compile(r"\n(?=[ \t]*(?:\n|$))")
_DIFF_LINE = "display:block;padding-left:3ch;text-indent:-3ch"
_TINTS = {"+": ";background:rgba(46,160,67,.18)", "-": ";background:rgba(248,81,73,.16)"}


def render(view: RunView, *, zone: tzinfo | None = None, surface: str = "notebook") -> str:
    """The run as static HTML, within its budget of bytes.

    Args:
        view: from `tree.view`.
        zone: time zone of the moment shown; the reader's own by default.
        surface: "notebook" or "shell": which commands are named.
    """
    limit = LIMIT if view.is_terminal else LIVE_LIMIT
    if view.action_count <= _SMALL_ACTIONS:
        limit = SMALL_LIMIT
    tail = _next(view, surface)
    frame = len(tail.encode()) + len(section("", _aria(view)).encode())
    for width, rows in _SIZES:
        parts = _needed(view, zone, width, rows)
        spent = frame + sum(len(p.encode()) for p in parts)
        if spent <= limit:
            break
    for part in _optional(view):
        cost = len(part.encode())
        if spent + cost <= limit:
            parts.append(part)
            spent += cost
    return section("".join(parts) + tail, _aria(view))


def line(view: RunView, zone: tzinfo | None = None) -> str:
    """The run's state line alone."""
    return section(_head(view, zone), _aria(view))


def _needed(view: RunView, zone: tzinfo | None, width: int, rows: int) -> list[str]:
    parts = [_head(view, zone)]
    if view.mark.is_loud and view.is_terminal:
        parts += _errors(view, width, rows // 5)
    if view.mark.key == "aborted" and view.root is not None and view.root.failure is not None:
        parts.append(f'<p style="margin:0 0 4px;">{html(view.root.failure.message, 2 * width)}</p>')
    parts += [_question(row, width) for row in view.asked[:3]]
    parts += [f'<p style="margin:0 0 4px;{MUTED}">{html(note, 2 * width)}</p>' for note in view.notes[:3]]
    parts += _builds(view, width)
    parts.append(_tree(view, width, rows))
    parts += _places(view, width)
    return parts


def _builds(view: RunView, width: int) -> Iterator[str]:
    """One fold for each: closed when all is well."""
    for build in view.builds[-builds.SHOWN :]:
        word = f"<b>{html(build.word)}</b>" if not build.is_quiet else html(build.word.lower())
        head = (
            f"{glyph(build.mark)} {html(build.title, 2 * width)} {word} "
            f'<span style="{MUTED}">· {html(build.facts, 120)}</span>'
        )
        rows = [
            (f"{glyph(layer.mark)} {html(_layer_text(layer), width)}", html(layer.word), html(layer.took))
            for layer in build.layers[:40]
        ]
        inner = table(("Layer", "Phase", "Took"), rows, right=(2,)) if rows else ""
        for layer in build.layers:
            if layer.lines:
                log = html_block("\n".join(one_line(line, 160) for line in layer.lines), 4_000)
                inner += details(f"Last lines of {html(layer.title, 60)}", pre(log), is_open=build.is_failed)
        if build.error and not any(layer.lines for layer in build.layers):
            inner += pre(html_block(build.error, 1_000))
        if build.number:
            command = f"flytenb get build {build.number} --log"
            inner += f'<p style="margin:0 0 4px;{MUTED}">All that it wrote: <code>{command}</code></p>'
        yield details(head, inner, is_open=not build.is_quiet)


def _layer_text(layer: builds.Layer) -> str:
    return f"{layer.title} · {layer.said}" if layer.said else layer.title


def _places(view: RunView, width: int) -> Iterator[str]:
    """Where environments ran; what was left out is set in bold."""
    for place in view.places[:8]:
        shown = f"env <b>{html(place.environment, 60)}</b>: {html(place.text, 2 * width)}"
        yield f'<p style="margin:0 0 4px;{MUTED}">{shown}</p>'
        for note in place.notes:
            yield f'<p style="margin:0 0 4px"><b>Note:</b> {html(place.environment, 60)}: {html(note, 400)}</p>'


def section(inner: str, label: str) -> str:
    """The outermost element of every view."""
    # Where the output is narrower than a table, the view scrolls and not the notebook.
    style = "font-size:13px;line-height:20px;overflow-x:auto"
    return f'<section role="group" aria-label="{html(label)}" style="{style}">{inner}</section>'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A table of ready-made HTML cells; columns in `right` hold numbers."""
    styles = [_RIGHT if i in right else _CELL for i in range(len(heads))]
    head = "".join(
        f'<th scope="col" style="{s};font-weight:400;{MUTED}">{h}</th>' for h, s in zip(heads, styles, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f'<td style="{s}">{c}</td>' for c, s in zip(row, styles, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def details(summary: str, inner: str, is_open: bool = False) -> str:
    """A part that folds; `summary` is ready-made HTML."""
    opened = " open" if is_open else ""
    return f'<details{opened} style="margin:4px 0"><summary style="cursor:pointer">{summary}</summary>{inner}</details>'


def pre(content: str) -> str:
    """Ready-made HTML in a fixed-width block."""
    return f'<pre style="{_PRE}">{_BLANK.sub("&#10;", content)}</pre>'


def diff(text: str) -> str:
    """A diff in colours. A long line goes on below itself, so that it is read where the view is narrow."""
    lines = "".join(
        f'<span style="{_DIFF_LINE}{_TINTS.get(line[:1], "")}">{line or " "}\n</span>'
        for line in html_block(text).split("\n")
    )
    return f'<pre style="{_PRE};white-space:pre-wrap;overflow-wrap:anywhere">{lines}</pre>'


def glyph(mark: Mark) -> str:
    """The coloured sign of a phase; its word always stands beside it."""
    return f'<span style="color:{mark.color}">{mark.glyph}</span>'


def values_table(heading: str, values: Sequence[Preview], limit: int = 120) -> str:
    """Named values with type, preview and size."""
    rows = [
        (
            f"<code>{html(v.name or 'o0', 40)}</code>",
            html(v.type, 60),
            f"<code>{html(v.text, limit)}</code>",
            words.size(v.size_bytes),
        )
        for v in values[:20]
    ]
    return table((heading, "Type", "Preview", "Size"), rows, right=(3,))


def image(svg: str, alt: str) -> str:
    """A picture that survives sanitizers, with its content in words."""
    return (
        f'<img src="{data_image(svg)}" alt="{html(alt, 400)}" width="{timeline.WIDTH}" '
        'style="max-width:100%;height:auto;display:block">'
    )


def failure_block(cause: Cause) -> str:
    """The frames of a failure, with the failing lines."""
    lines = []
    for place, code in text.frame_lines(cause, at_most=6):
        lines.append(f"  {html(place)}")
        if code:
            lines.append(f"→     {html(code)}")
    return pre("\n".join(lines)) if lines else ""


def variables_table(failure: Failure, index: int, most: int = 40, characters: int = 400) -> str:
    """What the variables of a frame held."""
    return table(("Variable", "Held"), variables.variable_rows(failure, index, characters)[:most])


def _variables(failure: Failure) -> str:
    """Those of the innermost frame of the user's, folded; "" where none were kept."""
    index = variables.innermost(failure)
    if index < 0:
        return ""
    head = f"Variables of {html(variables.place(failure, index), 160)}"
    return details(head, variables_table(failure, index, 12, 120))


def _aria(view: RunView) -> str:
    facts = words.joined([view.mark.word.lower(), *text.facts_of(view)])
    return f"Run {view.task}, {view.name}, {facts}"


def _head(view: RunView, zone: tzinfo | None) -> str:
    facts = " · ".join(html(f) for f in [*text.facts_of(view), words.moment(view.created_at, zone)] if f)
    return (
        f'<p style="margin:0 0 6px">{glyph(view.mark)} <b>{html(view.task, 60)}</b> <code>{html(view.name, 40)}</code> '
        f'<b>{html(view.mark.word)}</b> <span style="{MUTED}">· {facts}</span></p>'
    )


def _errors(view: RunView, width: int, at_most: int) -> Iterator[str]:
    if not view.causes:
        if view.root is not None and view.root.failure is not None:
            yield f'<p style="margin:0 0 4px"><b>{html(failure_text(view.root.failure), 500)}</b></p>'
        return
    cause = view.causes[0]
    action = cause.actions[0]
    if len(view.causes) == 1 and len(cause.actions) == 1:
        seconds = took(action)
        facts = [
            cause.labels[0],
            f"attempt {action.attempt}" if action.attempt > 1 else "",
            cause.where,
            f"after {words.duration(seconds)}" if seconds is not None else "",
        ]
        shown = " · ".join(html(f) for f in facts if f)
        # The lines of a failed build stand below, as they were written.
        message = cause.message.partition("\n")[0] if any(one.is_failed for one in view.builds) else cause.message
        yield f'<p style="margin:0 0 4px"><b>{html(message, 500)}</b><br><span style="{MUTED}">{shown}</span></p>'
        yield failure_block(cause)
        yield _variables(cause.failure)
        return
    rows = [
        (
            f"{glyph(mark_of(c.actions[0].phase))} {html(c.message, max(width, 40))}",
            words.count(len(c.actions)),
            html(text.which(c), max(width, 40)),
            html(c.where, max(width, 40)),
        )
        for c in view.causes[:at_most]
    ]
    yield table(("Cause", "Actions", "Which", "Where"), rows, right=(1,))
    yield from _more(len(view.causes) - at_most, "more cause")
    yield failure_block(cause)
    yield _variables(cause.failure)


def _tree(view: RunView, width: int, at_most: int) -> str:
    flat = list(_flat(view.nodes))
    wide = [n for n in flat if n.is_wide and n.kind == "siblings"]
    if view.mark.is_loud and view.is_terminal and all(n.depth == 0 for n in flat):
        flat = [n for n in flat if n.mark.is_loud] + [n for n in flat if not n.mark.is_loud]
    rows = [_row(n, width) for n in flat[:at_most] if n not in wide]
    parts = [table(("Action", "Phase", "Took", "Why"), rows, right=(2,))] if rows else []
    parts += _more(len(flat) - at_most, "more row")
    raster_bytes = 16_000 if view.is_terminal else 8_000
    parts += [_wide(n, raster_bytes // len(wide[:6])) for n in wide[:6]]
    return "".join(parts)


def _more(number: int, noun: str) -> Iterator[str]:
    if number > 0:
        yield f'<p style="{MUTED};margin:0">and {words.count(number, noun)}</p>'


def _row(node: Node, width: int) -> tuple[str, str, str, str]:
    indent = "&nbsp;" * (4 * node.depth)  # a margin is a style, which GitHub and mail take away
    word = f"<b>{html(node.mark.word)}</b>" if node.mark.is_loud else html(node.mark.word)
    spent = words.duration(node.duration_s) if node.duration_s is not None else ""
    why = progress.bar_html(node.share) + html(node.why[:1].upper() + node.why[1:], width)
    cells = f"{indent}{glyph(node.mark)} {html(node.label, min(60, 2 * width))}", word, spent, why
    if node.kind == "ghost":
        faint = [f'<span style="opacity:.5">{cell}</span>' if cell else "" for cell in cells]
        return faint[0], faint[1], faint[2], faint[3]
    return cells


def _wide(node: Node, raster_bytes: int) -> str:
    counts = counts_of(node.actions)
    times = sorted((t, i) for i, a in enumerate(node.actions) if (t := took(a)) is not None)
    ordered = [t for t, _ in times]
    heads, row = ["Action"], [html(node.label, 60)]
    for word, number in counts.items():
        heads.append(html(word.capitalize()))
        row.append(f"<b>{words.count(number)}</b>" if word in ("failed", "timed out") else words.count(number))
    if times:
        heads += ["Median", "95 %", "Slowest"]
        row += [words.duration(words.quantile(ordered, q)) for q in (0.5, 0.95)]
        row.append(f"[{times[-1][1]}] {words.duration(times[-1][0])}")
    alt = f"{words.count(node.count, 'action')} of {node.label} in order: " + words.joined(
        f"{words.count(n)} {w}" for w, n in counts.items()
    )
    return table(heads, [row], right=range(1, len(heads))) + image(timeline.raster(node.actions, raster_bytes), alt)


def _optional(view: RunView) -> Iterator[str]:
    if view.outputs:
        names = [html(v.name, 40) for v in view.outputs[:8] if v.name not in ("", "o0")]
        title = "Outputs" if len(view.outputs) > 1 or names else "Output"
        yield details(
            title + (": " + ", ".join(names) if names else ""), values_table("Output", view.outputs), is_open=True
        )
        yield from _heads(view.outputs)
    if view.logs:
        yield _logs(view, is_open=view.mark.is_loud and view.is_terminal)
    yield from _reports(view)
    yield from _used(view)
    inputs = view.previews.get(view.root.name, {}).get("inputs", ()) if view.root else ()
    if inputs:
        yield details("Inputs: " + ", ".join(html(v.name, 40) for v in inputs[:8]), values_table("Input", inputs))
    if failed := [i for i in (_failed_inputs(c, view) for c in view.causes[:5]) if i]:
        yield details("Inputs of the first failure of each cause", table(("Action", "Inputs"), failed))
    if drawn := timeline.svg(view):
        yield details("Timeline", image(drawn, timeline.alt(view)))
    for node in _flat(view.nodes):
        if node.kind == "siblings" and not node.is_wide:
            yield _members(node, view)


def _used(view: RunView) -> Iterator[str]:
    """What the longer actions used of the machine; what stands out is set in bold and not folded."""
    found = usage.most_first(view)
    if not found:
        return
    rows = [
        (html(label, 60), html(used.text, 200) + (f"<br><b>{html(used.hint, 200)}</b>" if used.hint else ""))
        for label, used in found
    ]
    more = len(view.usages) - len(found)
    rest = "".join(_more(more, "more action"))
    yield details("Resources", table(("Action", "Used"), rows) + rest, is_open=bool(found[0][1].hint))


def _logs(view: RunView, is_open: bool) -> str:
    lines = [(entry.action, line) for entry in view.logs for line in entry.text.rstrip("\n").split("\n")]
    shown = lines[-_LOG_LINES:]
    actions = {action for action, _ in shown}
    prefix = len(actions) > 1
    body = "\n".join((f"{html(view.label(a), 30)}  " if prefix else "") + html_block(line, 200) for a, line in shown)
    whose = "" if prefix else f" of {html(view.label(next(iter(actions))), 60)}"
    count = words.count(len(shown), "log line") if len(shown) > 1 else "log line"
    return details(f"Last {count}{whose}", pre(body), is_open)


def _heads(values: Sequence[Preview]) -> Iterator[str]:
    """First rows of frames, as the worker wrote them beside the values."""
    for value in values[:8]:
        head = getattr(value, "detail", "")
        if head:
            of = f" of <code>{html(value.name, 40)}</code>" if value.name not in ("", "o0") else ""
            yield details(f"First rows{of}", pre(html_block(head, 3_000)))


def _reports(view: RunView) -> Iterator[str]:
    """Reports as text, for readers without frames."""
    for action, page in list(view.pages.items())[:_MAX_REPORTS]:
        lines = reports.excerpt(page, _REPORT_LINES)
        if lines:
            yield details(
                f"Report of {html(view.label(action), 60)}, as text", pre(html_block("\n".join(lines), 4_000))
            )


def frames(view: RunView) -> str:
    """The reports of a run in frames of their own, to stand below it; a large one is named by how it is shown."""
    parts = []
    for action, page in list(view.pages.items())[:_MAX_REPORTS]:
        label = html(view.label(action), 60)
        if reports.is_inline(page):
            parts.append(details(f"Report of {label}", reports.frame(page, f"Report of {view.label(action)}"), True))
        else:
            asked = text.command("report", view, "notebook", action)
            parts.append(f'<p style="margin:4px 0">Report of {label}: <code>{html(asked)}</code> shows it</p>')
    if len(view.pages) > _MAX_REPORTS:
        parts.append(
            f'<p style="margin:4px 0;{MUTED}">and {words.count(len(view.pages) - _MAX_REPORTS)} more reports</p>'
        )
    return section("".join(parts), "Reports") if parts else ""


def _failed_inputs(cause: Cause, view: RunView) -> tuple[str, str] | None:
    inputs = view.previews.get(cause.actions[0].name, {}).get("inputs", ())
    if not inputs:
        return None
    return html(cause.labels[0], 60), f"<code>{html(inputs_text(inputs), 300)}</code>"


def inputs_text(values: Sequence[Preview]) -> str:
    """`C=10.0, kernel='rbf'`."""
    return ", ".join(f"{v.name}={v.text}" if v.name else v.text for v in values)


def _members(node: Node, view: RunView) -> str:
    def row(action: ActionRow) -> tuple[str, str, str, str]:
        mark = mark_of(action.phase, action.is_cached)
        seconds = took(action)
        inputs = inputs_text(view.previews.get(action.name, {}).get("inputs", ()))
        about = (
            html(failure_text(action.failure))
            if action.failure
            else f"<code>{html(inputs, 80)}</code>"
            if inputs
            else ""
        )
        place = f", {html(failure_place(action.failure))}" if action.failure and action.failure.frames else ""
        return (
            f"{glyph(mark)} {html(view.label(action.name), 60)}",
            html(mark.word),
            words.duration(seconds) if seconds is not None else "",
            about + place,
        )

    summary = f"{words.count(node.count)} actions of {html(node.actions[0].short_name, 60)}"
    rows = list(map(row, node.actions))
    heads = ("Action", "Phase", "Took", "Inputs")
    shown = 4 if any(r[3] for r in rows) else 3
    return details(summary, table(heads[:shown], [r[:shown] for r in rows], right=(2,)))


def _question(row: ConditionRow, width: int) -> str:
    """What is asked, and the line that answers it."""
    more = f'<br><span style="{MUTED}">{html(row.description, 4 * width)}</span>' if row.description else ""
    return (
        f'<p style="margin:0 0 6px;padding:4px 8px;border-left:3px solid #9a72d6"><b>{html(row.prompt, 4 * width)}</b>'
        f'{more}<br><span style="{MUTED}">Answer: <code>{html(cell_line(row))}</code></span></p>'
    )


def _next(view: RunView, surface: str) -> str:
    if not view.is_terminal:
        lead, line = "Cancel", text.command("cancel", view, surface)
    elif view.mark.is_loud:
        lead, line = "Logs", text.command("logs", view, surface, view.causes[0].actions[0].name if view.causes else "")
    else:
        return ""
    inside = text.look_inside(view, surface)
    if view.is_terminal and view.kept_count:
        again = html(text.command("recover", view, surface))
        lead = f"Fix it, then <code>{again}</code> runs only what is missing · {lead}"
    more = f" · its container stays, look inside: <code>{html(inside)}</code>" if inside else ""
    return f'<p style="margin:6px 0 0;{MUTED}">{lead}: <code>{html(line)}</code>{more}</p>'


def _flat(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _flat(node.children)
