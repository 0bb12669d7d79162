"""The single GPUs of this machine, and which lane holds which.

A lane takes its ids when its worker is started and keeps them until that worker's process is gone: neither a started
container nor CUDA in a process can change them. So ids belong to processes, not to actions. One exception: a parent
that waits for its calls lends its ids to workers of its own descendants. The holders of an id are therefore a stack:
the top one works, all below it wait.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import pairwise
from typing import Protocol

from flytenb.model.declaration import ResourceRequest
from flytenb.model.devices import Gpu, GpusFound, GpuUse

#: A model that an asker of another one may get: the same chip with more memory.
SERVED_BY = {"A100": ("A100_80G",)}
#: A GPU is not assigned while other processes hold its memory and less than this share of it is free.
MIN_FREE_SHARE = 0.1


class Holder(Protocol):
    """What is asked of a lane here."""

    id: str
    gpus: tuple[str, ...]
    busy: int
    parked: int
    zombies: dict[int, float]
    is_closing: bool


class Gpus:
    """The table of GPUs. Empty until somebody asks for one: to look for them costs time."""

    __slots__ = (
        "devices",
        "holders",
        "is_known",
        "is_looking",
        "is_observable",
        "is_observed",
        "looked_at",
        "unmet",
        "uses",
        "words",
    )

    def __init__(self) -> None:
        self.devices: dict[str, Gpu] = {}
        #: id → lanes that hold it, the one that works last.
        self.holders: dict[str, list[Holder]] = {}
        self.uses: dict[str, GpuUse] = {}
        self.is_known = self.is_looking = False
        self.looked_at = 0.0
        #: Where the devices come from, or why there are none.
        self.words = ""
        #: Whether the engine can look at their use, and does.
        self.is_observable = self.is_observed = False
        #: Shapes that found no ids in this step, first come first.
        self.unmet: list[object] = []

    def found(self, event: GpusFound, now: float) -> None:
        """Take over what was found. What is held stays held, also when it was not found again."""
        held = {ident: gpu for ident, gpu in self.devices.items() if ident in self.holders}
        self.devices = {gpu.id: gpu for gpu in event.devices}
        for ident, gpu in held.items():
            self.devices.setdefault(ident, gpu)
        self.uses = {use.id: use for use in event.uses}
        self.words, self.is_observable = event.words, event.is_observable
        self.is_known, self.is_looking, self.looked_at = True, False, now

    # ---- what would do ---------------------------------------------------------------------------------------------
    def matching(self, ask: ResourceRequest) -> list[Gpu]:
        """All devices that this request may get, the best first, held or not."""
        if ask.gpu_partition:
            return [
                gpu
                for gpu in self.devices.values()
                if gpu.partition == ask.gpu_partition and ask.gpu_kind in ("", gpu.kind)
            ]
        whole = [gpu for gpu in self.devices.values() if not gpu.partition]
        if not ask.gpu_kind:
            # CUDA sees one slice at a time.
            return whole or ([*self.devices.values()] if ask.gpu == 1 else [])
        bigger = SERVED_BY.get(ask.gpu_kind, ())
        exact = [gpu for gpu in whole if gpu.kind == ask.gpu_kind]
        return exact + [gpu for gpu in whole if gpu.kind in bigger]

    def is_possible(self, ask: ResourceRequest) -> bool:
        """Whether the machine has as many at all."""
        return len(self.matching(ask)) >= ask.gpu

    def choose(self, ask: ResourceRequest, lenders: Collection[Holder] = ()) -> tuple[str, ...] | None:
        """Ids for one more worker, None when there are not enough now. `lenders` are its waiting ancestors' lanes."""
        return self._pick(ask, lambda ident: self._rank(ident, lenders))

    def _pick(self, ask: ResourceRequest, rank: Callable[[str], int | None]) -> tuple[str, ...] | None:
        """The best set of enough devices; `rank` says how good one is, None = not to be had."""
        for kinds in self._groups(ask):
            ranked = [
                (rank_now, self.outside_bytes(gpu.id), position, gpu.id)
                for position, gpu in enumerate(self.matching(ask))
                if gpu.kind in kinds and (rank_now := rank(gpu.id)) is not None
            ]
            if len(ranked) >= ask.gpu:
                picked = {ident for *_, ident in sorted(ranked)[: ask.gpu]}
                return tuple(ident for ident in self.devices if ident in picked)
        return None

    def _groups(self, ask: ResourceRequest) -> list[set[str]]:
        """Sets of models to take from: of one model wherever the machine has enough of one."""
        counts: dict[str, int] = {}
        for gpu in self.matching(ask):
            counts[gpu.kind] = counts.get(gpu.kind, 0) + 1
        enough = [{kind} for kind, count in counts.items() if count >= ask.gpu]
        return enough or [set(counts)]

    def _rank(self, ident: str, lenders: Collection[Holder]) -> int | None:
        """0 = lent by an ancestor, 1 = free, None = neither."""
        if holders := self.holders.get(ident):
            return 0 if holders[-1] in lenders else None
        return None if self.is_crowded(ident) else 1

    def outside_bytes(self, ident: str) -> int:
        """Memory that other processes hold of a GPU."""
        use = self.uses.get(ident)
        return sum(outside.bytes for outside in use.outside) if use is not None else 0

    def is_crowded(self, ident: str) -> bool:
        """Whether other processes leave too little of a GPU."""
        use = self.uses.get(ident)
        return use is not None and bool(use.outside) and use.free_bytes < MIN_FREE_SHARE * use.total_bytes

    # ---- who has what ----------------------------------------------------------------------------------------------
    def take(self, lane: Holder, ids: tuple[str, ...]) -> None:
        """The lane's worker is about to be started with these ids."""
        lane.gpus = ids
        for ident in ids:
            self.holders.setdefault(ident, []).append(lane)

    def release(self, lane: str) -> bool:
        """That worker's process is gone. Returns whether it held anything."""
        held = False
        for ident, holders in list(self.holders.items()):
            left = [holder for holder in holders if holder.id != lane]
            if len(left) == len(holders):
                continue
            held = True
            if left:
                self.holders[ident] = left
            else:
                del self.holders[ident]
        return held

    def vendor(self, ids: tuple[str, ...]) -> str:
        """Who made these; a machine has those of one maker."""
        return self.devices[ids[0]].vendor if ids else "nvidia"

    def has(self, lane: str) -> bool:
        """Whether a worker holds GPUs."""
        return any(holder.id == lane for holders in self.holders.values() for holder in holders)

    def is_usable(self, lane: Holder) -> bool:
        """Whether a lane with GPUs may begin an action: nobody works in it or on top of it, nor might still do so."""
        return not lane.parked and not lane.zombies and self.is_on_top(lane)

    def is_on_top(self, lane: Holder) -> bool:
        """Whether a lane has its GPUs and has lent none of them."""
        return all(self.holders[ident][-1] is lane for ident in lane.gpus)

    def lenders(self, lanes: Iterable[Holder]) -> list[Holder]:
        """Those of an action's ancestors' lanes that may lend: all that runs in them waits."""
        return [lane for lane in lanes if lane.gpus and lane.parked and not lane.busy and not lane.zombies]

    def to_clear(self) -> list[Holder]:
        """Lanes that sit idle on ids of a parent which works again, or is gone from its lane."""
        found = []
        for holders in self.holders.values():
            for below, lane in pairwise(holders):
                if not lane.busy and not lane.parked and not lane.is_closing and (below.busy or not below.parked):
                    found.append(lane)
        return found

    def room(self, ask: ResourceRequest, lenders: Collection[Holder], idle: list[Holder]) -> list[Holder]:
        """Idle lanes, the first ones first, whose end would make the request possible; [] when that would not do."""
        chosen: list[Holder] = []

        def rank(ident: str) -> int | None:
            left = [h for h in self.holders.get(ident, ()) if h not in chosen and not h.is_closing]
            if left:
                return 0 if left[-1] in lenders else None
            return None if self.is_crowded(ident) else 1

        if self._pick(ask, rank) is not None:
            return []  # those that end already make the room
        useful = {gpu.id for gpu in self.matching(ask)}
        for lane in idle:
            if useful.isdisjoint(lane.gpus):
                continue
            chosen.append(lane)
            picked = self._pick(ask, rank)
            if picked is not None:
                return [lane for lane in chosen if not set(picked).isdisjoint(lane.gpus)]
        return []
