"""Worlds with people in them: leaves ask, somebody answers (or not in time), somebody aborts, at any moment.

What a body does about an abort or a time-out is to go on without, so every schedule must come to the same sum. What
must hold: the first answer is the answer, for every attempt and every engine; what a person aborted, and a parent saw
so, does not end otherwise for it later; nothing is held for a question.
"""

from __future__ import annotations

from typing import Any

from flytenb.model.condition import ConditionSpec, encode_answer
from flytenb.model.declaration import Launch, TaskDeclaration, encode_declaration
from flytenb.model.events import AbortRequest, AskedBefore, Declare, Signal, Submit
from flytenb.model.outcome import decode_failure
from flytenb.model.phases import ABORTED, FIRST_TERMINAL, TIMED_OUT
from tests.simulation.promises import must
from tests.simulation.worker import Body, Worker
from tests.simulation.world import World

_KEY = b"ask"


def _question(timeout_s: float) -> tuple[bytes, bytes]:
    return encode_declaration(
        TaskDeclaration(
            name="condition.ok",
            short_name="ok",
            environment="",
            launch=Launch(python="", cwd=""),
            program="",
            entry="",
            condition=ConditionSpec(name="ok", data_type="int", timeout_s=timeout_s),
        )
    )


class AskingWorker(Worker):
    """Its leaves ask before they end, and its nodes count what was aborted as if it had ended."""

    world: PeopledWorld

    def step(self, body: Body) -> None:
        if not body.inputs[0] and self.world.asks(body.inputs) and not getattr(body, "has_asked", False):
            body.is_begun = body.has_asked = True  # type: ignore[attr-defined]
            event = Submit(body.number, body.next_call, self.world.question[0], _KEY, 1, b"", b"", 0, "")
            body.calls[body.next_call] = (_KEY, 1, event)
            body.next_call += 1
            self.send(event)
            return
        super().step(body)

    def _resolve(self, parent: int, call: int, phase: int, payload: bytes, child: int) -> None:
        body = self.bodies.get(parent)
        entry = body.calls.get(call) if body is not None else None
        if body is None or entry is None:
            return
        is_question = entry[0] == _KEY
        if not is_question and not (phase == ABORTED and decode_failure(bytes(payload)).is_wanted):
            super()._resolve(parent, call, phase, payload, child)
            return
        del body.calls[call]
        self.world.on_observed(parent, entry[0], entry[1], child, phase, bytes(payload))
        if is_question:
            must(phase != TIMED_OUT or self.world.timeout_s, "a question without a time-out timed out")
        else:
            body.total += 1  # of a leaf


class PeopledWorld(World):
    """A world in which some leaves ask."""

    worker_class = AskingWorker

    def __init__(self, seed: int, *, tell: Any = None) -> None:
        self.question = b"", b""
        self.seen_aborted: set[tuple[int, bytes, int]] = set()
        self.answered: dict[int, bytes] = {}
        self.ends: dict[int, tuple[int, bytes]] = {}
        super().__init__(seed, tell=tell)
        chance = self.random
        self.timeout_s = chance.choice((0.0, 0.0, 0.02, 0.2))
        self.question = _question(self.timeout_s)
        self._asking = chance.choice((0.3, 1.0))
        self._asks = {leaf: chance.random() < self._asking for leaf in range(16)}
        #: Aborts at most; twins of a cached call would share an end that was meant for one.
        self.aborts = 0 if self.is_cached else chance.choice((0, 1, 3))
        self.busy = chance.choice((0.05, 0.3))
        self.inbox.insert(0, (self.client, Declare(*self.question)))

    def asks(self, inputs: bytes) -> bool:
        return not self.is_cached and self._asks[inputs[-1] & 15]

    def on_observed(self, parent: int, key: bytes, n: int, child: int, phase: int, payload: bytes) -> None:
        super().on_observed(parent, key, n, child, phase, payload)
        call = (parent, key, n)
        must(call not in self.seen_aborted or phase == ABORTED, "what was aborted for its parent has ended otherwise")
        if phase == ABORTED:
            self.seen_aborted.add(call)
        if key == _KEY and self.is_success(phase):
            must(self.answered.setdefault(child, payload) == payload, "a question has two answers")

    def _boot(self) -> None:
        super()._boot()
        if not self.question[0]:
            return  # the first engine: nothing was asked
        self.inbox.insert(0, (self.client, Declare(*self.question)))
        for number, task, accepted_at in self.disk.reader.open_actions():
            known = self.state.tasks_by_id.get(task)
            is_question = known is not None and known.declaration.condition is not None
            (self.state.unasked if is_question else self.state.uncalled)[number] = accepted_at

    def release(self) -> None:
        super().release()
        for out in self._batch:
            for phase, outputs, *_, number in out.ended:
                end = phase, bytes(outputs)
                must(self.ends.setdefault(number, end) == end, f"{number} has two ends on disk")
            for chore in out.chores:
                if chore[0] == "ask" and not chore[2]:
                    row = self.disk.one("SELECT accepted_at FROM action WHERE id = ?", chore[1])
                    self.inbox.append((None, AskedBefore(chore[1], row[0])))

    def _check(self) -> None:
        super()._check()
        for number, question in self.state.paused.items():
            must(self.state.live.get(number) is question, "a question that ended waits")
            must(question.lane is None, "a question holds a worker")

    def _step(self) -> None:
        if self.chance() < self.busy:
            self._person()
        super()._step()

    def _person(self) -> None:
        """Somebody answers, or aborts a leaf."""
        state = self.state
        open_ = [*state.paused, *([] if self.is_returning else state.unasked)]
        if open_ and self.chance() < 0.7:
            number = self.random.choice(open_)
            self.inbox.append((None, Signal(number, encode_answer(self.random.randrange(100)), "p", "python")))
            if self.chance() < 0.3:  # two at once
                self.inbox.append((None, Signal(number, encode_answer(-1), "q", "http")))
        elif self.aborts and not self.is_returning:
            rows = self.disk.connection.execute(
                "SELECT id FROM action WHERE hex(substr(inputs, 1, 1)) = '00' AND phase < ?", (FIRST_TERMINAL,)
            ).fetchall()
            if rows:
                self.aborts -= 1
                number = self.random.choice(rows)[0]
                self.inbox.append((None, AbortRequest(number, "enough", "task 'env.node'")))
