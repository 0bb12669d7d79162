"""The life of an action as one table. Everything that changes a phase goes through `move`.

An unlisted transition is a bug of the rules, never of the user: `IllegalTransition` stops the engine's turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flytenb.model.phases import ABORTED, FAILED, PAUSED, QUEUED, RECOVERED, RUNNING, SUCCEEDED, TIMED_OUT, ActionPhase

if TYPE_CHECKING:
    from flytenb.rules.state import Action

#: What may happen to an action, by the phase it is in.
TRANSITIONS: dict[int, dict[str, int]] = {
    QUEUED: {
        "place": RUNNING,  # a worker was chosen
        "hit": SUCCEEDED,  # the cache had it, or a twin in flight ended well
        "recover": RECOVERED,  # the run that this one recovers has its result
        "abort": ABORTED,
        "time out": TIMED_OUT,  # waited longer than max_queued_time or the deadline
        "fail": FAILED,  # it can never run: its workers do not start
        "pause": PAUSED,  # it is a question to a person
    },
    PAUSED: {
        "answer": SUCCEEDED,  # by a person, or what was given for the case that nobody answers in time
        "abort": ABORTED,
        "time out": TIMED_OUT,
    },
    RUNNING: {
        "succeed": SUCCEEDED,
        "fail": FAILED,
        "abort": ABORTED,
        "time out": TIMED_OUT,
        "retry": QUEUED,  # the user's attempt failed and another is left
        "lose": QUEUED,  # its worker is gone; not the user's fault
        "return": QUEUED,  # fed ahead, not begun, taken back
    },
    SUCCEEDED: {},
    FAILED: {},
    ABORTED: {},
    TIMED_OUT: {},
    RECOVERED: {},
}


class IllegalTransition(Exception):
    """An event that the table does not allow."""

    def __init__(self, action: int, phase: int, event: str) -> None:
        super().__init__(f"action {action}: {event!r} is not possible while {ActionPhase.of(phase).value}")


def move(action: Action, event: str) -> None:
    """Let `event` happen to the action.

    Raises:
        IllegalTransition: the table has no such step.
    """
    try:
        action.phase = TRANSITIONS[action.phase][event]
    except KeyError:
        raise IllegalTransition(action.id, action.phase, event) from None
