"""What one tab is told at a time."""

from __future__ import annotations

import json

import msgspec
import pytest

from flytenb.lab import feed
from flytenb.model.snapshot import LogLine, RunRow, RunSnapshot


def told(*texts: str) -> RunSnapshot:
    logs = tuple(LogLine(action="a1", attempt=1, stream="stdout", time=1.5, text=text) for text in texts)
    run = RunRow(name="k7", task="d.fit", phase="running", created_at=1.0)
    return RunSnapshot(run=run, actions=(), logs=logs)


@pytest.mark.parametrize("piece", ["x\n", "x" * 99 + "\n", "x" * 100_000, "\U0001f600" * 30_000, '"\\' * 50_000])
def test_ten_messages_a_second_of_a_loud_task_stay_below_the_limit(piece: str) -> None:
    snapshot = told(*[piece] * 2_000, "the last line\n")
    small = feed.trimmed(snapshot)
    assert small.logs[-1].text == "the last line\n"
    kept = small.logs[:-1]
    assert kept
    assert all(piece.endswith(line.text.removeprefix("…")) for line in kept)
    is_escaped = "\\" in piece  # a character of JSON more for each
    assert len(msgspec.json.encode(small)) * 10 < (200_000 if is_escaped else 100_000)


def test_what_is_little_is_told_whole() -> None:
    snapshot = told("one\n", "two\n")
    assert feed.trimmed(snapshot) is snapshot
    assert len(json.loads(msgspec.json.encode(snapshot))["logs"]) == 2
