from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from flytenb import errors
from flytenb.client import session as sessions
from flytenb.client.session import Session
from flytenb.model.phases import RUNNING, SUCCEEDED, ActionPhase
from flytenb.model.version import VERSION
from flytenb.wire import paths, tags
from tests.unit.client.fake_engine import FakeEngine, reply

DECLARATION = (b"d" * 16, b"body")


def start_run(link: Session, name: str = "k7p2x9") -> Any:
    return link.run(name, DECLARATION, b"key", b"in", b"", tags.CACHE_OFF, {"origin": {}})


def accept_runs(engine: FakeEngine, *after: tuple[Any, ...]) -> None:
    engine.on(tags.RUN, lambda _, m: [reply(m[1], {"name": m[2]}), *after])


def test_query_greets_with_token_and_answers(state: Path, link: Session) -> None:
    engine = FakeEngine(state)
    assert link.query("status") == {"pid": 4242}
    assert engine.heard[0] == [
        tags.HELLO,
        tags.PROTOCOL,
        VERSION,
        "client",
        f"client-{os.getpid()}",
        os.getpid(),
        "secret",
    ]


def test_refused_query_has_its_code(state: Path, link: Session) -> None:
    engine = FakeEngine(state)
    engine.on(tags.QUERY, lambda _, m: [reply(m[1], {"code": "RunNotFound", "message": "no run"}, ok=False)])
    with pytest.raises(errors.RuntimeUserError, match="no run") as caught:
        link.query("run", run="x")
    assert caught.value.code == "RunNotFound"


def test_engine_of_another_version_is_named(state: Path, link: Session) -> None:
    FakeEngine(state, greeting=(tags.WELCOME, tags.PROTOCOL + 1, "9.9", 1))
    with pytest.raises(errors.EngineError, match=rf"9\.9.*{VERSION}.*flytenb engine stop"):
        link.query("status")


def test_refusal_is_told(state: Path, link: Session) -> None:
    FakeEngine(state, greeting=(tags.REFUSE, "the token is wrong"))
    with pytest.raises(errors.EngineError, match="the token is wrong"):
        link.query("status")


def test_declaration_goes_before_the_first_run_of_a_link_only(state: Path, link: Session) -> None:
    engine = FakeEngine(state)
    accept_runs(engine)
    start_run(link, "a1").result(5)
    start_run(link, "a2").result(5)
    assert [m[0] for m in engine.heard] == [tags.HELLO, tags.DECLARE, tags.RUN, tags.RUN]


def test_end_of_a_run(state: Path, link: Session) -> None:
    accept_runs(FakeEngine(state), (tags.ENDED, "k7p2x9", SUCCEEDED, b"out"))
    start_run(link).result(5)
    assert link.ended("k7p2x9").result(5) == (ActionPhase.SUCCEEDED, b"out")


def test_taken_name_is_refused_and_forgotten(state: Path, link: Session) -> None:
    engine = FakeEngine(state)
    refusal = {"code": "RunAlreadyExistsError", "message": "exists"}
    engine.on(tags.RUN, lambda _, m: [reply(m[1], refusal, ok=False)])
    with pytest.raises(errors.RuntimeUserError) as caught:
        start_run(link).result(5)
    assert caught.value.code == "RunAlreadyExistsError"


def test_wait_survives_the_death_of_the_engine(state: Path, link: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    first = FakeEngine(state)
    accept_runs(first)
    start_run(link).result(5)
    waiting = link.ended("k7p2x9")
    born: list[FakeEngine] = []

    def spawn(home: Path) -> str:
        engine = FakeEngine(home)
        engine.on(tags.WATCH, lambda _, m: [reply(m[1], {}), (tags.ENDED, m[2], SUCCEEDED, b"late")])
        born.append(engine)
        return ""

    monkeypatch.setattr("flytenb.client.start.spawn", spawn)
    first.die()
    assert waiting.result(5) == (ActionPhase.SUCCEEDED, b"late")
    assert len(born) == 1


def test_unanswered_run_is_sent_again_with_its_declaration(
    state: Path, link: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = FakeEngine(state)
    heard = threading.Event()
    first.on(tags.RUN, lambda *_: heard.set() or [])  # takes it, and dies before the commit
    accepted = start_run(link)
    assert heard.wait(5)
    second: list[FakeEngine] = []

    def spawn(home: Path) -> str:
        second.append(FakeEngine(home))
        accept_runs(second[0])
        return ""

    monkeypatch.setattr("flytenb.client.start.spawn", spawn)
    first.die()
    assert accepted.result(5) == {"name": "k7p2x9"}
    again = [m for m in second[0].heard if m[0] == tags.RUN]
    before = [m for m in first.heard if m[0] == tags.RUN]
    assert again == before
    assert second[0].count(tags.DECLARE) == 1


def test_a_stopped_engine_is_not_started_again(state: Path, link: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine(state)
    accept_runs(engine)
    start_run(link).result(5)
    monkeypatch.setattr(sessions, "_RESTART_GRACE_S", 0.2)
    monkeypatch.setattr("flytenb.client.start.spawn", lambda home: pytest.fail("started"))
    waiting = link.ended("k7p2x9")
    engine.tell((tags.SHUTDOWN, "stopped by the user"))
    while not link._stopped_at:
        pass
    engine.die()
    with pytest.raises(errors.EngineError, match="flytenb engine start"):
        waiting.result(5)


def test_an_engine_that_cannot_start_fails_all_that_waits(
    state: Path, link: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flytenb.client.start.spawn", lambda home: "the database is of a newer flytenb; upgrade")
    monkeypatch.setattr("flytenb.client.start.time.sleep", lambda _: None)
    with pytest.raises(errors.EngineError, match="the database is of a newer flytenb"):
        link.query("status")


def test_read_only_home_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    with pytest.raises(errors.EngineError, match="set FLYTENB_HOME"):
        Session(blocked / "home").query("status")


def test_end_that_is_not_on_disk_yet_is_asked_for_again(state: Path, link: Session) -> None:
    engine = FakeEngine(state)
    told = iter([(tags.ENDED, "old", RUNNING, b""), (tags.ENDED, "old", SUCCEEDED, b"x")])
    engine.on(tags.WATCH, lambda _, m: [reply(m[1], {}), next(told)])
    assert link.ended("old").result(5) == (ActionPhase.SUCCEEDED, b"x")


def test_watch_of_an_ended_run_tells_its_end(state: Path, link: Session) -> None:
    accept_runs(FakeEngine(state), (tags.ENDED, "k7p2x9", SUCCEEDED, b"out"))
    start_run(link).result(5)
    link.ended("k7p2x9").result(5)
    seen: list[Any] = []
    link.watch("k7p2x9", seen.append)
    assert seen == [None]


def test_cancelled_await_leaves_the_others(state: Path, link: Session) -> None:
    engine = FakeEngine(state)
    accept_runs(engine)
    start_run(link).result(5)

    async def impatient() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(link.ended("k7p2x9")), 0.01)

    asyncio.run(impatient())
    engine.tell((tags.ENDED, "k7p2x9", SUCCEEDED, b"out"))
    assert link.ended("k7p2x9").result(5)[1] == b"out"


def test_a_forked_child_has_a_session_of_its_own(state: Path) -> None:
    FakeEngine(state)
    mine = sessions.session(state)
    mine.query("status")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        theirs = sessions.session(state)
        os.write(writing, b"ok" if theirs is not mine and theirs.query("status")["pid"] == 4242 else b"no")
        os._exit(0)
    assert os.read(reading, 2) == b"ok"
    os.waitpid(pid, 0)
    assert mine.query("status") == {"pid": 4242}
    mine.close()
    assert paths.socket_path(state).exists()
