"""What each measure must reach and aims at, as ratios to a peer in the same run and as absolute bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """A set of conditions that must hold together: ratios to peers, and one absolute figure."""

    ratios: tuple[tuple[str, float], ...] = ()
    absolute: float | None = None


@dataclass(frozen=True)
class Target:
    """One line of the table."""

    measure: str
    title: str
    unit: str
    must: Bound
    aim: Bound
    #: More is better (rates); otherwise less is.
    is_rate: bool = False
    digits: int = 2

    def show(self, value: float | None) -> str:
        """A value with its unit."""
        return "–" if value is None else f"{value:,.{self.digits}f} {self.unit}"

    @property
    def must_text(self) -> str:
        return self._text(self.must)

    @property
    def aim_text(self) -> str:
        return self._text(self.aim)

    def _text(self, bound: Bound) -> str:
        sign = "≥" if self.is_rate else "≤"
        words = [f"{sign} {ratio:g}× {peer}" for peer, ratio in bound.ratios]
        if bound.absolute is not None:
            words.append(f"{sign} {bound.absolute:,g} {self.unit}")
        return ", ".join(words)

    def holds(self, bound: Bound, ours: float, peers: Mapping[str, float | None]) -> bool | None:
        """Whether ours is within; None when a peer that it compares with is missing."""
        limits = []
        for peer, ratio in bound.ratios:
            theirs = peers.get(peer)
            if theirs is None:
                return None
            limits.append(theirs * ratio)
        if bound.absolute is not None:
            limits.append(bound.absolute)
        return all(ours >= limit if self.is_rate else ours <= limit for limit in limits)


TARGETS = (
    Target(
        "sequential", "200 sequential no-op children, p50", "ms",
        Bound((("flyte-persist", 0.45),)), Bound((("flyte-persist", 0.25),), 1.0),
    ),
    Target(
        "fanout_1000", "fan-out of 1,000 no-op children", "/s",
        Bound((("flyte-persist", 40), ("ray", 7))), Bound((("flyte-persist", 100), ("ray", 15))), True, 0,
    ),
    Target(
        "fanout_10000", "fan-out of 10,000 no-op children", "/s",
        Bound((("flyte-persist", 40), ("ray", 7))), Bound((("flyte-persist", 100), ("ray", 15))), True, 0,
    ),
    Target(
        "tree", "tree 5 deep, 4 wide (1,365 actions)", "s",
        Bound((("flyte", 0.4),)), Bound((("flyte", 0.15),)), digits=3,
    ),
    Target("mixed", "0 and 50 ms mixed, 400: idle while work waits", "%", Bound((), 10), Bound((), 3), digits=1),
    Target("script_stopped", "script to result, engine stopped", "s", Bound((("flyte", 0.7),)), Bound((), 0.35)),
    Target("script_running", "script to result, engine running", "s", Bound((("flyte", 0.45),)), Bound((), 0.2)),
    Target("trace", "traced call, p50", "µs", Bound((), 40), Bound((), 10), digits=1),
    Target(
        "hit", "cached child: found, decoded, recorded; p50", "ms",
        Bound((("joblib", 0.7), ("flyte", 0.75))), Bound((("joblib", 0.5), ("flyte", 0.2)), 0.05), digits=3,
    ),
    Target("key_cold", "key of a notebook of 300 functions, first", "ms", Bound((), 20), Bound((), 12), digits=1),
    Target("key_same", "the same again, unchanged", "ms", Bound((), 0.3), Bound((), 0.15), digits=3),
    Target("key_cell", "what a cell of such a notebook pays, p50", "ms", Bound((), 2), Bound((), 0.5), digits=3),
    Target("memory", "engine memory per finished action", "KB", Bound((), 1), Bound((), 0.3)),
    Target(
        "array", "100 MB ndarray, A returns it to B has read it", "s",
        Bound((("flyte", 0.15),)), Bound((("flyte", 0.1),)), digits=3,
    ),
    Target(
        "frame", "100 MB DataFrame, A returns it to B has read it", "s",
        Bound((("flyte", 0.35),)), Bound((("flyte", 0.2),)), digits=3,
    ),
    Target("file", "1 GB File by content, without a copy", "s", Bound((), 3), Bound((), 1.2), digits=3),
    Target(
        "container_cold", "action in a new container, nothing started", "ms",
        Bound((("docker run", 1.1),)), Bound((("docker run", 1.0),)), digits=0,
    ),
    Target("container_spare", "the same with a started spare", "ms", Bound((), 15), Bound((), 4)),
    Target("pool_p50", "reusable pool of containers, sequential", "ms", Bound((), 1.5), Bound((), 1.0)),
    Target("pool_rate", "the same, 1,000 at once", "/s", Bound((), 2_000), Bound((), 8_000), True, 0),
    Target("fork", "fresh process per action, a started spare", "ms", Bound((), 4), Bound((), 2.5)),
    Target("venv_pool", "pool in a virtual environment, sequential", "ms", Bound((), 1.5), Bound((), 1.0)),
    Target("image_cached", "image built again, all layers cached", "s", Bound((), 0.3), Bound((), 0.1), digits=3),
    Target("image_hash", "image declared and hashed, 4 layers", "ms", Bound((), 1), Bound((), 0.2), digits=3),
    Target(
        "batch", "notebook of 50 cells, unattended", "s",
        Bound((("papermill", 1.1),)), Bound((("papermill", 1.0),)), digits=1,
    ),
    Target("export", "notebook of 200 cells as a script", "s", Bound((), 0.5), Bound((), 0.2), digits=3),
    Target("listing", "list 10,000 actions", "ms", Bound((), 60), Bound((), 25), digits=1),
)  # fmt: skip


def verdict(target: Target, ours: float | None, peers: Mapping[str, float | None]) -> tuple[str, str]:
    """A word, and what was reached in the terms of the must."""
    if ours is None:
        return "failed", "–"
    compared = [peer for peer, _ in (*target.must.ratios, *target.aim.ratios)]
    ratios = {peer: ours / theirs for peer in dict.fromkeys(compared) if (theirs := peers.get(peer))}
    reached = ", ".join(f"{ratio:,.3g}× {peer}" for peer, ratio in ratios.items())
    if target.holds(target.aim, ours, peers):
        return "aim", reached
    return {True: "must", False: "MISSED", None: "not compared"}[target.holds(target.must, ours, peers)], reached
