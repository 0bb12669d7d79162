"""Where values of secrets come from, who is told, and what becomes of an action without them."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from flytenb.model.declaration import Reuse
from flytenb.model.events import Loaded, Offer, Recovered, RunOptions, Submit
from flytenb.model.image import SecretSpec
from flytenb.model.outcome import decode_failure
from flytenb.model.phases import FAILED
from flytenb.model.tags import EXECUTE, PREPARE, SECRETS
from flytenb.rules.secrets import GRACE_S
from tests.unit.rules.desk import PLAIN, Desk

KEY = SecretSpec(key="api-key", variable="API_KEY")
LAUNCH = replace(PLAIN, secrets=(KEY,))


def told(desk: Desk) -> list[bytes]:
    return [value for message in desk.sent(SECRETS) for *_, value in message[2]]


def test_the_store_comes_before_the_submitter_and_the_engine() -> None:
    desk = Desk(cpus=4)
    stored = {"api-key": b"stored"}
    desk.state.find_secret = lambda key, group: stored.get(key)
    desk.state.find_variable = {"API_KEY": b"engine"}.get
    task = desk.declare(launch=LAUNCH)
    assert desk.run(task, secrets=[("api-key", "", b"sent")]) is not None
    desk.arrive()
    assert told(desk) == [b"stored"]
    assert [message[0] for _, message in desk.out.before][-2:] == [SECRETS, EXECUTE]
    stored.clear()
    for sent, expected in (([("api-key", "", b"sent")], b"sent"), ([], b"engine")):
        root = desk.run(task, secrets=sent)
        assert root is not None
        desk.arrive()
        assert told(desk) == [expected]


def test_what_is_nowhere_is_refused_before_the_run_starts() -> None:
    desk = Desk()
    spec = SecretSpec(key="db-password", group="team", mount="/etc/flyte/secrets")
    assert desk.run(desk.declare(launch=replace(PLAIN, secrets=(spec,)))) is None
    answer = desk.answer()
    assert answer["code"] == "SecretNotFoundError"
    for word in ("'db-password'", "'team'", "'env'", "secret set db-password --group team", "TEAM_DB_PASSWORD"):
        assert word in answer["message"]
    assert not desk.state.runs
    assert not desk.state.live
    assert not desk.out.runs


@pytest.mark.parametrize(
    ("spec", "value", "words"),
    [
        (KEY, b"a\0b", "zero byte"),
        (SecretSpec(key="../evil", mount="/etc/flyte/secrets"), b"x", "file of that name"),
    ],
    ids=["zero byte", "path"],
)
def test_values_that_cannot_be_delivered(spec: SecretSpec, value: bytes, words: str) -> None:
    desk = Desk()
    task = desk.declare(launch=replace(PLAIN, secrets=(spec,)))
    assert desk.run(task, secrets=[(spec.key, "", value)]) is None
    assert words in desk.answer()["message"]
    assert value.decode() not in desk.answer()["message"] or value == b"x"


def test_a_child_without_its_secret_fails_and_its_parent_hears_why() -> None:
    desk = Desk()
    root = desk.run(desk.declare("parent"))
    desk.arrive()
    assert root is not None
    assert root.lane is not None
    digest = desk.declare("child", LAUNCH)
    desk.happen(Submit(root.id, 1, digest, b"k", 1, b""), root.lane.link)
    (row,) = desk.out.ended
    assert row[0] == FAILED
    assert decode_failure(bytes(row[1])).code == "SecretNotFoundError"
    assert not root.is_parked


def test_other_values_wait_for_a_worker_without_work() -> None:
    """Two runs with different values of a variable do not meet in one process."""
    desk = Desk(cpus=1)
    task = desk.declare(launch=replace(LAUNCH, reuse=Reuse(max_replicas=1, concurrency=4)))
    one = desk.run(task, secrets=[("api-key", "", b"1")])
    desk.arrive()
    two = desk.run(task, secrets=[("api-key", "", b"2")])
    same = desk.run(task, secrets=[("api-key", "", b"1")])
    assert one is not None
    assert two is not None
    assert same is not None
    assert one.lane is not None
    assert two.lane is None
    desk.finish(one)
    for action in (same, two):
        if action.lane is not None and action is not two:
            desk.finish(action)
    assert two.lane is not None
    assert told(desk) == [b"2"]


def test_a_spare_gets_ready_with_the_last_values_and_serves_no_others() -> None:
    desk = Desk()
    task = desk.declare(launch=replace(LAUNCH, isolation="strict"))
    one = desk.run(task, secrets=[("api-key", "", b"1")])
    desk.arrive()
    assert one is not None
    assert one.lane is not None
    assert [message[0] for _, message in desk.out.before][-2:] == [SECRETS, PREPARE]
    same = desk.run(task, secrets=[("api-key", "", b"1")])
    assert same is not None
    assert same.lane is not None
    desk.finish(one)
    desk.finish(same)
    desk.wait(0.03)
    desk.arrive()
    assert any(lane.secrets and not lane.is_used for lane in desk.state.lanes.values())
    other = desk.run(task, secrets=[("api-key", "", b"3")])
    desk.arrive()
    assert other is not None
    assert other.lane is not None
    assert [value for *_, value in other.lane.secrets] == [b"3"]


def recovered(desk: Desk) -> int:
    task = desk.declare(launch=LAUNCH)
    options = RunOptions()
    event = Recovered(
        7, "old", 1, msgspec.msgpack.encode(options), desk.state.tasks[task].id, b"k", b"", 1, desk.now, b"", 0
    )
    desk.happen(event)
    desk.happen(Loaded(7 << 32, [], []))
    return 7 << 32


def test_after_an_engine_restart_the_submitter_sends_values_again() -> None:
    desk = Desk()
    root = desk.state.live[recovered(desk)]
    assert not desk.spawned()
    desk.happen(Offer("old", (("api-key", "", b"again"),)))
    desk.arrive()
    assert root.lane is not None
    assert told(desk) == [b"again"]
    desk.wait(GRACE_S + 1)
    assert root.id in desk.state.live


def test_after_an_engine_restart_without_the_submitter_the_action_says_so() -> None:
    desk = Desk()
    recovered(desk)
    desk.wait(GRACE_S / 2)
    assert not desk.out.ended
    desk.wait(GRACE_S)
    failure = decode_failure(bytes(desk.out.ended[0][1]))
    assert failure.code == "SecretNotFoundError"
    assert "started anew" in failure.message
    assert "secret set api-key" in failure.message
    assert not desk.state.unprovided


def test_an_offer_replaces_nothing() -> None:
    desk = Desk()
    root = desk.run(desk.declare(launch=LAUNCH), secrets=[("api-key", "", b"1")])
    assert root is not None
    desk.happen(Offer("run1", (("api-key", "", b"2"),)))
    desk.happen(Offer("nobody", (("api-key", "", b"2"),)))
    desk.arrive()
    assert told(desk) == [b"1"]


def test_values_are_in_no_text() -> None:
    assert "hush" not in repr(Offer("r", (("k", "", b"hush"),)))
