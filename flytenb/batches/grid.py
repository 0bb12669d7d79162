"""Results of a sweep: one row for every point of a grid."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flytenb.errors import FlytenbError

#: More points than anybody means.
_MOST = 10_000


class SweepError(FlytenbError, ValueError):
    """A sweep that has no points, or no result to compare."""


def points(grid: Mapping[str, Iterable[Any]] | Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every combination of the values, the last name changing fastest; a list of points as it is.

    Raises:
        SweepError: a name without values, nothing at all, or more than 10,000 points.
    """
    if not isinstance(grid, Mapping):
        found = [dict(point) for point in grid]
    else:
        axes = {name: [one] if isinstance(one, (str, bytes)) else list(one) for name, one in grid.items()}
        empty = next((name for name, values in axes.items() if not values), None)
        if empty is not None:
            raise SweepError(f'sweep: "{empty}" has no values; give at least one')
        count = 1
        for values in axes.values():
            count *= len(values)
        if count > _MOST:
            raise SweepError(f"sweep: {count:,} points are too many; give at most {_MOST:,}")
        found = [dict(zip(axes, point, strict=True)) for point in itertools.product(*axes.values())] if axes else []
    if not found:
        raise SweepError("sweep: the grid has no points; give names with values, for example {'lr': [0.1, 0.01]}")
    return found


@dataclass(frozen=True)
class SweepResult:
    """A table with one row for every point: its parameters, `result`, `run`, `seconds`, `error`.

    Example:
        found = flyte.sweep(train, {"lr": [0.1, 0.01]})
        found.best()                   # the row with the largest result
        found.frame(), found.plot()    # pandas, plotly
    """

    #: Names of the parameters that vary.
    axes: tuple[str, ...]
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def failures(self) -> list[dict[str, Any]]:
        """The rows that failed."""
        return [row for row in self.rows if row["error"]]

    def best(self, by: Callable[[Any], float] | str | None = None, *, is_smallest: bool = False) -> dict[str, Any]:
        """The row with the largest result (or the smallest).

        Args:
            by: of results that are no numbers: a key or attribute, or a function of the result.
            is_smallest: a loss instead of a score.

        Raises:
            SweepError: nothing succeeded, or the results are no numbers.
        """
        good = [row for row in self.rows if not row["error"]]
        if not good:
            raise SweepError(
                f"all {len(self.rows)} points of the sweep failed, the first with: {self.rows[0]['error']}"
            )
        try:
            chosen = min if is_smallest else max
            return chosen(good, key=lambda row: measure(row["result"], by))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise SweepError(
                f'the results cannot be compared ({error}); name what counts, for example best(by="loss")'
            ) from error

    def frame(self) -> Any:
        """The table as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(self.rows)

    def plot(self, by: Callable[[Any], float] | str | None = None) -> Any:
        """A plotly figure: one axis compared as bars or a line, several as parallel coordinates."""
        import plotly.graph_objects as go

        good = [row for row in self.rows if not row["error"]]
        failed = len(self.failures)
        title = {"title": f"{failed} of {len(self.rows)} points failed and are left out"} if failed else {}
        values = [measure(row["result"], by) for row in good]
        if len(self.axes) == 1:
            name = self.axes[0]
            return go.Figure(
                go.Scatter(
                    x=[row[name] for row in good], y=values, mode="lines+markers", text=[r["run"] for r in good]
                ),
                layout={"xaxis_title": name, "yaxis_title": "result", **title},
            )
        dimensions = [_dimension(name, [row[name] for row in good]) for name in self.axes]
        line = {"color": values, "colorscale": "Viridis", "showscale": True}
        return go.Figure(
            go.Parcoords(line=line, dimensions=[*dimensions, {"label": "result", "values": values}]), layout=title
        )

    def text(self) -> str:
        """The table as text."""
        names = [
            *self.axes,
            *(["result"] if any(row["result"] is not None for row in self.rows) else []),
            "run",
            "seconds",
        ]
        lines = [[*names, "error"]]
        for row in self.rows:
            cells = [f"{row[name]:.1f}" if name == "seconds" else str(row[name])[:40] for name in names]
            lines.append([*cells, str(row["error"])[:80]])
        widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        failed = len(self.failures)
        said = f"{len(self.rows) - failed} of {len(self.rows)} points succeeded"
        return "\n".join([*table, *filter(None, [said, self.extremes()])])

    def extremes(self) -> str:
        """Where the result is largest and smallest, in words; "" where results are no numbers, or less than two."""
        try:
            most, least = self.best(), self.best(is_smallest=True)
        except SweepError:
            return ""
        if most is least:
            return ""
        return "; ".join(
            f"{word} {row['result']:g} at {self._at(row)}" for word, row in (("largest", most), ("smallest", least))
        )

    def _at(self, row: dict[str, Any]) -> str:
        return f"{', '.join(f'{name}={row[name]}' for name in self.axes)} (run {row['run']})"

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        import html

        names: Sequence[str] = [*self.axes, "result", "run", "seconds", "error"]
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(row[name])[:200])}</td>" for name in names) + "</tr>"
            for row in self.rows
        )
        failed = len(self.failures)
        said = f"{len(self.rows) - failed} of {len(self.rows)} points succeeded"
        words = html.escape(". ".join(filter(None, [said, self.extremes()])))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{words}</p>"


def measure(result: Any, by: Callable[[Any], float] | str | None) -> float:
    """The number by which a result is compared."""
    if callable(by):
        return float(by(result))
    if by is None:
        return float(result)
    return float(result[by] if isinstance(result, Mapping) else getattr(result, by))


def _dimension(name: str, values: list[Any]) -> dict[str, Any]:
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return {"label": name, "values": values}
    known = list(dict.fromkeys(map(str, values)))
    places = [known.index(str(value)) for value in values]
    return {"label": name, "values": places, "tickvals": list(range(len(known))), "ticktext": known}
