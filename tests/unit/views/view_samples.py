"""Runs as they are read, made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flytenb.model.outcome import Failure, Frame
from flytenb.model.snapshot import ActionRow, LogLine, RunRow, RunSnapshot

T0 = 1_795_269_720.0  # 21 Nov 2026, 14:02 UTC


@dataclass(frozen=True)
class Value:
    name: str
    type: str
    text: str
    size_bytes: int


class Builder:
    """Actions one after another; the root first."""

    def __init__(self, task: str, phase: str, took: float, name: str = "k7p2", **run: Any) -> None:
        self.task, self.phase, self.took, self.name, self.run = task, phase, took, name, run
        self.actions = [
            ActionRow(
                id=0, name="a0", task=f"digits.{task}", short_name=task, phase=phase, accepted_at=T0, started_at=T0,
                ended_at=T0 + took if phase not in ("running", "queued") else 0.0,
                is_cached=run.pop("cached_root", False),
            )
        ]  # fmt: skip
        self.logs: list[LogLine] = []

    def add(self, task: str, phase: str = "succeeded", start: float = 0.0, took: float = 1.0, **more: Any) -> Builder:
        n = len(self.actions)
        is_open = phase in ("running", "queued", "waiting_for_resources")
        not_started = phase in ("queued", "waiting_for_resources") or more.get("is_cached")
        row = {
            "parent": "a0", "accepted_at": T0 + start, "started_at": 0.0 if not_started else T0 + start,
            "ended_at": 0.0 if is_open else T0 + start + took,
        } | more  # fmt: skip
        self.actions.append(ActionRow(id=n, name=f"a{n}", task=f"digits.{task}", short_name=task, phase=phase, **row))
        return self

    def snapshot(self) -> RunSnapshot:
        done = self.phase not in ("running", "queued")
        run = RunRow(
            name=self.name, task=f"digits.{self.task}", phase=self.phase, created_at=T0,
            ended_at=T0 + self.took if done else 0.0, action_count=len(self.actions), **self.run,
        )  # fmt: skip
        return RunSnapshot(
            run=run, actions=tuple(self.actions), logs=tuple(self.logs), version=1, taken_at=T0 + self.took
        )


VALUE_ERROR = Failure(
    code="ValueError",
    message="C must be positive, got -0.1",
    frames=(
        Frame("Cell In[5]", 7, "fit", "m = svc(p).fit(*xy(train))"),
        Frame("Cell In[4]", 12, "svc", 'raise ValueError(f"C must be positive, got {p.C}")'),
    ),
    type_name="builtins.ValueError",
)


def success() -> RunSnapshot:
    b = Builder("search", "succeeded", 41.0)
    b.add("load", is_cached=True, saved_s=121.0).add("split", start=0.5, took=1.2)
    for i in range(24):
        cached = i >= 14
        b.add("fit", start=2 + i, took=9.1 if i == 5 else 5.5, is_cached=cached, saved_s=25.1 if cached else 0.0)
    return b.add("evaluate", start=34, took=6.4).snapshot()


def failed() -> RunSnapshot:
    b = Builder("search", "failed", 38.0, name="k8b4")
    b.actions[0] = _with(b.actions[0], failure=VALUE_ERROR)
    b.add("load", is_cached=True, saved_s=121.0).add("split", start=0.5, took=1.2)
    for i in range(24):
        bad = i == 9
        b.add(
            "fit",
            "failed" if bad else "succeeded",
            start=2 + i,
            took=5.8,
            **({"attempt": 2, "failure": VALUE_ERROR} if bad else {}),
        )
    b.logs.append(LogLine(action="a12", attempt=2, stream="stdout", time=T0 + 3, text="kernel=rbf C=-0.1\n"))
    return b.snapshot()


def running() -> RunSnapshot:
    b = Builder("search", "running", 37.0)
    b.add("load", is_cached=True, saved_s=121.0).add("split", start=0.5, took=1.2)
    for i in range(14):
        b.add("fit", start=3 + i)
    for i in range(4):
        b.add("fit", "running", start=20 + i)
    b.add("fit", "queued", attempt=2)
    for _ in range(5):
        b.add("fit", "queued")
    return b.snapshot()


def fan_out(n: int = 5000) -> RunSnapshot:
    b = Builder("score_all", "failed", 39.0, name="q5w8")
    no_text = Failure(
        code="ValueError", message="page has no text layer", frames=(Frame("Cell In[9]", 4, "score_page", "raise"),)
    )
    late = Failure(code="TimeoutError", message="OCR took longer than 10 s", frames=(Frame("Cell In[8]", 15, "ocr"),))
    bad = dict.fromkeys((610, 611, 612, 1904, 2207, 2208, 2209, 2210, 3033, 3550, 3551), no_text)
    bad |= dict.fromkeys((4012, 4100, 4411), late)
    for i in range(n):
        if i in bad:
            b.add("score_page", "failed", start=i / 150, took=10.2 if i == 4100 else 5, failure=bad[i])
        else:
            b.add("score_page", start=i / 150, took=0.24 if i % 19 == 0 else 0.092, is_cached=i % 24 == 0)
    return b.snapshot()


def _with(action: ActionRow, **changes: Any) -> ActionRow:
    import msgspec

    return msgspec.structs.replace(action, **changes)
