"""Rules that are broken on purpose: whether the simulation sees each of them. `python -m tests.simulation.mutants`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from flytenb.rules import attempts, calls, ending, lanes, returning
from flytenb.rules.out import Out
from tests.simulation.__main__ import try_seed


@contextmanager
def _changed(*changes: tuple[Any, str, Any]) -> Iterator[None]:
    before = [(where, name, getattr(where, name)) for where, name, _ in changes]
    for where, name, value in changes:
        setattr(where, name, value)
    try:
        yield
    finally:
        for where, name, value in before:
            setattr(where, name, value)


class _Hasty(Out):
    """Results are told before they are on disk."""

    def __init__(self) -> None:
        super().__init__()
        self.after = self.before


def _forgetful(stored: Any) -> None:
    return None


def _without_found(*words: Any, **more: Any) -> None:
    _end_cached(*words, **more)
    words[1].found = None


def _careless(state: Any, action: Any) -> None:
    _release(state, action)
    if action.attempt > 1 and state.capacity.used_cpu:
        state.capacity.used_cpu += 0.5


def _without_past(state: Any, source: Any, event: Any, now: float, out: Any) -> None:
    _loaded(state, source, replace(event, past=[]), now, out)


def _deaf(state: Any, parent: Any, child: Any) -> None:
    if not parent.is_adopted:
        _adopt(state, parent, child)


def _greedy(returned: Any, stored: Any) -> Any:
    return {number: (lane, attempt, held, s) for lane in returned for number, attempt, held, s in lane.held
            if number in stored}  # fmt: skip


def _no_orphans(state: Any, stored: Any, claim: Any, now: float, out: Any) -> None:
    _revive(state, stored, claim, now, out)
    action = state.live.get(stored.id)
    if action is not None and action.parent is not None and action.parent.orphans:
        action.parent.orphans.clear()


def _ignorant(state: Any, source: Any, event: Any, now: float, out: Any) -> None:
    parent = state.live.get(event.parent)
    if parent is not None:
        parent.known = None
    _submit(state, source, event, now, out)


_end_cached, _release, _loaded, _adopt = ending._end_cached, lanes.release, attempts.on_loaded, calls.adopt
_revive, _submit = returning._revive, calls.on_submit


def _mutants() -> dict[str, Callable[[], Any]]:
    from flytenb.rules import lifecycle

    handlers = lifecycle.HANDLERS
    submit = next(kind for kind, call in handlers.items() if call is calls.on_submit)
    loaded = next(kind for kind, call in handlers.items() if call is attempts.on_loaded)
    return {
        "results are told before their commit": lambda: _changed((lifecycle, "Out", _Hasty)),
        "an adopted action forgets its children": lambda: _changed((returning, "_known", _forgetful)),
        "an ended twin is waited for": lambda: _changed((ending, "_end_cached", _without_found)),
        "a slot leaks": lambda: _changed((lanes, "release", _careless)),
        "attempts begin anew with an engine": lambda: _changed(
            (lifecycle, "HANDLERS", {**handlers, loaded: _without_past})
        ),
        "an adopted parent does not wait": lambda: _changed((calls, "adopt", _deaf)),
        "an old attempt is adopted": lambda: _changed((returning, "_claims", _greedy)),
        "children of an adopted parent are lost": lambda: _changed((returning, "_revive", _no_orphans)),
        "known children run again": lambda: _changed((lifecycle, "HANDLERS", {**handlers, submit: _ignorant})),
    }  # fmt: skip


def find(name: str, most: int) -> str:
    """What the simulation says of a mutant; "" when it saw nothing in so many worlds."""
    with _mutants()[name]():
        return next((said for seed in range(most) if (said := try_seed(seed))), "")


def main() -> int:
    missed = 0
    for name in _mutants():
        said = find(name, 20_000)
        missed += not said
        print(f"{name}: {said[:120] or 'NOT FOUND'}")
    return missed


if __name__ == "__main__":
    sys.exit(main())
