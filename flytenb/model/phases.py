"""Where an action is. One enum; the store, the wire, JSON and the views derive theirs from it."""

from __future__ import annotations

from enum import Enum


class ActionPhase(str, Enum):
    """Flyte's phases of an action; a run has the phase of its root action.

    The value is the word on the wire and in JSON; `code` is the small integer in rows and frames.
    """

    QUEUED = "queued"
    WAITING_FOR_RESOURCES = "waiting_for_resources"
    INITIALIZING = "initializing"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    TIMED_OUT = "timed_out"
    RECOVERED = "recovered"

    @property
    def code(self) -> int:
        """The integer that rows and frames carry."""
        return _CODES[self]

    @property
    def is_terminal(self) -> bool:
        """Whether nothing follows this phase."""
        return _CODES[self] >= FIRST_TERMINAL

    @classmethod
    def of(cls, code: int) -> ActionPhase:
        """The phase with this integer."""
        return _PHASES[code]

    @property
    def word(self) -> str:
        """How a person reads it: "Timed out"."""
        return self.value.replace("_", " ").capitalize()

    def __str__(self) -> str:
        return self.value


_PHASES: tuple[ActionPhase, ...] = tuple(ActionPhase)
_CODES: dict[ActionPhase, int] = {phase: code for code, phase in enumerate(_PHASES)}

#: Plain integers for the hot path: naming an enum member costs more than the transition itself.
QUEUED, WAITING, INITIALIZING, RUNNING, PAUSED, SUCCEEDED, FAILED, ABORTED, TIMED_OUT, RECOVERED = range(10)
FIRST_TERMINAL = SUCCEEDED
#: Ends with a failure, and ends with outputs.
FAILURES = (FAILED, ABORTED, TIMED_OUT)
SUCCESSES = (SUCCEEDED, RECOVERED)
