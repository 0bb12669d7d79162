"""Completion of what stands behind a magic: tasks and their inputs, environments, runs, flags."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from flytenb.capture.lines import ENVIRONMENT_TAKES, RUN_SWITCHES, RUN_TAKES
from flytenb.client.start import is_there
from flytenb.notebook import stored
from flytenb.notebook.tasks import TASK_FLAGS
from flytenb.wire.paths import home

#: Magic → what its words are, and its flags.
MAGICS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "%flyte_run": (("task", "inputs"), (*RUN_TAKES, *RUN_SWITCHES)),
    "%flyte_plan": (("task", "inputs"), ()),
    "%flyte_show": (("run",), ()),
    "%flyte_cancel": (("run",), ()),
    "%flyte_logs": (("run", "action"), ("n",)),
    "%flyte_why": (("run", "action"), ()),
    "%flyte_recover": (("run",), ()),
    "%flyte_debug": (("run", "action"), ()),
    "%flyte_spin": (("run", "action"), ()),
    "%flyte_runs": ((), ("n", "phase", "task")),
    "%flyte_env": ((), ENVIRONMENT_TAKES),
    "%%flyte_env": ((), ENVIRONMENT_TAKES),
    "%%flyte_task": ((), TASK_FLAGS),
    "%flyte_export": ((), ("target", "notebook")),
    "%%flyte_exec": (("run",), ("shell",)),
}
#: Words that a flag takes.
_VALUES = {
    "target": ("flytenb", "flyte"),
    "cache": ("auto", "override", "disable"),
    "phase": ("running", "succeeded", "failed", "aborted", "queued"),
}
_MOST_RUNS = 50
#: `%flyte_run …`, `x = %flyte_run …`, `%%flyte_task …`, `# %flyte task …`.
_LINE = re.compile(r"\s*(?:(?:[\w, ]+=\s*)?(?P<magic>%%?flyte_\w+)|(?P<pragma>#\s*%flyte\s+task))(?P<rest>\s.*)$")


def install(ip: Any) -> Callable[[], None]:
    """Add the completer to a shell; returns the undoing.

    Where it knows what may follow, nobody else is asked: jedi takes seconds for what is no Python, and its words do not
    belong there.
    """
    from IPython.core.completer import SimpleCompletion, context_matcher  # a shell has loaded it

    @context_matcher(identifier="flytenb", priority=100.0)  # type: ignore[untyped-decorator, unused-ignore]
    def match(context: Any) -> dict[str, Any]:
        lines = context.full_text.split("\n")
        line = lines[context.cursor_line][: context.cursor_position] if context.cursor_line < len(lines) else ""
        magic, rest = magic_of(line)
        last = "" if line[-1:].isspace() else rest.rpartition(" ")[2]
        found = completions(ip.user_ns, magic, rest, last) if magic else []
        return {
            "completions": [SimpleCompletion(text=word, type="keyword") for word in found],
            "suppress": True,
            "ordered": True,
            "matched_fragment": last,
        }

    ip.Completer.custom_matchers.append(match)

    def remove() -> None:
        if match in ip.Completer.custom_matchers:
            ip.Completer.custom_matchers.remove(match)

    return remove


def magic_of(line: str) -> tuple[str, str]:
    """The magic whose arguments the end of this line belongs to, and the line from it on; "" when there is none."""
    found = _LINE.match(line)
    if found is None:
        return "", ""
    magic = "%%flyte_task" if found["pragma"] else found["magic"]
    return (magic, magic + found["rest"]) if magic in MAGICS else ("", "")


def completions(namespace: dict[str, Any], magic: str, line: str, symbol: str) -> list[str]:
    """What may stand where the line ends.

    Args:
        namespace: the notebook's variables.
        line: up to the cursor, the magic's name first.
        symbol: its last word, or the beginning of one.
    """
    kinds, flags = MAGICS[magic]
    words = line.split()[1:]
    if line[-1:].isspace() or not words:
        words = [*words, ""]
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if before.startswith("-") and not before.startswith(tuple(f"--{switch}" for switch in RUN_SWITCHES)):
        found = _of_flag(namespace, before.lstrip("-"))
    elif last.startswith("-"):
        spelt = (f"-{flag}" if len(flag) == 1 else f"--{flag}" for flag in flags)
        return [flag for flag in spelt if flag.startswith(last) and flag not in words[:-1]]
    else:
        plain = [word for word in words[:-1] if not word.startswith("-") and "=" not in word]
        kind = kinds[min(len(plain), len(kinds) - 1)] if kinds else ""
        found = _of_kind(namespace, kind, plain, words)
    return sorted(word for word in found if word.startswith(symbol))


def _of_flag(namespace: dict[str, Any], flag: str) -> Iterable[str]:
    if flag in ("env", "e"):
        variables = _named(namespace, "__flytenb_environment__")
        return {*variables, *(str(namespace[variable].name) for variable in variables)}
    return _VALUES.get(flag, ())


def _of_kind(namespace: dict[str, Any], kind: str, plain: list[str], words: list[str]) -> Iterable[str]:
    if kind == "task":
        return _named(namespace, "__flytenb_task__")
    if kind == "inputs" and plain:
        task = namespace.get(plain[0])
        given = {word.partition("=")[0] for word in words if "=" in word}
        known = getattr(getattr(task, "interface", None), "parameters", ())
        return [f"{name}=" for name in (getattr(one, "name", str(one)) for one in known) if name not in given]
    if kind == "run":
        return ["last", *run_names()]
    if kind == "action" and plain and is_there(home()):
        rows = stored.snapshot(plain[0]).actions if plain[0] != "last" else ()
        return [row.name for row in rows[:200]]
    return ()


def _named(namespace: dict[str, Any], mark: str) -> list[str]:
    return [
        name
        for name, value in namespace.items()
        if not name.startswith("_") and not isinstance(value, type) and getattr(value, mark, False) is True
    ]


def run_names() -> list[str]:
    """Recent runs of an engine that is there: completion starts none."""
    return [row.name for row in stored.recent(_MOST_RUNS, "", "")] if is_there(home()) else []
