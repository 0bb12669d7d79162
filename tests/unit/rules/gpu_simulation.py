"""The simulated engine on a machine with GPUs: tasks of every level ask for some, workers die and lose their links.

A worker holds its ids from its start until its process is gone, whatever the engine believes. At every moment at most
one of the workers that hold an id may compute; the others are its waiting ancestors.
"""

from __future__ import annotations

from typing import Any

from flytenb.model.declaration import Launch, ResourceRequest, TaskDeclaration, encode_declaration
from flytenb.model.devices import Gpu, GpusFound, GpusSeen, GpuUse, Outside
from flytenb.model.events import Declare, LaneLost, LaneNews
from flytenb.model.image import ImageSpec
from flytenb.model.tags import EXECUTE
from flytenb.rules import State
from tests.unit.rules.simulation import Link, World


class GpuWorld(World):
    """`asks[depth]` are the requests of a level's actions, by call number."""

    def __init__(
        self,
        seed: int,
        *,
        gpus: tuple[Gpu, ...],
        asks: dict[int, list[ResourceRequest]],
        link_losses: int = 0,
        outside: bool = False,
        images: float = 0.0,
        **options: Any,
    ) -> None:
        self.gpus, self.asks, self.link_losses, self.outside = gpus, asks, link_losses, outside
        #: How likely an image is not there; 0 = tasks name none.
        self.images = images
        #: Workers that only make an image ready, and those that are told to take long for it.
        self.preparing: set[str] = set()
        self.tasks: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        launch = Launch(
            python="python",
            cwd="/",
            image=ImageSpec(text="made up") if images else None,
            isolation=options.get("isolation", "shared"),
            reuse=options.get("reuse"),
        )
        for depth, requests in asks.items():
            for n, request in enumerate(requests):
                declaration = TaskDeclaration(
                    name=f"env.level{depth}_{n}",
                    short_name=f"level{depth}_{n}",
                    environment="env",
                    program="p",
                    entry="node",
                    launch=launch,
                    resources=request,
                    retries=options.get("retries", 0),
                )
                self.tasks[depth, n] = encode_declaration(declaration)
        #: Workers whose processes live: id → its GPUs.
        self.granted: dict[str, tuple[str, ...]] = {}
        self.given: list[tuple[str, ...]] = []
        self.most_at_once = 0
        super().__init__(seed, **options)
        self.digest, self.body = self.tasks[self.depth, 0]

    def boot(self) -> None:
        super().boot()
        self.granted = {}
        self.preparing = set()

    def submit(self) -> None:
        for digest, body in self.tasks.values():
            self.inbox.append((self.client, Declare(digest, body)))
        super().submit()

    def turn(self) -> None:
        super().turn()
        for chore in self.uncommitted[-1].chores:
            if chore[0] == "gpus":
                self.inbox.append((None, GpusFound(devices=self.gpus, words="made up", is_observable=self.outside)))
            elif chore[0] == "watch gpus":
                self.inbox.append((None, GpusSeen(uses=self.uses())))
            elif chore[0] == "spawn" and chore[3].gpus:
                self.granted[chore[1]] = chore[3].gpus
                self.given.append(chore[3].gpus)
            elif chore[0] == "spawn" and chore[3].gpus_later:
                self.preparing.add(chore[1])
        self.check_gpus()

    def uses(self) -> tuple[GpuUse, ...]:
        """One of the GPUs is taken by somebody else now and then."""
        taken = self.random.choice([*self.gpus, None, None])
        outside = (Outside(pid=1, words="kernel a.ipynb", bytes=99),)
        return tuple(
            GpuUse(id=gpu.id, free_bytes=1 if gpu is taken else 100, total_bytes=100, outside=outside)
            for gpu in self.gpus
        )

    def body_task(self, depth: int, call: int) -> bytes:
        requests = self.asks[depth]
        return self.tasks[depth, call % len(requests)][0]

    def run_body(self) -> None:
        before = len(self.inbox)
        super().run_body()
        for position, (source, event) in enumerate(self.inbox[before:], before):
            if type(event).__name__ == "Submit":
                digest = self.body_task(event.inputs[0], event.call)
                changed = {name: getattr(event, name) for name in event.__struct_fields__} | {"digest": digest}
                self.inbox[position] = (source, type(event)(**changed))
        if self.link_losses and self.granted and self.random.random() < 0.01:
            self.link_losses -= 1
            lane = self.random.choice(list(self.granted))
            if lane in self.state.lanes and self.links[lane].lane is not None:
                self.inbox.append((None, LaneLost(lane, "link", "its connection closed")))

    def deliver(self) -> None:
        link, message = self.mail[0]
        if message[0] == EXECUTE and link.alive and link is not self.client:
            ids = self.granted.get(link.ident, ())
            asked = self.state.tasks_by_id[message[3]].declaration.resources.gpu
            assert len(ids) == asked, f"an action that asks for {asked} GPUs runs with {ids}"
        super().deliver()
        self.check_gpus()

    def make_worker(self, link: Link) -> None:
        is_later = link.ident in self.preparing
        shape = self.state.lanes[link.ident].shape if link.ident in self.state.lanes else None
        chance = self.images or 0.5 * self.slow_starts
        if shape is not None and shape.gpus and self.random.random() < chance:
            # It has to be built, or somebody has removed it: no GPU is held meanwhile.
            self.inbox.append((None, LaneNews(link.ident, "builds its image")))
            if not self.state.lanes[link.ident].keeps_gpus:
                self.granted.pop(link.ident, None)
                self.preparing.add(link.ident)
            self.mail.append((link, ("making",)))
        elif is_later:
            self.links.pop(link.ident).alive = False
            self.inbox.append((None, LaneLost(link.ident, "prepared")))
        else:
            is_slow, self.slow_starts = self.slow_starts, self.slow_starts and not (shape is not None and shape.gpus)
            super().make_worker(link)
            self.slow_starts = is_slow

    def kill_worker(self, lane: str, cause: str = "exit") -> None:
        super().kill_worker(lane, cause)
        self.granted.pop(lane, None)

    def is_computing(self, link: Link) -> bool:
        return any(not body["called"] or len(body["got"]) == self.width for body in link.bodies.values())

    def check_gpus(self) -> None:
        computing: dict[str, str] = {}
        for lane, ids in self.granted.items():
            link = self.links.get(lane)
            if link is None or not link.alive or not self.is_computing(link):
                continue
            for ident in ids:
                assert ident not in computing, f"GPU {ident}: {computing[ident]} and {lane} compute"
                computing[ident] = lane
        self.most_at_once = max(self.most_at_once, len(computing))
        table = self.state.capacity.gpus
        for ident, holders in table.holders.items():
            for holder in holders:
                assert ident in holder.gpus
            for below in holders[:-1]:
                assert not any(not action.is_parked for action in below.actions.values()) or not holders[-1].busy

    def idle_out(self) -> None:
        """Let everything settle; then every GPU is free again, or held by an idle worker that lives."""
        for _ in range(200):
            if self.inbox:
                self.turn()
            if self.uncommitted:
                self.commit()
            while self.mail:
                self.deliver()
        state: State = self.state
        held = {ident for ids in self.granted.values() for ident in ids}
        assert set(state.capacity.gpus.holders) == held
        for stack in state.capacity.gpus.holders.values():
            assert len(stack) == 1
