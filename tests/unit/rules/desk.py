"""The rules by hand: one event at a time, and what comes of it."""

from __future__ import annotations

from typing import Any

import msgspec

from flytenb.model.declaration import Launch, ResourceRequest, TaskDeclaration, encode_declaration
from flytenb.model.events import (
    Declare,
    Finished,
    LaneLost,
    LanePlaced,
    LaneReady,
    RunOptions,
    RunRequest,
    Submit,
    Tick,
)
from flytenb.model.tags import EXECUTE, REPLY
from flytenb.rules import Capacity, Out, State, step
from flytenb.rules.state import Action, Lane

PLAIN = Launch(python="python", cwd="/")


class Source:
    """A link: what matters is who it is."""

    def __init__(self, pid: int = 0) -> None:
        self.lane: Lane | None = None
        self.pid = pid


class Desk:
    """A state, and short words for what happens to it."""

    def __init__(self, cpus: float = 2.0) -> None:
        self.state = State(Capacity(cpus, 1 << 34), lambda key: None)
        self.now = 1000.0
        self.client = Source()
        self.out = Out()
        self.next_run = 0

    def happen(self, event: Any, source: Any = None) -> Out:
        """One event; `out` keeps what came of it."""
        self.now += 0.001
        self.out = step(self.state, [(source, event)], self.now)
        return self.out

    def declare(
        self, name: str = "f", launch: Launch = PLAIN, *, is_async: bool = True, cpu: float = 1.0, gpu: int = 0
    ) -> bytes:
        declaration = TaskDeclaration(
            name=f"env.{name}",
            short_name=name,
            environment="env",
            program="p",
            entry=name,
            launch=launch,
            is_async=is_async,
            resources=ResourceRequest(cpu=cpu, gpu=gpu),
        )
        digest, body = encode_declaration(declaration)
        self.happen(Declare(digest, body))
        return digest

    def run(self, digest: bytes, source: Any = None, *, secrets: Any = (), **options: Any) -> Action | None:
        """A run; its root, or None when it was refused."""
        self.next_run += 1
        name = f"run{self.next_run}"
        body = msgspec.msgpack.encode(RunOptions(**options))
        request = RunRequest(1, name, digest, name.encode(), b"", b"", 0, body, tuple(secrets))
        self.happen(request, source or self.client)
        run = self.state.runs.get(name)
        return self.state.live.get(run.id << 32) if run is not None else None

    def call(self, parent: Action, digest: bytes, call: int = 1) -> Action:
        """A child call."""
        assert parent.lane is not None
        self.happen(Submit(parent.id, call, digest, b"%d" % call, 1, b""), parent.lane.link)
        return (parent.children or {})[max(parent.children or {})]

    def spawned(self) -> list[str]:
        """Workers that are asked for and not here."""
        return [lane.id for lane in self.state.lanes.values() if lane.link is None]

    def arrive(self, *, executor: str = "process") -> list[str]:
        """All workers that were asked for say hello, and those that are asked for then."""
        came = []
        while waiting := self.spawned():
            for name in waiting:
                launch = self.state.lanes[name].shape.launch  # type: ignore[union-attr]
                is_single = launch.isolation == "strict" or (executor == "docker" and launch.reuse is None)
                self.happen(LanePlaced(name, b"p", b"", is_single, executor))
                self.happen(LaneReady(name, 100 + int(name[1:])), Source(100 + int(name[1:])))
                came.append(name)
        return came

    def finish(self, action: Action, ok: bool = True, payload: bytes = b"", active_s: float = 0.01) -> Out:
        assert action.lane is not None
        return self.happen(Finished(action.id, action.attempt, ok, payload, active_s), action.lane.link)

    def lose(self, lane: str, cause: str = "exit", code: str = "") -> Out:
        return self.happen(LaneLost(lane, cause, "gone", code))

    def wait(self, seconds: float) -> Out:
        self.now += seconds
        return self.happen(Tick())

    def killed(self) -> list[str]:
        """Workers that the last step wants ended, or not made any more."""
        return [chore[1] for chore in self.out.chores if chore[0] == "kill"]

    def sent(self, tag: int) -> list[tuple[Any, ...]]:
        """Messages of the last step."""
        return [message for _, message in [*self.out.before, *self.out.after] if message[0] == tag]

    def executed(self) -> list[int]:
        return [message[1] for message in self.sent(EXECUTE)]

    def answer(self) -> dict[str, Any]:
        """The last reply."""
        return dict(msgspec.msgpack.decode(self.sent(REPLY)[-1][3]))
