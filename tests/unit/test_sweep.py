"""Grids and tables of sweeps."""

from __future__ import annotations

import pytest

from flytenb.batches.grid import SweepError, SweepResult, points

ROWS = [
    {"lr": 0.1, "model": "a", "result": 1.0, "run": "s.1", "seconds": 0.5, "error": ""},
    {"lr": 0.1, "model": "b", "result": 3.0, "run": "s.2", "seconds": 0.5, "error": ""},
    {"lr": 0.2, "model": "b", "result": None, "run": "s.3", "seconds": 0.5, "error": "ValueError: <no>"},
]


def test_points_are_all_combinations_the_last_name_fastest() -> None:
    assert points({"a": [1, 2], "b": ["x", "y"]}) == [
        {"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"},
    ]  # fmt: skip
    assert points({"a": [1], "b": "word"}) == [{"a": 1, "b": "word"}]
    assert points([{"a": 1}, {"a": 5}]) == [{"a": 1}, {"a": 5}]


def test_grids_without_points_are_refused() -> None:
    for grid in ({}, []):
        with pytest.raises(SweepError, match="the grid has no points; give names with values"):
            points(grid)
    with pytest.raises(SweepError, match='"a" has no values; give at least one'):
        points({"a": [], "b": [1]})
    with pytest.raises(SweepError, match="1,000,000 points are too many"):
        points({name: range(100) for name in "abc"})


def test_best_text_and_failures() -> None:
    found = SweepResult(("lr", "model"), ROWS)
    assert found.best()["run"] == "s.2"
    assert found.best(is_smallest=True)["run"] == "s.1"
    assert found.best(lambda value: -value)["run"] == "s.1"
    assert [row["run"] for row in found.failures] == ["s.3"]
    lines = found.text().splitlines()
    assert lines[0].split() == ["lr", "model", "result", "run", "seconds", "error"]
    assert lines[-2:] == [
        "2 of 3 points succeeded",
        "largest 3 at lr=0.1, model=b (run s.2); smallest 1 at lr=0.1, model=a (run s.1)",
    ]
    assert "&lt;no&gt;" in found._repr_html_()
    with pytest.raises(SweepError, match="all 1 points of the sweep failed, the first with: ValueError"):
        SweepResult(("lr",), ROWS[2:]).best()
    with pytest.raises(SweepError, match=r'name what counts, for example best\(by="loss"\)'):
        SweepResult(("lr",), [{**ROWS[0], "result": {"loss": 2}}]).best()
    assert SweepResult(("lr",), [{**ROWS[0], "result": {"loss": 2}}]).best("loss")["run"] == "s.1"


def test_frame_and_plot() -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("plotly")
    found = SweepResult(("lr", "model"), ROWS)
    assert list(found.frame()["run"]) == ["s.1", "s.2", "s.3"]
    assert found.plot().data[0].type == "parcoords"
    assert list(SweepResult(("lr",), ROWS).plot().data[0].y) == [1.0, 3.0]
