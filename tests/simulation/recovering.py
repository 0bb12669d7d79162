"""Worlds in which a run fails or is aborted, and another one recovers it.

What must hold: the second run comes to the sum that the first would have come to; what had succeeded in the first one
does not run again as long as its code is the same, and does when it is not; a traced call of what had failed is
replayed. Engines, workers and disk go on failing in both.
"""

from __future__ import annotations

from typing import Any

import msgspec

from flytenb.engine.sources import read_source
from flytenb.model.events import AbortRequest, RunOptions, SourceRead
from flytenb.model.outcome import Failure, encode_failure
from flytenb.model.phases import ABORTED, FAILED, RECOVERED, SUCCEEDED
from tests.simulation.promises import must
from tests.simulation.worker import Body, Worker
from tests.simulation.world import World, declaration_of

_RECOVERING = RunOptions(recover_from="run")


class FailingWorker(Worker):
    """Some of its leaves fail in the first run, after they have made their traced call."""

    world: RecoveringWorld

    def step(self, body: Body) -> None:
        if not self.world.is_bad(body.number, body.inputs):
            super().step(body)
            return
        if not body.is_begun:
            body.is_begun, body.replay = True, self.world.replays.pop(body.number, {})
        self.trace(body)
        self._end(body, False, encode_failure(Failure(code="ValueError", message="bad data")))


class RecoveringWorld(World):
    """A world of two runs; `run` comes back from the second one."""

    worker_class = FailingWorker
    code = "c1"

    def __init__(self, seed: int, *, tell: Any = None) -> None:
        #: What succeeded in the first run, by inputs, and what had a traced call on disk when it failed.
        self.held: set[bytes] = set()
        self.traced: set[bytes] = set()
        self._bad: dict[int, bool] = {}
        super().__init__(seed, tell=tell)
        chance = self.random
        likely = chance.choice((0.1, 0.4))
        self._bad = {leaf: chance.random() < likely for leaf in range(16)}
        # Equal calls are told apart by their inputs here.
        self.is_cached = self.forgets = False
        self.has_other_code = chance.random() < 0.2
        self.aborts = chance.choice((0, 0, 1))

    def is_bad(self, number: int, inputs: bytes) -> bool:
        return number >> 32 == 1 and not inputs[0] and self._bad[inputs[-1] & 15]

    def is_expected(self, result: tuple[int, bytes]) -> bool:
        if self.run_name == "run":
            return result[0] in (FAILED, ABORTED) or result == (SUCCEEDED, self.expected)
        return super().is_expected(result)

    def run(self, limit: int = 4_000) -> tuple[int, bytes]:
        super().run(limit)
        self.run_name, self.options = "again", msgspec.msgpack.encode(_RECOVERING)
        if self.has_other_code:
            self.digest, self.body = declaration_of(self.kind, "c2")
        else:
            rows = self.disk.connection.execute("SELECT inputs, phase, id FROM action WHERE id >> 32 = 1").fetchall()
            self.held = {bytes(row[0]) for row in rows if self.is_success(row[1])}
            traced = {row[0] for row in self.disk.connection.execute("SELECT action FROM trace")}
            self.traced = {bytes(row[0]) for row in rows if row[1] == FAILED and row[2] in traced}
        if self.is_returning:
            self.later.clear()
        self._ask()
        ended = super().run(limit)
        reused = self.disk.one("SELECT count(*) FROM action WHERE phase = ?", RECOVERED)[0]
        must(not (reused and self.has_other_code), "a result of other code was reused")
        return ended

    def on_execute(self, worker: Worker, number: int, attempt: int, inputs: bytes) -> None:
        super().on_execute(worker, number, attempt, inputs)
        if number >> 32 == 2 and number & 0xFFFFFFFF:
            must(bytes(inputs) not in self.held, f"{number} had succeeded in the run that is recovered")

    def on_traced(self, number: int, inputs: bytes) -> None:
        super().on_traced(number, inputs)
        if number >> 32 == 2:
            must(bytes(inputs) not in self.traced, f"the traced call of {number} was to be replayed")

    def _boot(self) -> None:
        super()._boot()
        self.state.find_outputs = lambda number: (
            None if (found := self.disk.reader.outputs(number)) is None else (found, True)
        )

    def _ask(self) -> None:
        super()._ask()
        if self.run_name == "again" and self.result is None:
            # As the engine: before the run is asked for, or taken up again.
            source = read_source(self.disk.reader, _RECOVERING, self.state.tasks_by_id)
            self.inbox.insert(0, (None, SourceRead("again", source)))

    def _step(self) -> None:
        if self.aborts and self.run_name == "run" and not self.is_returning and self.chance() < 0.01:
            self.aborts -= 1
            if 1 << 32 in self.state.live:
                self.inbox.append((None, AbortRequest(1 << 32, "enough")))
        super()._step()
