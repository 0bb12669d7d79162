"""From a cell's text to what IPython compiles: `%%flyte_env`, `%%flyte_task` and `# %flyte task` in the first lines.

No line moves, so tracebacks, breakpoints and `await` are those of the cell. A cell that is a task takes the types of
its inputs from the notebook's variables as they are when it runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flytenb.capture import pragma
from flytenb.notebook.tasks import ENVIRONMENT, RUN

_ENVIRONMENT = re.compile(r"^%%flyte_env\b(.*)$")
_DEF = re.compile(r"^((?:async )?def \w+\(.*\)):\n$")
#: Types whose name means the same in every module; everything else is taken by what the value is when it travels.
_PLAIN = (int, float, str, bool, bytes)


class CellTransformer:
    """An entry of `input_transformers_cleanup`: lines in, lines out. Never raises, and leaves other cells alone."""

    has_side_effects = False

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace

    def __call__(self, lines: list[str]) -> list[str]:
        try:
            return self._transform(lines)
        except Exception:
            return lines  # a cell must never be lost to our mistake: it runs as it was written

    def _transform(self, lines: list[str]) -> list[str]:
        head = _environments(lines)
        if head < len(lines) and (found := pragma.find(lines[head:])) is not None:
            lines = lines[:head] + self._task(lines[head:], *found)
        elif not head:
            return lines
        declared = [_environment_call(line) for line in lines[:head]]
        rest = lines[head:]
        at = next((i for i, line in enumerate(rest) if line.strip() and not line.lstrip().startswith("#")), None)
        if declared and at is not None and rest[at].startswith(f"{pragma.CELL_HOOK}("):
            # The mark of a task cell must be its first statement: it declares the environments itself.
            arguments = ", ".join(repr(text) for line in lines[:head] if (text := _environment_text(line)) is not None)
            return [rest[at].replace(")\n", f", {arguments})\n"), *["\n"] * (head + at), *rest[at + 1 :]]
        return declared + rest

    def _task(self, lines: list[str], index: int, text: str) -> list[str]:
        try:
            options = pragma.parse_options(text)
        except pragma.PragmaError:
            return pragma.transform(lines)  # becomes a cell that raises it
        typed = _typed(text, options, self._namespace.get)
        out = pragma.transform([*lines[:index], f"%%flyte_task {typed}\n", *lines[index + 1 :]])
        declared = _DEF.match(out[index])
        if declared is None or not options.name:
            return out
        count = len(options.outputs)
        returned = "object" if count == 1 else f"tuple[{', '.join(['object'] * count)}]"
        if count:
            out[index] = f"{declared.group(1)} -> {returned}:\n"
        if options.is_run:
            out[-1] = out[-1].rstrip("\n") + f"; {RUN}({typed!r})({options.name})\n"
        return out


def _environments(lines: list[str]) -> int:
    """Number of leading lines up to and with the last `%%flyte_env` line."""
    head = 0
    for i, line in enumerate(lines):
        if _ENVIRONMENT.match(line.rstrip("\n")):
            head = i + 1
        elif line.strip():
            break
    return head


def _environment_text(line: str) -> str | None:
    found = _ENVIRONMENT.match(line.rstrip("\n"))
    return found.group(1).strip() if found else None


def _environment_call(line: str) -> str:
    text = _environment_text(line)
    return line if text is None else f"{ENVIRONMENT}({text!r});\n"


def _typed(text: str, options: pragma.TaskOptions, value_of: Callable[[str], Any]) -> str:
    """The options with an annotation for every input."""
    if not options.inputs or all(kind for _, kind in options.inputs):
        return text
    inputs = ", ".join(f"{name}: {kind or _kind(value_of(name))}" for name, kind in options.inputs)
    words = re.sub(r"""(--inputs)(\s+|=)("[^"]*"|'[^']*'|\S+)""", lambda m: f'--inputs="{inputs}"', text, count=1)
    return words if pragma.parse_options(words).inputs else text


def _kind(value: Any) -> str:
    return type(value).__name__ if type(value) in _PLAIN else "object"
