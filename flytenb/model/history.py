"""Earlier calls of a task, as those read them who explain hits and misses or foresee a run. Times are seconds, UTC."""

from __future__ import annotations

import msgspec


class PastCall(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One recorded action, as far as its cache is concerned."""

    id: int
    run: str
    action: str
    #: Number of its declaration.
    task: int
    phase: str
    #: Key of its result, b"" when the cache was off.
    key: bytes = b""
    inputs: bytes = b""
    is_cached: bool = False
    saved_s: float = 0.0
    accepted_at: float = 0.0
    started_at: float = 0.0
    ended_at: float = 0.0

    @property
    def took_s(self) -> float:
        """Seconds that it ran, or that its result once took."""
        if self.is_cached:
            return self.saved_s
        return max(0.0, self.ended_at - self.started_at) if self.started_at and self.ended_at else 0.0


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A result in the cache, and who made it."""

    key: bytes
    run: str = ""
    action: str = ""
    duration_s: float = 0.0
    created_at: float = 0.0


class History(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An action and the calls of the same task before it, newest first."""

    call: PastCall
    #: What lies in the cache under its key now.
    entry: Entry | None = None
    earlier: tuple[PastCall, ...] = ()
    #: Declarations by number.
    tasks: dict[int, bytes] = {}
    #: What its run asked for.
    is_overwriting: bool = False
    is_disabling: bool = False
    #: Run → the only project and domain whose results it uses and gives, where it asked for that.
    scopes: dict[str, str] = {}


class Held(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An action whose outputs hold some bytes."""

    call: PastCall
    outputs: bytes
    declaration: bytes
