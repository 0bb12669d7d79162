"""What the doctor has found of one thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_good: bool
    text: str
    #: What to do about it.
    fix: str = ""
    #: It is missing, and only some runs or places need it.
    is_optional: bool = False

    @property
    def sign(self) -> str:
        """How its line begins."""
        return "BAD" if not self.is_good else "--" if self.is_optional else "ok"
