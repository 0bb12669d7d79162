"""Settings of tasks that travel, and routed output."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from flytenb.sdk.environment import TaskEnvironment
from flytenb.sdk.resources import Resources
from flytenb.wire import tags
from flytenb.worker.logs import MAX_ATTEMPT_CHARACTERS, AttemptLog
from flytenb.worker.programs import LiveTasks, body_of
from flytenb.worker.remake import describe, make_task

env = TaskEnvironment(name="ship", resources=Resources(cpu=2, memory="1Gi"), env_vars={"A": "b"})


@env.task(retries=3, cache="auto", timeout=5)
async def fit(x: int, *, scale: float = 2.0) -> float:
    return x * scale


def test_a_task_is_made_again_as_it_was():
    told = describe(fit)
    again = make_task("ship.fit", fit.func, {"short_name": "fit", "config": told})
    for name in ("name", "short_name", "resources", "retries", "cache", "timeout", "env_vars", "is_async"):
        assert getattr(again, name) == getattr(fit, name)
    assert describe(again) == told
    assert describe(lambda: 0) is None


def test_a_task_without_settings_is_made_with_the_defaults():
    assert make_task("a.b", fit.func, {}).retries.count == 0


def test_keyword_only_inputs_are_given_by_name():
    body = body_of(fit)
    assert body.keywords == ("scale",)
    coroutine = body.call([3, 0.5])
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    assert ended.value.value == 1.5


def test_an_unknown_live_task_is_refused_by_name():
    from tests.unit.worker.fake_engine import LAUNCH

    with pytest.raises(LookupError, match=r"ship\.fit"):
        LiveTasks({}).body(fit.declaration(LAUNCH, ""))


def written(*pieces: tuple[str, str]) -> list[tuple[str, str]]:
    sent: list[Any] = []
    log = AttemptLog(1, 2, sent.append, threading.RLock())
    for stream, text in pieces:
        log.write(stream, text)
    log.close()
    assert all(message[:3] == (tags.LOG, 1, 2) for message in sent)
    return [(message[3], message[5]) for message in sent]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([("stdout", "a"), ("stdout", "b\nc")], [("stdout", "ab\nc\n")]),
        ([("stdout", "1\n"), ("stderr", "2\n")], [("stdout", "1\n"), ("stderr", "2\n")]),
        ([("stderr", "\r 1%"), ("stderr", "\r 2%"), ("stderr", "\n")], [("stderr", " 2%\n")]),
        ([("stderr", "1%\r"), ("stderr", "2%\r"), ("stderr", "3%")], [("stderr", "3%\n")]),
        ([("stdout", "windows\r\nline\r\n")], [("stdout", "windows\nline\n")]),
        ([("stdout", "\x1b[31mred\x1b[0m\n")], [("stdout", "\x1b[31mred\x1b[0m\n")]),
        ([("stdout", "\ud800\n")], [("stdout", "\\ud800\n")]),
        ([("stdout", "\n\n")], [("stdout", "\n\n")]),
    ],
)  # fmt: skip
def test_lines(pieces, expected):
    assert written(*pieces) == expected


def test_a_flood_is_cut():
    line = "x" * (1 << 20) + "\n"
    found = written(*[("stdout", line)] * 40)
    size = sum(len(text) for _, text in found)
    assert MAX_ATTEMPT_CHARACTERS < size < MAX_ATTEMPT_CHARACTERS + (2 << 20)
    assert "the rest is not kept" in found[-1][1]
