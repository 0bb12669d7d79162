"""Questions to a person: asked, answered, out of time. No worker holds anything meanwhile.

A condition is an action of the run with the phase `PAUSED`. What makes it the same one when its parent runs again is
its name and its number among equals: the answer that was given is found, never asked for again.
"""

from __future__ import annotations

from heapq import heappush
from typing import Any

from flytenb.model.condition import ConditionSpec
from flytenb.model.events import AskedBefore, Signal
from flytenb.model.outcome import Failure
from flytenb.model.phases import PAUSED, SUCCEEDED
from flytenb.rules.ending import end, fail
from flytenb.rules.out import Out
from flytenb.rules.phases import move
from flytenb.rules.state import Action, Answer, Question, State


def ask(state: State, question: Question, now: float, out: Out, *, is_new: bool) -> None:
    """It waits for its answer from now on."""
    move(question, "pause")
    question.answer = None
    question.started_at = now
    state.paused[question.id] = question
    state.unasked.pop(question.id, None)
    if question.run.id in state.watched:
        state.watched[question.run.id][question.id] = question
    _limit(state, question)
    out.chores.append(("ask", question.id, is_new))  # when it can be answered: its row is on disk


def _limit(state: State, question: Question) -> None:
    timeout_s = spec_of(question).timeout_s
    if timeout_s:
        heappush(state.deadlines, (question.accepted_at + timeout_s, question.id, 0, "condition"))


def spec_of(question: Action) -> ConditionSpec:
    """What is asked."""
    spec = question.task.declaration.condition
    assert spec is not None
    return spec


def on_asked_before(state: State, source: Any, event: AskedBefore, now: float, out: Out) -> None:
    """The engine was started anew: it has waited for longer than this engine knows."""
    question = state.paused.get(event.action)
    if question is not None:
        question.accepted_at = question.started_at = event.accepted_at
        _limit(state, question)


def on_signal(state: State, source: Any, event: Signal, now: float, out: Out) -> None:
    """Somebody answers."""
    question = state.paused.get(event.action)
    answer = Answer(event.who, event.origin, now, event.payload)
    if question is not None:
        give(state, question, answer, now, out)
    elif (asked_at := state.unasked.pop(event.action, None)) is not None:
        # The run was recovered and has not come to its question again: it will find the answer.
        state.early[event.action] = (SUCCEEDED, event.payload)
        out.ended.append((SUCCEEDED, bytearray(event.payload), asked_at, now, 1, None, 0, event.action))
        _record(event.action, answer, out)


def give(state: State, question: Question, answer: Answer, now: float, out: Out) -> None:
    """The question has its answer."""
    question.answer = answer
    _record(question.id, answer, out)
    end(state, question, "answer", answer.payload, now, out)


def _record(action: int, answer: Answer, out: Out) -> None:
    out.answers.append((action, answer.who, answer.origin, answer.at))


def expire(state: State, question: Action, now: float, out: Out) -> None:
    """Nobody answered in time: what was given for this case, or an error."""
    if question.phase != PAUSED or not isinstance(question, Question):
        return
    spec = spec_of(question)
    if now < question.accepted_at + spec.timeout_s:
        return
    if spec.default:
        give(state, question, Answer("", "time-out", now, spec.default), now, out)
        return
    failure = Failure(
        code="ConditionTimedoutError",
        message=f"condition {spec.name!r} was not answered within {spec.timeout_s:g} s; answer with 'flytenb signal "
        "condition', or give new_condition a longer timeout= or a default=",
        is_recoverable=False,
    )
    fail(state, question, failure, now, out, event="time out")
