"""The text after a magic's name: plain words, flags, and inputs written `name=expression`. No IPython is needed."""

from __future__ import annotations

import ast
import difflib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flytenb.capture.syntax import NOT_PYTHON
from flytenb.errors import FlytenbError

#: Flags of `%flyte_env` that set something, and those of `%flyte_run`.
ENVIRONMENT_TAKES = ("cpu", "memory", "gpu", "disk", "shm", "image", "cache")
RUN_TAKES, RUN_SWITCHES = ("o", "name", "mode"), ("overwrite-cache",)
_KEY = re.compile(r"(?:^|\s)([A-Za-z_]\w*)\s*=(?!=)")


class LineError(FlytenbError, ValueError):
    """A magic's line cannot be understood."""


@dataclass(frozen=True, slots=True)
class Line:
    """A parsed line: plain words and flags."""

    words: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str, default: str = "") -> str:
        """The value of a flag."""
        return self.flags.get(name, default)

    def has(self, name: str) -> bool:
        """Whether a flag stands in the line."""
        return name in self.flags

    def names(self, name: str) -> tuple[str, ...]:
        """The value of a flag as a list: `a,b`."""
        return tuple(part.strip() for part in self.get(name).split(",") if part.strip())


def parse(magic: str, line: str, takes: Sequence[str], switches: Sequence[str] = (), words: int | None = None) -> Line:
    """Parse `word --flag value --flag=value --switch -o name`.

    Args:
        magic: its name, for messages.
        line: the text after it.
        takes: flags with a value, without dashes; `o` is written `-o`.
        switches: flags without one.
        words: the number of plain words at most.

    Raises:
        LineError: an unknown flag, a missing value, too many words.
    """
    try:
        parts = shlex.split(line)
    except ValueError as error:
        raise LineError(f"{magic}: {error}: close the quote in {line!r}") from None
    plain: list[str] = []
    flags: dict[str, str] = {}
    rest = iter(parts)
    for part in rest:
        if not part.startswith("-") or part == "-" or _is_number(part):
            plain.append(part)
            continue
        name, has_value, value = part.lstrip("-").partition("=")
        if name in switches:
            if has_value:
                raise LineError(f"{magic}: {part.partition('=')[0]} takes no value")
            flags[name] = ""
        elif name in takes:
            found = value if has_value else next(rest, None)
            if found is None:
                raise LineError(f"{magic}: {part} needs a value")
            flags[name] = found
        else:
            raise LineError(
                f"{magic}: unknown flag {part.partition('=')[0]}; {nearest_flag(name, [*takes, *switches])}"
            )
    if words is not None and len(plain) > words:
        raise LineError(f"{magic}: {plain[words]!r} is one word too many")
    return Line(tuple(plain), flags)


def parse_run(
    line: str, magic: str = "%flyte_run", takes: Sequence[str] = RUN_TAKES, switches: Sequence[str] = RUN_SWITCHES
) -> tuple[str, dict[str, str], Line]:
    """`search cs=[0.1, 1] n=k + 1 -o run`: the task's name, the inputs as expressions, the flags.

    Raises:
        LineError: no task, an input that is no expression, an unknown flag.
    """
    first = _KEY.search(line)
    while first is not None and line[: first.start()].rstrip().endswith("--"):
        first = _KEY.search(line, first.end())
    head, text = (line[: first.start()], line[first.start() :]) if first is not None else (line, "")
    parsed = parse(magic, head, takes, switches, words=1)
    if not parsed.words:
        raise LineError(f"{magic}: name a task: {magic} search cs=[0.1, 1]")
    inputs, flags = expressions(magic, text)
    more = parse(magic, flags, takes, switches, words=0)
    return parsed.words[0], inputs, Line(parsed.words, {**parsed.flags, **more.flags})


def expressions(magic: str, text: str) -> tuple[dict[str, str], str]:
    """The inputs of `cs=[0.1, 1] n=k + 1` as source; what follows the last one and looks like flags is returned.

    Raises:
        LineError: an input is no Python expression.
    """
    starts = [match for match in _KEY.finditer(text) if _is_outside(text, match.start(1))]
    found: dict[str, str] = {}
    flags = ""
    for i, match in enumerate(starts):
        end = starts[i + 1].start() if i + 1 < len(starts) else len(text)
        source, extra = _without_flags(text[match.end() : end].strip().rstrip(","))
        flags += " " + extra
        try:
            ast.parse(source, mode="eval")
        except NOT_PYTHON:
            raise LineError(f"{magic}: {match.group(1)}={source!r} is not a Python expression") from None
        found[match.group(1)] = source
    return found, flags


def nearest(name: str, known: Sequence[str]) -> str:
    """`did you mean "digits"?`, or what there is."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(f'"{c}"' for c in close) + "?"
    return "there is " + ", ".join(f'"{k}"' for k in sorted(known)[:12]) if known else "there is none yet"


def nearest_flag(name: str, known: Sequence[str]) -> str:
    """`did you mean --cache?`, or what there is."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    spelt = [f"{'-' if len(k) == 1 else '--'}{k}" for k in close or sorted(known)]
    return ("did you mean " + " or ".join(spelt) + "?") if close else "known are " + ", ".join(spelt)


def number_or_text(text: str) -> int | float | str:
    """A flag's value as the number that it spells, or as it is."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _is_number(text: str) -> bool:
    return not isinstance(number_or_text(text), str)


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
    except NOT_PYTHON:
        return source[: match.start()].strip(), match.group(1)
    return source, ""
