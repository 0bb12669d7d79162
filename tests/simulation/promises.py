"""What must hold in every world, asserted where it would happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flytenb.model.phases import FIRST_TERMINAL, RUNNING, SUCCEEDED
from flytenb.model.tags import RESOLVE

if TYPE_CHECKING:
    from flytenb.rules import State
    from tests.simulation.disk import Disk
    from tests.simulation.worker import Worker


class Broken(AssertionError):
    """Something happened that must never happen."""


def must(claim: object, words: str) -> None:
    """A promise that holds in every world."""
    if not claim:
        raise Broken(words)


class Promises:
    """The part of a world that judges it."""

    disk: Disk
    state: State
    workers: dict[str, Worker]
    result: tuple[int, bytes] | None
    run_name: str
    expected: bytes
    #: What parents saw, by child; by (parent, key, n); the attempts that were sent out; how often each ran to its end.
    observed: dict[int, tuple[int, bytes]]
    observed_calls: dict[tuple[int, bytes, int], int]
    sent: dict[int, set[int]]
    ran: dict[int, int]
    #: Actions of which somebody that had them ended, so that they may run again.
    excused: set[int]

    def on_execute(self, worker: Worker, number: int, attempt: int, inputs: bytes) -> None:
        must(number not in self.observed, f"{number} was observed and is sent out again")
        must(
            attempt not in self.sent.setdefault(number, set()) or number in self.excused,
            f"attempt {attempt} of {number} is sent out twice",
        )
        self.sent[number].add(attempt)

    def on_taken_back(self, worker: Worker, number: int, attempt: int) -> None:
        self.sent[number].discard(attempt)

    def on_ran(self, number: int) -> None:
        must(number not in self.observed, f"{number} was observed and ran to its end again")
        self.ran[number] = self.ran.get(number, 0) + 1
        must(self.ran[number] == 1 or number in self.excused, f"{number} ran to its end twice, and nobody had died")

    def on_traced(self, number: int, inputs: bytes) -> None:
        row = self.disk.one("SELECT 1 FROM trace WHERE action = ?", number)
        must(row is None or number in self.excused, f"a traced call of {number} that is on disk runs again")

    def on_observed(self, parent: int, key: bytes, n: int, child: int, phase: int, payload: bytes) -> None:
        row = self.disk.one("SELECT phase, outputs FROM action WHERE id = ?", child)
        must(row is not None and row[0] == phase, f"{child} is told to its parent and is not on disk like that")
        if self.is_success(phase):
            must(bytes(row[1]) == payload, f"{child} is told with another value than that on disk")
            before = self.observed.setdefault(child, (phase, payload))
            must(before == (phase, payload), f"{child} is told twice, and differently")
            same = self.observed_calls.setdefault((parent, key, n), child)
            must(same == child, f"a parent saw {same} and now sees {child} for the same call")

    def _must_be_on_disk(self, message: tuple[Any, ...]) -> None:
        if message[0] == RESOLVE:
            row = self.disk.one("SELECT phase FROM action WHERE id = ?", message[5])
            must(row is not None and row[0] == message[3], f"the end of {message[5]} is told before it is on disk")
        else:
            row = self.disk.one("SELECT phase FROM run WHERE name = ? AND ended_at IS NOT NULL", message[1])
            must(row is not None and row[0] == message[2], "the end of the run is told before it is on disk")

    def _check(self) -> None:
        state, held = self.state, 0.0
        for lane in state.lanes.values():
            busy = sum(not action.is_parked for action in lane.actions.values())
            must(busy == lane.busy and lane.parked == len(lane.actions) - busy, "the accounts of a lane are wrong")
            must(lane.has_slot == (busy > 0), "a slot without work, or work without a slot")
            held += lane.shape.cpu if lane.has_slot and lane.shape is not None else 0
            for action in lane.actions.values():
                must(action.phase == RUNNING and state.live.get(action.id) is action, "a lane has what does not run")
            for ident in lane.gpus:
                must(lane in state.capacity.gpus.holders.get(ident, ()), "a GPU is held by nobody's leave")
        must(abs(held - state.capacity.used_cpu) < 1e-6, "slots leak")
        computing = [ident for worker in self.workers.values() if worker.computes() for ident in worker.gpus]
        must(len(computing) == len(set(computing)), "two workers compute on one GPU")
        for action in state.live.values():
            must(action.phase < FIRST_TERMINAL, "an action that ended is live")
            must(action.phase != RUNNING or action.lane is not None, "an action runs nowhere")

    def stored_result(self) -> tuple[int, bytes] | None:
        """How the run that the client asked for has ended, as it is on disk."""
        ended = "r.name = ? AND r.ended_at IS NOT NULL"
        row = self.disk.one(
            f"SELECT r.phase, a.outputs FROM run r JOIN action a ON a.id = r.id << 32 WHERE {ended}", self.run_name
        )
        return None if row is None else (row[0], bytes(row[1]))

    def is_expected(self, result: tuple[int, bytes]) -> bool:
        """Whether the run had to end so."""
        return result == (SUCCEEDED, self.expected)

    def _ended(self) -> tuple[int, bytes]:
        assert self.result is not None
        must(self.stored_result() == self.result, "the client has another result than the disk")
        must(self.is_expected(self.result), f"the result is {self.result}, not {self.expected!r}")
        for child, (phase, payload) in self.observed.items():
            row = self.disk.one("SELECT phase, outputs FROM action WHERE id = ?", child)
            must((row[0], bytes(row[1])) == (phase, payload), f"{child} was observed and is not like that on disk")
        return self.result
