"""`text/plain` of a run: at most 15 lines of at most 80 columns, no terminal codes, no box drawing.

The order is fixed: state line, error, table, outputs or next step. A glyph is always followed by its word, so nothing
is lost where only ASCII can be shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from flytenb.views import builds, usage, words
from flytenb.views.conditions import cell_line, shell_line
from flytenb.views.escape import one_line
from flytenb.views.marks import Mark
from flytenb.views.tree import WIDE, Cause, Node, Preview, RunView, counts_of, failure_place, failure_text, took

MAX_LINES = 15
MAX_COLUMNS = 80


def render(view: RunView, *, ascii_only: bool = False, surface: str = "notebook") -> str:
    """The run in plain text.

    Args:
        view: from `tree.view`.
        ascii_only: glyphs and dashes from ASCII.
        surface: "notebook" or "shell": which commands the next step names.
    """
    head = [state_line(view, ascii_only)]
    tail = list(_outputs(view)) or list(_next(view, surface))
    if view.is_terminal and view.mark.key == "cached":
        return _finish(head + tail[:2], ascii_only)
    error = list(_error(view)) if view.mark.is_loud and view.is_terminal else list(_aborted(view))
    table = [*builds.text_lines(view.builds, ascii_only), *_table(view)]
    tail = [*_places(view), *_used(view), *tail]
    room = MAX_LINES - len(head) - len(error) - len(tail)
    if len(table) > room:
        hidden = len(table) - room + 1
        table = [*table[: room - 1], f"  … and {words.count(hidden, 'more row')}"]
    return _finish(head + error + table + tail, ascii_only)


def state_line(view: RunView, ascii_only: bool = False) -> str:
    """`✔ search k7p2  Succeeded  28 actions, 41 s, 11 cached (saved 6 m 12 s)`."""
    facts = words.joined(facts_of(view))
    start = f"{_glyph(view.mark, ascii_only)} {one_line(view.task, 30)} {one_line(view.name, 20)}  {view.mark.word}"
    return f"{start}  {facts}" if facts else start


def facts_of(view: RunView) -> list[str]:
    """What follows the phase, in fixed order: progress, time, cache, what is special."""
    cached = ""
    saved = f"(saved {words.total(view.saved_s)})" if view.saved_s >= 0.1 else ""
    if not view.is_terminal:
        facts = [
            words.clock(view.elapsed_s),
            f"{words.count(view.ended_count)} of {words.count(view.action_count)} done",
        ]
        if view.failed_count:
            facts.append(f"{words.count(view.failed_count)} failed")
        if view.left_s is not None:
            facts.append(f"≈ {words.total(max(1.0, round(view.left_s)))} left")
        return facts
    if view.mark.key == "cached":
        done = f"{words.count(view.action_count)} of {words.count(view.action_count, 'action')}"
        return [done, f"{words.total(view.elapsed_s)} {saved}".strip()]
    if view.mark.key in ("failed", "timed_out", "aborted"):
        shown = words.count(view.action_count, "action")
        facts = [f"{words.count(view.failed_count)} of {shown}" if view.failed_count else shown]
        facts.append(words.total(view.elapsed_s))
        if view.kept_count:
            facts.append(words.count(view.kept_count, "result") + " kept")
        return facts
    if view.cached_count:
        cached = f"{words.count(view.cached_count)} cached {saved}".strip()
    failed = f"{words.count(view.failed_count)} failed" if view.failed_count else ""
    if view.recovers:
        recovered = f"{words.count(view.recovered_count)} recovered from {one_line(view.recovers, 40)}"
        failed = words.joined([failed, recovered])
    return [
        words.count(view.action_count, "action"),
        words.total(view.elapsed_s),
        cached,
        failed,
        one_line(view.why, 40),
    ]


def value_text(value: Preview, limit: int = 60) -> str:
    """`best: Params(C=10.0)`, and only the text for the single unnamed output."""
    text = one_line(value.text, limit)
    if value.size_bytes >= 100_000:
        text += f" {words.size(value.size_bytes)}"
    return text if value.name in ("", "o0") else f"{one_line(value.name, 30)}: {text}"


def command(verb: str, view: RunView, surface: str, action: str = "") -> str:
    """The line to write for `cancel`, `logs` or `recover` of a run, in a cell or a shell."""
    name = one_line(view.name, 40)
    if verb == "report":
        shown = f"flyte.remote.Run.get({name!r}).report({action!r})"
        return f"flytenb get report {name} {action}" if surface == "shell" else shown
    if surface == "shell":
        words_ = {"cancel": "abort run", "logs": "get logs", "recover": "recover"}
        line = f"flytenb {words_[verb]} {name}"
    else:
        line = f"%flyte_{verb} {name}"
    return f"{line} {action}".rstrip()


def look_inside(view: RunView, surface: str) -> str:
    """The line to write for a look into a container that stays, "" when none does."""
    failures = [cause.failure for cause in view.causes]
    if not failures and view.root is not None and view.root.failure is not None:
        failures = [view.root.failure]
    kept = next((one_line(failure.kept, 60) for failure in failures if failure.kept), "")
    if not kept:
        return ""
    return f"flytenb exec {kept} -- COMMAND" if surface == "shell" else f"%%flyte_exec {kept}"


def frame_lines(cause: Cause, at_most: int = 2) -> Iterator[tuple[str, str]]:
    """The user's innermost frames as (place, source line), outermost first."""
    for frame in cause.failure.frames[-at_most:]:
        place = f"{one_line(frame.where, 60)}, line {frame.line}"
        if frame.function and frame.function != "<module>":
            place += f", in {one_line(frame.function, 40)}"
        yield place, one_line(frame.code, 200)


def _glyph(mark: Mark, ascii_only: bool) -> str:
    return mark.ascii_glyph if ascii_only else mark.glyph


def _aborted(view: RunView) -> Iterator[str]:
    """Why a run was stopped."""
    if view.mark.key == "aborted" and view.root is not None and view.root.failure is not None:
        yield f"  {one_line(view.root.failure.message, MAX_COLUMNS)}"


def _error(view: RunView) -> Iterator[str]:
    if not view.causes:
        failure = view.root.failure if view.root else None
        if failure is not None:
            yield f"  {one_line(failure_text(failure), MAX_COLUMNS)}"
        return
    cause = view.causes[0]
    if len(cause.actions) > 1 or len(view.causes) > 1:
        return  # several failures are shown by cause, below the table's row
    action = cause.actions[0]
    facts = [cause.labels[0], f"attempt {action.attempt}" if action.attempt > 1 else ""]
    seconds = took(action)
    facts.append(f"after {words.duration(seconds)}" if seconds is not None else "")
    yield "  " + words.joined(facts)
    yield f"  {one_line(cause.message, MAX_COLUMNS - 3)}"
    for place, code in frame_lines(cause):
        yield f"    {place}"
        if code:
            yield f"      {code}"


def _table(view: RunView) -> Iterator[str]:
    width = min(26, max([12, *(len(one_line(n.label)) + 2 * n.depth for n in _flat(view.nodes) if not n.is_wide)]))
    phases = max([11, *(len(n.mark.word) for n in _flat(view.nodes))])
    for node in _flat(view.nodes):
        if node.is_wide and node.kind == "siblings":
            yield from _wide(node)
            continue
        name = _fit("  " * node.depth + one_line(node.label), width)
        took_ = words.duration(node.duration_s) if node.duration_s is not None else ""
        yield f"  {name:<{width}} {node.mark.word:<{phases}}{took_:>7}  {one_line(node.why)}".rstrip()
    if view.mark.is_loud and (len(view.causes) > 1 or (view.causes and len(view.causes[0].actions) > 1)):
        for cause in view.causes[:4]:
            yield from _cause(cause)


def _wide(node: Node) -> Iterator[str]:
    members = node.actions
    first = one_line(node.label, 40)
    yield f"  {first}  " + words.joined(f"{words.count(n)} {word}" for word, n in counts_of(members).items())
    times = sorted((t, i) for i, a in enumerate(members) if (t := took(a)) is not None)
    if times:
        ordered = [t for t, _ in times]
        yield " " * (len(first) + 4) + (
            f"median {words.duration(words.quantile(ordered, 0.5))}, "
            f"95 % {words.duration(words.quantile(ordered, 0.95))}, "
            f"slowest [{times[-1][1]}] {words.duration(times[-1][0])}"
        )


def _cause(cause: Cause) -> Iterator[str]:
    place = failure_place(cause.failure)
    room = MAX_COLUMNS - 8 - len(place)
    message = _fit(one_line(cause.message), room - 2)
    yield f"  {len(cause.actions):>2} × {message:<{room}}{place}".rstrip()
    yield "       " + which(cause)


def which(cause: Cause) -> str:
    """Which actions failed so: their indices when they are of one task, else their labels."""
    numbers = [label.rpartition("[")[2].rstrip("]") for label in cause.labels]
    tasks = {label.rpartition("[")[0] for label in cause.labels}
    if len(tasks) == 1 and all(n.isdigit() for n in numbers):
        shown = words.indices([int(n) for n in numbers])
        return shown if len(cause.actions) > WIDE else f"{next(iter(tasks))} {shown}"
    extra = len(cause.labels) - 6
    return ", ".join(cause.labels[:6]) + (f" and {words.count(extra)} more" if extra > 0 else "")


def _places(view: RunView) -> Iterator[str]:
    """Where environments ran; what was left out comes first and whole."""
    loud = [(place, note) for place in view.places for note in place.notes]
    for place, note in loud[:2]:
        lines = wrap(f"{one_line(place.environment, 30)}: {one_line(note, 400)}", MAX_COLUMNS - 15)
        for i, line in enumerate(lines[:4]):
            yield f"  {'! note' if i == 0 else '':<12} {line}{' …' if i == 3 and len(lines) > 4 else ''}"
    quiet = [place for place in view.places if not (place.notes and place.text.startswith("the caller's"))]
    for place in quiet[: max(1, 4 - 2 * len(loud[:2]))]:
        yield f"  {one_line(f'env {place.environment}', 12):<12} {one_line(place.text, 200)}"


def _used(view: RunView) -> Iterator[str]:
    """What the largest action used of the machine."""
    if view.is_terminal and (said := usage.in_one_line(view)):
        yield f"  {'used':<12} {one_line(said, 200)}"


def _outputs(view: RunView) -> Iterator[str]:
    if view.mark.key not in ("succeeded", "cached", "recovered") or not view.outputs:
        return
    lines = _wrap([value_text(v, 180) for v in view.outputs], MAX_COLUMNS - 15)
    if len(lines) > 3:
        lines[2] = _fit(lines[2], MAX_COLUMNS - 17) + " …"
    for i, line in enumerate(lines[:3]):
        yield f"  {'outputs' if i == 0 else '':<12} {line}"


def _next(view: RunView, surface: str) -> Iterator[str]:
    if not view.is_terminal:
        for row in view.asked[:2]:
            yield f"  {'asks':<12} {one_line(row.prompt)}"
            yield f"  {'answer':<12} {shell_line(row) if surface == 'shell' else cell_line(row)}"
        for note in view.notes[:1]:
            yield f"  {'note':<12} {one_line(note)}"
        yield f"  {'cancel':<12} {command('cancel', view, surface)}"
    elif view.mark.is_loud:
        action = view.causes[0].actions[0].name if view.causes else ""
        where = "the cell" if surface == "notebook" else "the code"
        if inside := look_inside(view, surface):
            yield f"  {'look inside':<12} its container stays: {inside}"
        # What succeeded need not run again.
        again = f", then {command('recover', view, surface)}" if view.kept_count else " and run again"
        yield f"  {'next':<12} fix {where}{again}"
        yield f"  {'logs':<12} {command('logs', view, surface, action)}"


def _flat(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        if node.kind == "trace" and node.depth > 0:
            continue
        yield node
        if node.depth < 1:
            yield from _flat(node.children)


def _wrap(items: Sequence[str], width: int) -> list[str]:
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + 2 + len(item) <= width:
            lines[-1] += "; " + item
        else:
            lines.append(item)
    return [part for line in lines for part in wrap(line, width)]


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(1, width - 1)] + "…"


def _finish(lines: Sequence[str], ascii_only: bool) -> str:
    text = "\n".join(_fit(line.rstrip(), MAX_COLUMNS) for line in lines[:MAX_LINES])
    return text.translate(_ASCII).encode("ascii", "replace").decode() if ascii_only else text


_ASCII = str.maketrans({"×": "x", "…": "~", "–": "-", "—": "-", "→": ">", "≈": "~"})
