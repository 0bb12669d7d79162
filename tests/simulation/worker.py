"""A worker process as the engine meets it: bodies, frames that are kept until they are acknowledged, and the way back.

The bodies are a tree: a node calls its children in stages and returns how many leaves are below it; a leaf returns 1.
What goes wrong in a body is decided by its place in the tree, so that every schedule must come to the same sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flytenb.model.events import Finished, Forget, Hit, LaneFacts, Resume, Returned, Submit, Trace
from flytenb.model.outcome import Failure, encode_failure
from flytenb.model.tags import (
    ACK,
    ADOPT,
    CANCEL,
    EXECUTE,
    HELD_BEGUN,
    HELD_ENDED,
    HELD_QUEUED,
    KEEP,
    RECALL,
    REPLAY,
    RESOLVE,
    SHUTDOWN,
)

if TYPE_CHECKING:
    from tests.simulation.world import World

#: Events that speak of an action and may come twice.
_REPEATED = (Finished, Forget, Hit, Trace)


class Link:
    """One connection, as the engine sees it."""

    def __init__(self, worker: Worker | None) -> None:
        self.worker = worker
        self.lane: Any = None
        self.pid = 0
        self.is_open = True
        #: The worker has ended: what is told when all that it sent was read.
        self.last: Any = None
        #: On the way: frames to the engine, messages to the worker.
        self.to_engine: list[list[Any]] = []
        self.to_worker: list[tuple[Any, ...]] = []
        self.frames = self.saved = self.told = 0


class Body:
    """One action in a worker."""

    def __init__(self, number: int, attempt: int, inputs: bytes) -> None:
        self.number, self.attempt, self.inputs = number, attempt, inputs
        self.is_begun = self.is_cancelled = False
        self.stage = 0
        #: call → (key, n, message) of children that are waited for.
        self.calls: dict[int, tuple[bytes, int, Submit]] = {}
        self.next_call = 1
        self.total = 0
        self.failure: bytes | None = None
        self.replay: dict[tuple[bytes, int], bytes] = {}


class Worker:
    """A process."""

    def __init__(self, world: World, ident: str) -> None:
        self.world, self.ident = world, ident
        self.link: Link | None = None
        self.bodies: dict[int, Body] = {}
        self.facts: LaneFacts | None = None
        self.gpus: tuple[str, ...] = ()
        self.is_alive, self.is_held = True, False
        self._sent: list[list[Any]] = []
        self._acked = 0
        self._doubtful: list[Any] = []
        self._out: list[Any] = []

    # ---- the link ---------------------------------------------------------------------------------------------------
    def send(self, event: Any) -> None:
        self._out.append(event)

    def flush(self) -> None:
        """What is queued leaves in one frame."""
        if self.link is None or self.is_held or not self._out:
            return
        self._sent.append(self._out)
        self.link.to_engine.append(self._out)
        self._out = []

    def lose_link(self) -> None:
        """The connection closed: whoever holds nothing ends, others look for the engine."""
        self.link, self.is_held = None, True
        for frame in self._sent:
            self._doubtful += frame
        self._sent = []
        if not self.held():
            self.world.end_worker(self, is_seen=False)

    def held(self) -> list[tuple[int, int, int, float]]:
        here = [
            (body.number, body.attempt, HELD_BEGUN if body.is_begun else HELD_QUEUED, 0.0)
            for body in self.bodies.values()
        ]
        waiting = [event for event in self._doubtful + self._out if type(event) is Finished]
        return here + [(event.action, event.attempt, HELD_ENDED, 0.0) for event in waiting]

    def unacknowledged(self) -> set[int]:
        """Actions whose end was sent and may not be on disk."""
        return {event.action for frame in self._sent for event in frame if type(event) is Finished}

    def come_back(self, link: Link) -> Resume:
        """Greet the engine on a new connection."""
        self.link, self._acked = link, 0
        self._sent = [[]]
        return Resume(b"", self.held())

    # ---- messages ---------------------------------------------------------------------------------------------------
    def hear(self, message: tuple[Any, ...]) -> None:
        """One message of the engine."""
        tag = message[0]
        if tag == EXECUTE:
            self.world.on_execute(self, message[1], message[2], message[4])
            self.bodies[message[1]] = Body(message[1], message[2], message[4])
        elif tag == RESOLVE:
            self._resolve(*message[1:])
        elif tag == CANCEL:
            self._cancel(message[1], message[2])
        elif tag == RECALL:
            waiting = [body.number for body in self.bodies.values() if not body.is_begun][-message[1] :]
            for number in waiting:
                self.world.on_taken_back(self, number, self.bodies.pop(number).attempt)
            self.send(Returned(waiting))
        elif tag == KEEP:
            self.facts = self.world.decode_facts(message[1])
        elif tag == ACK:
            while self._acked < message[1] and self._sent:
                self._sent.pop(0)
                self._acked += 1
        elif tag == ADOPT:
            self._adopted(dict(message[1]))
        elif tag == REPLAY:
            self.world.replays[message[1]] = {(key, n): outputs for key, n, _, outputs in message[2]}
        elif tag == SHUTDOWN:
            self.world.end_worker(self)

    def _adopted(self, kept: dict[int, float]) -> None:
        for number in [number for number in self.bodies if number not in kept]:
            del self.bodies[number]
        calls = [call[2] for body in self.bodies.values() for call in body.calls.values()]
        again = [
            event
            for event in self._doubtful + self._out
            if type(event) in _REPEATED and (event.action if hasattr(event, "action") else event.parent) in kept
        ]
        self._doubtful, self._out, self.is_held = [], [*calls, *again], False
        self.flush()

    def _resolve(self, parent: int, call: int, phase: int, payload: bytes, child: int) -> None:
        body = self.bodies.get(parent)
        entry = body.calls.pop(call, None) if body is not None else None
        if body is None or entry is None:
            return
        self.world.on_observed(parent, entry[0], entry[1], child, phase, bytes(payload))
        if self.world.is_success(phase):
            body.total += int(bytes(payload))
        else:
            body.failure = bytes(payload)

    def _cancel(self, number: int, attempt: int) -> None:
        body = self.bodies.get(number)
        if body is not None and body.attempt == attempt:
            del self.bodies[number]
            failure = encode_failure(Failure(code="Aborted", message="stopped"))
            self.send(Finished(number, attempt, False, failure, 0.001))

    # ---- bodies -----------------------------------------------------------------------------------------------------
    def computes(self) -> bool:
        """Whether a body is at work, not waiting."""
        return any(body.is_begun and not body.calls for body in self.bodies.values())

    def ready(self) -> list[Body]:
        """Bodies that can make a step."""
        busy = [body for body in self.bodies.values() if body.is_begun and not body.calls]
        if busy:
            return busy
        queued = next((body for body in self.bodies.values() if not body.is_begun), None)
        return [queued] if queued is not None else []

    def step(self, body: Body) -> None:
        """Begin, call the next stage's children, or end."""
        world, depth = self.world, body.inputs[0]
        body.is_begun = True
        if not body.stage:
            body.replay = world.replays.pop(body.number, {})
        if body.failure is not None:
            self._end(body, False, body.failure)
        elif depth and body.stage < len(world.stages):
            self._call(body, world.stages[body.stage])
            body.stage += 1
        elif depth:
            self._end(body, True, str(body.total).encode())
        elif body.attempt == 1 and world.is_flaky(body.inputs):
            self._end(body, False, encode_failure(Failure(code="ValueError", message="bad leaf")))
        else:
            self.trace(body)
            self._end(body, True, b"1")

    def trace(self, body: Body) -> None:
        """Make the traced call of a leaf, or find it made."""
        if self.world.has_traces and (b"t", 1) not in body.replay:
            self.world.on_traced(body.number, body.inputs)
            self.send(Trace(body.number, body.attempt, b"t", 1, "t", 0.0, 0.0, True, b"", b"x"))

    def _call(self, body: Body, children: range) -> None:
        world, depth = self.world, body.inputs[0]
        for child in children:
            key = bytes([depth, child])
            inputs = bytes([depth - 1, child]) + (body.inputs[1:] if not world.is_cached else b"")
            cache_key, mode = (bytes([depth - 1]), 1) if world.is_cached else (b"", 0)
            event = Submit(body.number, body.next_call, world.digest, key, 1, inputs, cache_key, mode, "")
            body.calls[body.next_call] = (key, 1, event)
            body.next_call += 1
            self.send(event)
        if (
            world.forgets and world.random.random() < 0.1
        ):  # the first one is not waited for after all; it is called anew
            call, (key, _, event) = next(iter(body.calls.items()))
            del body.calls[call]
            self.send(Forget(body.number, call))
            again = Submit(
                body.number, body.next_call, event.digest, key, 2, event.inputs, event.cache_key, event.cache_mode, ""
            )
            body.calls[body.next_call] = (key, 2, again)
            body.next_call += 1
            self.send(again)

    def _end(self, body: Body, ok: bool, payload: bytes) -> None:
        del self.bodies[body.number]
        if ok:
            self.world.on_ran(body.number)
        self.send(Finished(body.number, body.attempt, ok, payload, self.world.random.choice((0.0001, 0.002, 0.05))))
