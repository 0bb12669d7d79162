"""What the magics do, as functions: each takes plain values and returns what it shows."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from flytenb.capture import lines
from flytenb.client import doctor as examination
from flytenb.errors import FlytenbError, RuntimeUserError
from flytenb.model.phases import ActionPhase
from flytenb.notebook import options, stored, where
from flytenb.notebook.display import displays
from flytenb.notebook.headless import is_headless
from flytenb.views import facts, holders

#: Flags of `%flyte_plan`: options of the run that it is a plan for.
PLAN_SWITCHES = {"overwrite-cache": "overwrite_cache", "disable-run-cache": "disable_run_cache"}


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
    with options.refused():
        name, inputs, found = lines.parse_run(line)
    task = _task(namespace, name)
    context: dict[str, Any] = {key: found.get(key) for key in ("name", "mode") if found.has(key)}
    if found.has("overwrite-cache"):
        context["overwrite_cache"] = True
    return submit(task, _values(inputs, namespace), context), found.get("o")


def plan(namespace: dict[str, Any], line: str) -> Any:
    """`search cs=[0.1, 1]`: what a run would do now; nothing is run."""
    from flytenb.client.context import with_runcontext  # who asks pays for it

    with options.refused():
        name, inputs, found = lines.parse_run(line, "%flyte_plan", (), tuple(PLAN_SWITCHES))
    context: dict[str, Any] = {field: True for word, field in PLAN_SWITCHES.items() if found.has(word)}
    return with_runcontext(**context).plan(_task(namespace, name), **_values(inputs, namespace))


def _values(inputs: dict[str, str], namespace: dict[str, Any]) -> dict[str, Any]:
    return {name: eval(compile(source, "<%flyte_run>", "eval"), namespace) for name, source in inputs.items()}


def recover(namespace: dict[str, Any], line: str) -> tuple[Any, str]:
    """`[RUN] n=5 --force a3,fit --stored -o run`: a new run that takes what succeeded."""
    from flytenb.client import again  # who asks pays for it

    name, inputs, found = _line("%flyte_recover", line, ("o", "name", "force", "trust"), ("stored",))
    from flytenb.client.run_handle import Run

    run = Run.get(stored.named(name, displays.last)).recover(
        name=found.get("name") or None,
        force_rerun_actions=again.listed(list(found.names("force"))),
        trust=list(found.names("trust")),
        use_stored_code=found.has("stored"),
        **_values(inputs, namespace),
    )
    return run, found.get("o")


def spin(namespace: dict[str, Any], line: str) -> tuple[Any, str]:
    """`[RUN/]ACTION i=3 -o run`: one action again."""
    from flytenb.client import again  # who asks pays for it

    name, inputs, found = _line("%flyte_spin", line, ("o",), ())
    run, action = _action_of(name)
    return again.spin(run, action, **_values(inputs, namespace)), found.get("o")


def debug(line: str, ip: Any) -> Any:
    """The frames of a failure: to move through by typing, or to be shown where nobody types."""
    from flytenb.client.action import here
    from flytenb.client.post_mortem import post_mortem

    parsed = options.parse("%flyte_debug", line, (), words=1)
    run, action = _action_of(parsed.words[0] if parsed.words else "last")
    found = post_mortem(here()[0], run, action)
    if is_headless(ip) or getattr(ip, "kernel", None) is None:
        return found
    found.interact()
    return None


def _line(
    magic: str, line: str, takes: tuple[str, ...], switches: tuple[str, ...]
) -> tuple[str, dict[str, str], options.Line]:
    """A run's or an action's name (default `last`), inputs, flags."""
    first = line.split(None, 1)[0] if line.split() else ""
    is_named = bool(first) and not first.startswith("-") and "=" not in first
    with options.refused():
        return lines.parse_run(line if is_named else f"last {line}", magic, takes, switches)


def _action_of(name: str) -> tuple[str, str]:
    """Run and action ("" = the first that failed) of `RUN`, `RUN/ACTION`, or `a8` of the last run."""
    run, slash, action = name.partition("/")
    if not slash and name[:1] == "a" and name[1:].isdigit():
        run, action = "last", name
    return stored.named(run, displays.last), action


def why(name: str = "last", action: str = "") -> Any:
    """Why a run's actions, or one of them, were taken from the cache or not."""
    from flytenb.client.run_handle import Run  # who asks pays for it

    return Run.get(stored.named(name, displays.last)).why(action or None)


def export(ip: Any, script: str = "", target: str = "flytenb", notebook: str = "") -> str:
    """Write this notebook as a script; returns what to say."""
    from flytenb.export import export_file  # who asks pays for it

    source = Path(notebook) if notebook else where.notebook_path(ip)
    if source is None:
        raise UsageError("%flyte_export: nobody has said which file this notebook is; add --notebook my.ipynb")
    try:
        made = export_file(source, script or None, target=target)
    except FlytenbError as error:
        raise UsageError(f"%flyte_export: {error}") from None
    written = script or str(source.with_suffix(".py"))
    notes = "".join(f"\nnot carried: {note}" for note in made.notes)
    return f"{made.cell_count} cells are in {written}, as the notebook was saved last{notes}"


def slim(ip: Any, notebook: str = "") -> str:
    """Make the views of this notebook's file small; returns what to say."""
    from flytenb.notebook.slim import from_store, slim_file  # who asks pays for it

    source = Path(notebook) if notebook else where.notebook_path(ip)
    if source is None:
        raise UsageError("%flyte_slim: nobody has said which file this notebook is; name it: %flyte_slim my.ipynb")
    try:
        return f"{slim_file(source, from_store)}; reload the notebook from disk to see it"
    except FlytenbError as error:
        raise UsageError(f"%flyte_slim: {error}") from None


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
    return str(stored.cancel(found, "cancelled from a notebook"))


def signal(target: str, value: str) -> str:
    """Answer what a run asks: RUN, RUN/CONDITION, or "" for the only question that waits in any run."""
    name, _, condition = target.partition("/")
    if not name:
        waiting = stored.waiting()
        if len(waiting) != 1:
            there = ", ".join(f"{row.run}/{row.action} ({row.name})" for row in waiting[:6])
            raise UsageError(f"%flyte_signal: {f'say which: {there}' if there else 'no run waits for an answer'}")
        name, condition = waiting[0].run, waiting[0].action
    try:
        row = stored.signal(stored.named(name, displays.last), condition, value)
    except RuntimeUserError as error:
        raise UsageError(f"%flyte_signal: {error}") from None
    return f"condition {row.name} of run {row.run} is answered: {row.value!r}"


def logs(name: str = "last", action: str = "", limit: int = 1000) -> str:
    """Output of a run's actions."""
    found = stored.named(name, displays.last)
    told = stored.logs(found, action, limit)
    several = len({entry.action for entry in told}) > 1
    text = [
        (f"{entry.action}  " if several else "") + line
        for entry in told
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
