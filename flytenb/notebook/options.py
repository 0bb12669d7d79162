"""Flags of the magics and of the pragma: a table of what is allowed, and refusals that name the nearest flag."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Exactly IPython's class, not one of its own: only then a message is shown instead of a traceback.
from IPython.core.error import UsageError


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
        UsageError: an unknown flag, a missing value, too many words.
    """
    try:
        parts = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{magic}: {error}: close the quote in {line!r}") from None
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
                raise UsageError(f"{magic}: {part.partition('=')[0]} takes no value")
            flags[name] = ""
        elif name in takes:
            found = value if has_value else next(rest, None)
            if found is None:
                raise UsageError(f"{magic}: {part} needs a value")
            flags[name] = found
        else:
            raise UsageError(
                f"{magic}: unknown flag {part.partition('=')[0]}; {nearest_flag(name, [*takes, *switches])}"
            )
    if words is not None and len(plain) > words:
        raise UsageError(f"{magic}: {plain[words]!r} is one word too many")
    return Line(tuple(plain), flags)


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


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
