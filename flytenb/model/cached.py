"""Cached results as they are listed, and what pruning removed. Times are seconds since the epoch, UTC."""

from __future__ import annotations

import msgspec


class CachedRow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One cached result."""

    #: Its key, hex.
    key: str
    #: "environment.function", "" when that is not known any more.
    task: str = ""
    #: The run and action that made it; the run may have been pruned since.
    run: str = ""
    action: str = ""
    created_at: float
    #: Seconds that it took to make.
    duration_s: float
    #: Bytes of the values, those in the object store included.
    size_bytes: int = 0
    hits: int = 0
    #: Seconds that its hits would have taken.
    saved_s: float = 0.0
    last_hit_at: float = 0.0
    is_pinned: bool = False
    #: Encoded values; only `codec.preview` may look into them. Empty in lists.
    inputs: bytes = b""
    outputs: bytes = b""


class CachedList(msgspec.Struct, frozen=True, kw_only=True):
    """Cached results, newest first, and figures over all of them."""

    rows: tuple[CachedRow, ...]
    count: int
    pinned_count: int
    #: Calls of cached tasks that were answered from the cache, and those that ran.
    hits: int
    misses: int
    saved_s: float

    @property
    def hit_rate(self) -> float:
        """Share of calls that were answered from the cache."""
        return self.hits / (self.hits + self.misses) if self.hits + self.misses else 0.0


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What was, or would be, removed."""

    #: Keys of cached results, hex, or names of runs.
    names: tuple[str, ...]
    #: Those that were meant and are kept, because they are pinned or go on.
    kept: int = 0
