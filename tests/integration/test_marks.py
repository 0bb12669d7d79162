"""Pins, tags and remarks of runs, and the deletion of one, by command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.conftest import Home
from tests.integration.telling import told_by_script

pytestmark = pytest.mark.engine

SCRIPT = """
    env = flyte.TaskEnvironment(name="marks", resources=flyte.Resources(cpu=0))

    @env.task
    def double(x: int) -> int:
        return 2 * x

    if __name__ == "__main__":
        runs = [flyte.run(double, n) for n in range(3)]
        tell(lambda: [run.wait() and None or run.name for run in runs])
"""


def made(home: Home) -> list[str]:
    (said,) = told_by_script(home, "marks.py", SCRIPT)
    assert not said["error"], said
    return list(eval(said["value"]))


def told(home: Home, *words: str) -> Any:
    return json.loads(home.cli(*words, "--output", "json").stdout)


def refused(home: Home, *words: str) -> str:
    done = home.cli(*words, check=False)
    assert done.returncode != 0
    return done.stderr


def runs(home: Home) -> list[dict[str, Any]]:
    return list(told(home, "get", "run"))


def test_pins_tags_and_notes_outlive_the_engine_and_a_pinned_run_stays(home: Home) -> None:
    first, second, last = made(home)
    home.cli("runs", "pin", first)
    home.cli("runs", "tag", first, "best, for the talk", "v2")
    home.cli("runs", "tag", first, "v2", "--remove")
    marked = {"name": first, "is_pinned": True, "tags": ["best", "for the talk"], "note": "rbf wins"}
    assert told(home, "runs", "note", first, "rbf wins") == marked
    home.cli("engine", "stop")
    (row,) = [each for each in runs(home) if each["name"] == first]
    assert marked.items() <= row.items()
    words = f"run {first} is pinned; unpin it first: flytenb runs unpin {first}"
    assert words in refused(home, "runs", "delete", first, "--yes")
    home.cli("runs", "prune", "--older", "0", "--grace", "24")
    assert [each["name"] for each in runs(home)] == [first]
    home.cli("runs", "unpin", first)
    assert home.cli("runs", "delete", first, "-y").stdout.strip() == f"deleted {first} (1 actions)"
    assert runs(home) == []
    home.cli("engine", "stop")
    assert not set(made(home)) & {first, second, last}
    assert min(number for (number,) in home.rows("SELECT id FROM run")) > 3, "numbers are not given twice"
    assert home.rows("SELECT count(*) FROM run_mark") == [(0,)]


def test_what_cannot_be_marked_or_deleted_is_refused_with_a_sentence(home: Home) -> None:
    (name, *_) = made(home)
    assert "the tag 'xxxxxxxxxxxxxxxxxxxx'… has 61 characters, 60 are the most" in refused(
        home, "runs", "tag", name, "x" * 61
    )
    assert "21 tags are more than the 20 that a run may have" in refused(
        home, "runs", "tag", name, *(str(n) for n in range(21))
    )
    assert "the note has 2001 characters, 2000 are the most" in refused(home, "runs", "note", name, "x" * 2001)
    assert "there is no run named 'nosuch'" in refused(home, "runs", "delete", "nosuch", "-y")
    assert f"Delete {name} with all logs, reports and values? [y/N]" in refused(home, "runs", "delete", name)
