"""The grammar of commands: `{{.inputs.name}}` stands for an input. Everything else in a command is left as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_INPUT = re.compile(r"\{\{\s*[.$]inputs\.(\w+)\s*\}\}", re.ASCII | re.IGNORECASE)


def names_in(text: str) -> list[str]:
    """Inputs that a text names, in order."""
    return _INPUT.findall(text)


def render(text: str, value_of: Callable[[str], str]) -> str:
    """The text with every input in its place. Values are not looked into: they may contain anything."""
    return _INPUT.sub(lambda found: value_of(found.group(1)), text)


def check(texts: Iterable[str], inputs: Iterable[str], subject: str) -> None:
    """Refuses a text that names an input which is not there.

    Args:
        texts: command and arguments.
        inputs: names that there are.
        subject: the task, for the sentence.

    Raises:
        ValueError: names the input and what there is.
    """
    known = list(inputs)
    for text in texts:
        for name in names_in(text):
            if name not in known:
                raise ValueError(
                    f'{subject}: its command names the input "{name}", which it does not have '
                    f"({', '.join(known) or 'it has none'}); add it to inputs= or take it out"
                )
