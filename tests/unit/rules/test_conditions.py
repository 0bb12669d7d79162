"""Questions to a person, one event at a time."""

from __future__ import annotations

import msgspec
import pytest

from flytenb.model.condition import ConditionSpec, encode_answer
from flytenb.model.declaration import Launch, TaskDeclaration, encode_declaration
from flytenb.model.events import (
    AbortRequest,
    AskedBefore,
    Declare,
    Finished,
    Loaded,
    Recovered,
    RunOptions,
    Signal,
    Submit,
)
from flytenb.model.outcome import decode_failure
from flytenb.model.phases import ABORTED, PAUSED, SUCCEEDED, TIMED_OUT
from flytenb.model.tags import RESOLVE
from flytenb.rules.placement import next_moment
from flytenb.rules.state import Action, Question
from tests.unit.rules.desk import Desk

YES, NO = encode_answer(True), encode_answer(False)


def declared(desk: Desk, **spec: object) -> bytes:
    """A condition as a worker declares it."""
    declaration = TaskDeclaration(
        name="condition.ok",
        short_name="ok",
        environment="",
        launch=Launch(python="", cwd=""),
        program="",
        entry="",
        condition=ConditionSpec(name="ok", **spec),  # type: ignore[arg-type]
    )
    digest, body = encode_declaration(declaration)
    desk.happen(Declare(digest, body))
    return digest


def running(desk: Desk) -> Action:
    root = desk.run(desk.declare())
    desk.arrive()
    assert root is not None
    return root


def ask(desk: Desk, parent: Action, digest: bytes, call: int = 1) -> Question:
    assert parent.lane is not None
    desk.happen(Submit(parent.id, call, digest, b"key", 1, b""), parent.lane.link)
    (question,) = desk.state.paused.values()
    return question


def resolved(desk: Desk) -> list[tuple[int, bytes]]:
    return [(message[3], message[4]) for message in desk.sent(RESOLVE)]


def test_a_question_holds_nothing_and_its_answer_reaches_the_parent() -> None:
    desk = Desk()
    root = running(desk)
    assert desk.state.capacity.used_cpu == 1
    question = ask(desk, root, declared(desk))
    assert (question.phase, question.lane) == (PAUSED, None)
    assert desk.state.capacity.used_cpu == 0  # neither it nor its parent
    assert ("ask", question.id, True) in desk.out.chores
    desk.happen(Signal(question.id, YES, "ada", "http"))
    assert resolved(desk) == [(SUCCEEDED, YES)]
    assert desk.out.answers == [(question.id, "ada", "http", desk.now)]
    assert not desk.state.paused
    assert desk.state.capacity.used_cpu == 1


def test_a_second_answer_changes_nothing() -> None:
    desk = Desk()
    question = ask(desk, running(desk), declared(desk))
    desk.happen(Signal(question.id, YES, "ada", "http"))
    out = desk.happen(Signal(question.id, NO, "bob", "http"))
    assert (out.answers, out.ended, out.after) == ([], [], [])


def test_nobody_answers_in_time() -> None:
    desk = Desk()
    question = ask(desk, running(desk), declared(desk, timeout_s=5.0))
    assert next_moment(desk.state, desk.now) == pytest.approx(question.accepted_at + 5.0)
    desk.wait(4.9)
    assert question.phase == PAUSED
    desk.wait(0.2)
    ((phase, payload),) = resolved(desk)
    assert phase == TIMED_OUT
    failure = decode_failure(payload)
    assert failure.code == "ConditionTimedoutError"
    assert failure.message == (
        "condition 'ok' was not answered within 5 s; answer with 'flytenb signal condition', or give new_condition a "
        "longer timeout= or a default="
    )


def test_a_default_is_the_answer_when_nobody_gives_one() -> None:
    desk = Desk()
    question = ask(desk, running(desk), declared(desk, timeout_s=5.0, default=NO))
    desk.wait(6)
    assert resolved(desk) == [(SUCCEEDED, NO)]
    assert desk.out.answers == [(question.id, "", "time-out", desk.now)]


def test_the_end_of_the_parent_ends_its_question() -> None:
    desk = Desk()
    root = running(desk)
    question = ask(desk, root, declared(desk))
    lane = root.lane
    desk.happen(AbortRequest(root.id, "enough"))
    assert question.phase == ABORTED
    assert not desk.state.paused
    assert lane is not None


def test_an_aborted_question_is_an_error_of_its_parent_alone() -> None:
    desk = Desk()
    root = running(desk)
    question = ask(desk, root, declared(desk))
    desk.happen(AbortRequest(question.id, "not today"))
    ((phase, payload),) = resolved(desk)
    assert phase == ABORTED
    assert decode_failure(payload).message == "condition 'ok' was aborted: not today"
    assert root.id in desk.state.live


# ---- parents that run again ---------------------------------------------------------------------------------------


def recovered(desk: Desk, digest: bytes, children: list[tuple[int, bytes, int, int, bytes]]) -> Action:
    """A run that a former engine has left, loaded and running again."""
    options = msgspec.msgpack.encode(RunOptions())
    task = desk.state.tasks[digest].id
    desk.happen(Recovered(1, "run1", 2 + len(children), options, task, b"root", b"", 1, 900.0, b"", 0))
    desk.happen(Loaded(1 << 32, children, []))
    desk.arrive()
    return desk.state.live[1 << 32]


def test_a_lost_worker_leaves_the_question_open() -> None:
    desk = Desk()
    root = running(desk)
    digest = declared(desk)
    question = ask(desk, root, digest)
    assert root.lane is not None
    desk.lose(root.lane.id)
    assert question.phase == PAUSED
    desk.happen(Signal(question.id, YES, "ada", "http"))  # before the parent asks again
    desk.happen(Loaded(root.id, [(question.id, b"key", 1, 0, b"")], []))
    desk.arrive()
    assert root.lane is not None
    desk.happen(Submit(root.id, 1, digest, b"key", 1, b""), root.lane.link)
    assert resolved(desk) == [(SUCCEEDED, YES)]
    assert not desk.state.paused


def test_a_new_engine_asks_the_same_question() -> None:
    desk = Desk()
    digest, task = declared(desk, timeout_s=60.0), desk.declare()
    number = (1 << 32) | 1
    desk.state.unasked[number] = 950.0
    root = recovered(desk, task, [(number, b"key", 1, 0, b"")])
    question = ask(desk, root, digest)
    assert question.id == number
    assert ("ask", number, False) in desk.out.chores
    assert not desk.out.accepted  # its row is there
    desk.happen(AskedBefore(number, 950.0))
    assert question.accepted_at == 950.0
    assert next_moment(desk.state, desk.now) == 1010.0
    desk.now = 1011.0
    desk.wait(0)
    assert question.phase == TIMED_OUT


def test_an_answer_before_the_run_comes_to_its_question_again() -> None:
    desk = Desk()
    digest, task = declared(desk), desk.declare()
    number = (1 << 32) | 1
    desk.state.unasked[number] = 950.0
    root = recovered(desk, task, [(number, b"key", 1, 0, b"")])
    out = desk.happen(Signal(number, YES, "ada", "http"))
    assert [row[0] for row in out.ended] == [SUCCEEDED]
    assert out.answers == [(number, "ada", "http", desk.now)]
    assert root.lane is not None
    desk.happen(Submit(root.id, 1, digest, b"key", 1, b""), root.lane.link)
    assert resolved(desk) == [(SUCCEEDED, YES)]
    assert not desk.out.ended  # its row was written with the answer
    desk.happen(Finished(root.id, root.attempt, True, b"", 0.01), root.lane.link)
    assert (desk.state.early, desk.state.unasked) == ({}, {})


def test_an_action_aborted_before_a_recovered_run_calls_it_again_stays_aborted() -> None:
    desk = Desk()
    child, task = desk.declare("child"), desk.declare()
    number = (1 << 32) | 1
    root = recovered(desk, task, [(number, b"key", 1, 0, b"")])
    desk.state.uncalled[number] = 950.0
    out = desk.happen(AbortRequest(number, "wrong data", "task 'env.child'"))
    assert [row[0] for row in out.ended] == [ABORTED]
    assert root.lane is not None
    desk.happen(Submit(root.id, 1, child, b"key", 1, b""), root.lane.link)
    ((phase, payload),) = resolved(desk)
    assert phase == ABORTED
    assert decode_failure(payload).message == "task 'env.child' was aborted: wrong data"
    assert desk.state.live.keys() == {root.id}


@pytest.mark.parametrize("tries", [1, 2])
def test_what_a_person_aborted_is_called_anew_only_by_another_try(tries: int) -> None:
    desk = Desk()
    root = running(desk)
    child = desk.call(root, desk.declare("child"))
    desk.happen(AbortRequest(child.id, "wrong data"))
    ((_, payload),) = resolved(desk)
    assert root.lane is not None
    desk.lose(root.lane.id)
    desk.happen(Loaded(root.id, [(child.id, child.key, child.n, ABORTED, payload)], []))
    root.tries = tries
    desk.arrive()
    assert root.lane is not None
    desk.happen(Submit(root.id, 1, child.task.digest, child.key, child.n, b""), root.lane.link)
    assert bool(resolved(desk)) == (tries == 1)
    assert bool(root.children) == (tries == 2)
