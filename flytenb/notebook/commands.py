"""What the magics do, as functions: each takes plain values and returns what it shows."""

from __future__ import annotations

import ast
import os
import re
import time
from typing import Any

from IPython.core.error import UsageError

from flytenb.client import doctor as examination
from flytenb.model.phases import ActionPhase
from flytenb.notebook import options, stored
from flytenb.notebook.display import displays
from flytenb.notebook.headless import is_headless
from flytenb.views import facts, holders

_KEY = re.compile(r"(?:^|\s)([A-Za-z_]\w*)\s*=(?!=)")


class Shown:
    """Something with an HTML and a text form."""

    def __init__(self, html: str, text: str) -> None:
        self._html, self._text = html, text

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return self._text


def run(submit: Any, namespace: dict[str, Any], line: str) -> tuple[Any, str]:
    """`search cs=[0.1, 1] -o run --overwrite-cache`: submit a task of the notebook.

    Returns:
        The run, and the variable's name that `-o` gives.
    """
    head, inputs_text = _split(line)
    parsed = options.parse("%flyte_run", head, ("o", "name", "mode"), ("overwrite-cache",), words=1)
    if not parsed.words:
        raise UsageError("%flyte_run: name a task: %flyte_run search cs=[0.1, 1]")
    task = _task(namespace, parsed.words[0])
    inputs, flags = _inputs(namespace, inputs_text)
    more = options.parse("%flyte_run", flags, ("o", "name", "mode"), ("overwrite-cache",), words=0)
    found = {**parsed.flags, **more.flags}
    context: dict[str, Any] = {key: found[key] for key in ("name", "mode") if key in found}
    if "overwrite-cache" in found:
        context["overwrite_cache"] = True
    return submit(task, inputs, context), found.get("o", "")


def plan(namespace: dict[str, Any], line: str) -> Any:
    """`search cs=[0.1, 1]`: what a run would do now; nothing is run."""
    from flytenb.client.planning import plan as made  # who asks pays for it

    head, inputs_text = _split(line)
    parsed = options.parse("%flyte_plan", head, (), words=1)
    if not parsed.words:
        raise UsageError("%flyte_plan: name a task: %flyte_plan search cs=[0.1, 1]")
    task = _task(namespace, parsed.words[0])
    inputs, flags = _inputs(namespace, inputs_text)
    options.parse("%flyte_plan", flags, (), words=0)
    return made(task, **inputs)


def why(name: str = "last", action: str = "") -> Any:
    """Why a run's actions, or one of them, were taken from the cache or not."""
    from flytenb.client.run_handle import Run  # who asks pays for it

    return Run.get(stored.named(name, displays.last)).why(action or None)


def show(name: str = "last") -> Any:
    """A run to be shown: `last` is the last one of this kernel, or of the engine."""
    return stored.StoredRun(stored.named(name, displays.last))


def runs(limit: int = 20, phase: str = "", task: str = "") -> Shown:
    """The newest runs as a table."""
    rows, now = stored.recent(limit, _phase(phase), task), time.time()
    return Shown(facts.runs_html(rows, now), facts.runs_text(rows, now))


def _phase(said: str) -> str:
    known = [phase.value for phase in ActionPhase]
    phase = said.lower().replace(" ", "_")
    if phase and phase not in known:
        raise UsageError(f'%flyte_runs: there is no phase "{said}"; {options.nearest(phase, known)}')
    return phase


def resources() -> Shown:
    """Who holds what of the machine now."""
    view = stored.resources()
    return Shown(holders.page(view), holders.text(view))


def cancel(name: str = "last") -> str:
    """Abort a run."""
    found = stored.named(name, displays.last)
    stored.cancel(found, "cancelled from a notebook")
    return f"{found} is being aborted; results it has are kept"


def logs(name: str = "last", action: str = "", limit: int = 1000) -> str:
    """Output of a run's actions."""
    found = stored.named(name, displays.last)
    lines = stored.logs(found, action, limit)
    several = len({entry.action for entry in lines}) > 1
    text = [
        (f"{entry.action}  " if several else "") + line
        for entry in lines
        for line in entry.text.rstrip("\n").split("\n")
    ]
    return "\n".join(text) if text else f"{found} has written nothing"


def doctor(ip: Any = None) -> str:
    """What a run needs, checked, and what to do: state directory, engine, this kernel."""
    return "\n".join(examination.lines([*examination.examine(), _kernel(ip)]))


def _kernel(ip: Any) -> examination.Finding:
    if getattr(ip, "kernel", None) is None:
        text = "no kernel here: a run shows as one line, %flyte_show prints it whole"
    elif is_headless(ip):
        text = "nobody watches: a cell ends with its runs, and fails with them; FLYTENB_HEADLESS=0 says otherwise"
    else:
        text = "somebody watches: a cell returns at once, its runs are shown live; FLYTENB_HEADLESS=1 says otherwise"
    return examination.Finding("kernel", True, f"process {os.getpid()}; {text}")


def _task(namespace: dict[str, Any], name: str) -> Any:
    found = namespace.get(name)
    if getattr(found, "__flytenb_task__", False):
        return found
    tasks = {n: v for n, v in namespace.items() if getattr(v, "__flytenb_task__", False) and not n.startswith("_")}
    for task in tasks.values():
        if task.name == name:
            return task
    if name in namespace:
        raise UsageError(f'"{name}" is a {type(found).__name__}, not a task: decorate it with @env.task')
    raise UsageError(f'there is no task "{name}" in this notebook; {options.nearest(name, sorted(tasks))}')


def _split(line: str) -> tuple[str, str]:
    first = _KEY.search(line)
    while first is not None and line[: first.start()].rstrip().endswith("--"):
        first = _KEY.search(line, first.end())
    return (line[: first.start()], line[first.start() :]) if first is not None else (line, "")


def _inputs(namespace: dict[str, Any], text: str) -> tuple[dict[str, Any], str]:
    """Evaluate `cs=[0.1, 1] n=k + 1`; what follows the last value and looks like flags is returned."""
    starts = [m for m in _KEY.finditer(text) if _is_outside(text, m.start(1))]
    values: dict[str, Any] = {}
    flags = ""
    for i, match in enumerate(starts):
        end = starts[i + 1].start() if i + 1 < len(starts) else len(text)
        source = text[match.end() : end].strip().rstrip(",")
        source, extra = _without_flags(source)
        flags += " " + extra
        try:
            values[match.group(1)] = eval(compile(source, "<%flyte_run>", "eval"), namespace)
        except SyntaxError:
            raise UsageError(f"%flyte_run: {match.group(1)}={source!r} is not a Python expression") from None
    return values, flags


def _is_outside(text: str, position: int) -> bool:
    """Whether a position lies outside brackets and strings: there a new input may begin."""
    depth, quote = 0, ""
    for c in text[:position]:
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
    return depth == 0 and not quote


def _without_flags(source: str) -> tuple[str, str]:
    match = re.search(r"\s(--?[A-Za-z][\w-]*(?:[ =]|$).*)$", source)
    if match is None:
        return source, ""
    try:
        ast.parse(source, mode="eval")
    except SyntaxError:
        return source[: match.start()].strip(), match.group(1)
    return source, ""
