"""How an action begins where the cache is used: by a hit, behind an equal one, or by running."""

from __future__ import annotations

import msgspec
import pytest

from flytenb.model.declaration import TaskDeclaration, encode_declaration
from flytenb.model.events import Declare, Hit, RunOptions, RunRequest, Submit
from flytenb.model.phases import SUCCEEDED
from flytenb.model.tags import CACHE_AUTO, CACHE_OVERRIDE
from flytenb.rules.state import Action
from tests.unit.rules.desk import PLAIN, Desk, Source

KEY = b"k" * 16


class CacheDesk(Desk):
    """A desk with a cache."""

    def __init__(self) -> None:
        super().__init__(4)
        self.cache: dict[bytes, tuple[int, bytes, float, float]] = {}
        self.state.find_cached = self.cache.get

    def declare_cached(self, name: str = "f", **settings: object) -> bytes:
        declaration = TaskDeclaration(
            name=f"env.{name}", short_name=name, environment="env", program="p", entry=name, launch=PLAIN,
            cache="auto", key="ab", **settings,
        )  # fmt: skip
        digest, body = encode_declaration(declaration)
        self.happen(Declare(digest, body))
        return digest

    def start(self, digest: bytes, mode: int = CACHE_AUTO, **options: object) -> Action | None:
        """A run; None when it ended at once."""
        self.next_run += 1
        name = f"run{self.next_run}"
        body = msgspec.msgpack.encode(RunOptions(**options))
        self.happen(RunRequest(1, name, digest, name.encode(), b"", KEY, mode, body, ()), self.client)
        run = self.state.runs.get(name)
        return self.state.live.get(run.id << 32) if run is not None else None

    def store(self, action: Action, payload: bytes) -> None:
        """The action runs and ends well."""
        self.arrive()
        self.finish(action, payload=payload)
        for key, number, outputs, duration, created_at in self.out.cached:
            self.cache[key] = (number, bytes(outputs), duration, created_at)


@pytest.fixture
def desk() -> CacheDesk:
    return CacheDesk()


def has_run(action: Action) -> bool:
    return action.lane is not None or action in action.shape.queue


def test_what_is_stored_is_taken(desk: CacheDesk) -> None:
    desk.cache[KEY] = (1, b"old", 2.0, desk.now)
    assert desk.start(desk.declare_cached()) is None
    assert bytes(desk.out.ended[0][1]) == b"old"


@pytest.mark.parametrize(("age_s", "is_taken"), [(9, True), (11, False)])
def test_an_older_result_than_max_age_is_not_used(desk: CacheDesk, age_s: float, is_taken: bool) -> None:
    desk.cache[KEY] = (1, b"old", 2.0, desk.now - age_s)
    assert (desk.start(desk.declare_cached(cache_max_age_s=10)) is None) is is_taken


def test_equal_calls_share_one_execution(desk: CacheDesk) -> None:
    digest = desk.declare_cached()
    first, second = desk.start(digest), desk.start(digest)
    assert first is not None
    assert second is not None
    assert has_run(first)
    assert not has_run(second)


def test_a_call_between_an_end_and_its_commit_takes_that_result(desk: CacheDesk) -> None:
    """Neither the store nor a twin that runs has it at that moment."""
    digest = desk.declare_cached()
    first = desk.start(digest)
    assert first is not None
    desk.arrive()
    desk.finish(first, payload=b"late")
    assert desk.start(digest) is None
    assert [bytes(row[1]) for row in desk.out.ended] == [b"late"]
    again = desk.start(digest, CACHE_OVERRIDE)
    assert again is not None
    assert has_run(again)


def test_calls_that_must_run_do_so_together(desk: CacheDesk) -> None:
    digest = desk.declare_cached()
    both = [desk.start(digest, overwrite_cache=True) for _ in range(2)]
    assert all(one is not None and has_run(one) for one in both)


def test_serialized_calls_that_must_run_wait_for_one_another(desk: CacheDesk) -> None:
    digest = desk.declare_cached(is_serialized=True)
    first, second = desk.start(digest, CACHE_OVERRIDE), desk.start(digest, overwrite_cache=True)
    third = desk.start(digest)
    assert first is not None
    assert second is not None
    assert third is not None
    assert [has_run(one) for one in (first, second, third)] == [True, False, False]
    desk.store(first, b"v")
    assert third.id not in desk.state.live  # it may take the result
    assert has_run(second)  # it may not: its turn has come
    desk.store(second, b"w")
    assert desk.cache[KEY][1] == b"w"
    assert not desk.state.live


def test_a_call_never_waits_for_the_one_that_waits_for_it(desk: CacheDesk) -> None:
    digest = desk.declare_cached()
    parent = desk.start(digest)
    assert parent is not None
    desk.arrive()
    assert parent.lane is not None
    desk.happen(Submit(parent.id, 1, digest, b"child", 1, b"", KEY, CACHE_AUTO), parent.lane.link)
    (child,) = (parent.children or {}).values()
    assert has_run(child)


def test_a_hit_that_the_worker_found_is_recorded(desk: CacheDesk) -> None:
    digest = desk.declare_cached()
    parent = desk.run(desk.declare("parent"))
    assert parent is not None
    desk.arrive()
    assert parent.lane is not None
    out = desk.happen(Hit(parent.id, digest, b"call", 1, b"in", b"out", KEY, 2.5, "group"), parent.lane.link)
    ((number, above, _, key, n, inputs, group, cache_key, _),) = out.accepted
    assert (number, above, key, n, inputs, group, cache_key) == (
        parent.id + 1, parent.id, b"call", 1, b"in", "group", KEY,
    )  # fmt: skip
    ((phase, outputs, *_, saved_s, _, ended),) = out.ended
    assert (phase, bytes(outputs), saved_s, ended) == (SUCCEEDED, b"out", 2.5, number)
    assert (parent.run.cached_count, parent.run.action_count) == (1, 2)
    assert out.cached == []
    assert not out.after
    assert list(desk.state.live) == [parent.id]


def test_a_hit_of_a_parent_that_runs_elsewhere_is_nothing(desk: CacheDesk) -> None:
    digest = desk.declare_cached()
    parent = desk.run(desk.declare("parent"))
    assert parent is not None
    desk.arrive()
    out = desk.happen(Hit(parent.id, digest, b"call", 1, b"", b"", KEY, 1.0), Source(77))
    assert not out.accepted
