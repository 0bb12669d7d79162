"""A plan as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flytenb.views import plan as drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """Calls of one task at one place of the tree."""

    task: str
    depth: int
    count: int
    hit_count: int
    run_count: int
    unknown_count: int
    #: Why they run, or why it is not known.
    why: str = ""
    #: Seconds that those which run, or may run, took last time, together.
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would take from the cache, what it would run, and what cannot be known before."""

    task: str
    #: The run whose graph was taken, "" when there was none.
    based_on: str
    rows: tuple[PlanRow, ...]
    #: Expected seconds; `least_s` if all that is unknown were taken from the cache.
    expected_s: float | None
    least_s: float | None

    @property
    def hit_count(self) -> int:
        """Calls that will be taken from the cache."""
        return sum(row.hit_count for row in self.rows)

    @property
    def run_count(self) -> int:
        """Calls that will run."""
        return sum(row.run_count for row in self.rows)

    @property
    def unknown_count(self) -> int:
        """Calls of which nobody can know."""
        return sum(row.unknown_count for row in self.rows)

    def __str__(self) -> str:
        return drawn.plan_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.plan_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `flytenb plan -o json` prints it."""
        data: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__ if name != "rows"}
        data |= {name: getattr(self, name) for name in ("hit_count", "run_count", "unknown_count")}
        data["rows"] = [{name: getattr(row, name) for name in row.__slots__} for row in self.rows]
        return data
