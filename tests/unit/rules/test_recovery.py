"""A run that recovers another: which result of it a call gets, and why one runs."""

from __future__ import annotations

import random

import msgspec
import pytest

from flytenb.model.declaration import TaskDeclaration, encode_declaration
from flytenb.model.events import Declare, RunOptions, RunRequest, SourceRead, Submit
from flytenb.model.outcome import decode_failure
from flytenb.model.phases import ABORTED, FAILED, QUEUED, RECOVERED, SUCCEEDED
from flytenb.model.recovery import CHECKPOINT_KEY, REASONS, recovery_words
from flytenb.model.tags import REPLAY, RESOLVE, RUN_INFO
from flytenb.rules.source import Source
from flytenb.rules.state import Action
from tests.unit.rules.desk import PLAIN, Desk

BEFORE = 7 << 32
KEY = b"k" * 16


class RecoveryDesk(Desk):
    """A desk with an earlier run "before" of number 7: its root, and what a test adds."""

    def __init__(self) -> None:
        super().__init__(4)
        self.outputs: dict[int, tuple[bytes, bool]] = {}
        self.state.find_outputs = self.outputs.get
        self.rows: list[tuple[int, int, int, bytes, int, int, bytes]] = []
        self.traces: list[tuple[object, ...]] = []
        self.main = self.declare_code("main", "aa")
        self.item = self.declare_code("item", "bb")
        self.record(self.main, b"root", FAILED, index=0, key=b"r" * 16)

    def declare_code(self, name: str, code: str) -> bytes:
        declaration = TaskDeclaration(
            name=f"env.{name}", short_name=name, environment="env", program=code, entry=name, launch=PLAIN, code=code
        )
        digest, body = encode_declaration(declaration)
        self.happen(Declare(digest, body))
        return digest

    def record(self, digest: bytes, inputs: bytes, phase: int, *, index: int, key: bytes = KEY, n: int = 1) -> None:
        """An action of the earlier run."""
        number = BEFORE | index
        task = self.state.tasks[digest].id
        self.rows.append((number, BEFORE if index else 0, task, key, n, phase, inputs))
        if phase in (SUCCEEDED, RECOVERED):
            self.outputs[number] = (b"out%d" % index, True)

    def begin(self, digest: bytes | None = None, inputs: bytes = b"root", **options: object) -> Action:
        """The run that recovers it."""
        names = {number: task.declaration.name for number, task in self.state.tasks_by_id.items()}
        known = {"force": options.pop("force_rerun", ()), "trusted": options.pop("trusted", ())}
        making = bool(options.pop("is_making_lost", False))
        source = Source("before", 7, self.rows, self.traces, names, is_making_lost=making, **known)
        self.happen(SourceRead("after", source))
        body = msgspec.msgpack.encode(RunOptions(recover_from="before"))
        self.happen(RunRequest(1, "after", digest or self.main, b"after", inputs, b"", 0, body, ()), self.client)
        self.noted = list(self.out.recovered)
        root = self.state.live[self.state.runs["after"].id << 32]
        self.arrive()
        return root

    def submit(self, root: Action, digest: bytes, inputs: bytes, key: bytes = KEY, n: int = 1, call: int = 1) -> int:
        """A child call; the phase that it has now."""
        assert root.lane is not None
        self.happen(Submit(root.id, call, digest, key, n, inputs), root.lane.link)
        number = self.out.accepted[0][0]
        living = self.state.live.get(number)
        return living.phase if living is not None else self.out.ended[0][0]

    @property
    def why(self) -> tuple[str, str]:
        """Source and reason that the last step noted."""
        ((_, source, why),) = self.out.recovered
        return source, why


@pytest.fixture
def desk() -> RecoveryDesk:
    return RecoveryDesk()


def test_a_result_that_holds_ends_the_call_at_once(desk: RecoveryDesk) -> None:
    desk.record(desk.item, b"5", SUCCEEDED, index=3)
    root = desk.begin()
    assert desk.submit(root, desk.item, b"5") == RECOVERED
    assert desk.why == ("before/a3", "")
    ((tag, parent, call, phase, outputs, _),) = desk.sent(RESOLVE)
    assert (tag, parent, call, phase, outputs) == (RESOLVE, root.id, 1, RECOVERED, b"out3")
    assert desk.out.ended[0][1] == b"out3"
    assert root.run.failed_count == root.run.cached_count == 0
    assert not desk.executed()


def test_workers_hear_that_the_engine_answers(desk: RecoveryDesk) -> None:
    body = msgspec.msgpack.encode(RunOptions(recover_from="before"))
    desk.begin()
    assert root_info(desk)["recover_from"] == "before"
    assert msgspec.msgpack.decode(body)["recover_from"] == "before"


def root_info(desk: RecoveryDesk) -> dict[str, object]:
    return msgspec.msgpack.decode(desk.state.runs["after"].info)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("recorded", "code", "inputs", "why"),
    [
        (FAILED, "bb", b"5", "failed"),
        (FAILED, "cc", b"5", "failed"),
        (ABORTED, "bb", b"5", "unfinished"),
        (QUEUED, "bb", b"5", "unfinished"),
        (SUCCEEDED, "cc", b"5", "changed"),
        (SUCCEEDED, "", b"5", "unkeyed"),
        (SUCCEEDED, "bb", b"6", "inputs"),
        (None, "bb", b"5", "new"),
    ],
)
def test_why_a_call_runs(desk: RecoveryDesk, recorded: int | None, code: str, inputs: bytes, why: str) -> None:
    if recorded is not None:
        desk.record(desk.item, b"5", recorded, index=1)
    now = desk.declare_code("item", code)
    root = desk.begin()
    key = KEY if inputs == b"5" else b"o" * 16
    assert desk.submit(root, now, inputs, key) < SUCCEEDED
    assert desk.why[1] == why
    assert why in REASONS
    assert recovery_words(*desk.why, "before")


def test_other_groups_find_a_call_by_its_inputs(desk: RecoveryDesk) -> None:
    desk.record(desk.item, b"5", SUCCEEDED, index=1, key=b"g" * 16)
    root = desk.begin()
    assert desk.submit(root, desk.item, b"5", b"h" * 16) == RECOVERED
    assert desk.submit(root, desk.main, b"5", b"i" * 16, call=2) != RECOVERED  # another task


def test_equal_calls_get_their_own_results(desk: RecoveryDesk) -> None:
    for n in (1, 2, 3):
        desk.record(desk.item, b"5", SUCCEEDED, index=n, n=n)
    root = desk.begin()
    found = []
    for n in (2, 3, 1, 4):
        desk.submit(root, desk.item, b"5", n=n, call=n)
        found.append(desk.why[0])
    assert found == ["before/a2", "before/a3", "before/a1", "before"]
    assert desk.why[1] == "fewer"


@pytest.mark.parametrize("named", ["a1", "item", "env.item"])
def test_what_was_listed_runs_all_the_same(desk: RecoveryDesk, named: str) -> None:
    desk.record(desk.item, b"5", SUCCEEDED, index=1)
    root = desk.begin(force_rerun=[named])
    assert desk.submit(root, desk.item, b"5") < SUCCEEDED
    assert desk.why == ("before/a1", "forced")


@pytest.mark.parametrize("named", ["item", "env.item", "*"])
def test_what_is_trusted_counts_whatever_its_code_was(desk: RecoveryDesk, named: str) -> None:
    desk.record(desk.item, b"5", SUCCEEDED, index=1)
    desk.record(desk.item, b"6", FAILED, index=2, key=b"6" * 16)
    now = desk.declare_code("item", "cc")
    root = desk.begin(trusted=[named])
    assert desk.submit(root, now, b"5") == RECOVERED
    assert desk.why == ("before/a1", "trusted")
    desk.submit(root, now, b"6", b"6" * 16, call=2)
    assert desk.why == ("before/a2", "failed")


def test_lost_outputs_fail_or_are_made_again(desk: RecoveryDesk) -> None:
    desk.record(desk.item, b"5", SUCCEEDED, index=1)
    desk.outputs[BEFORE | 1] = (b"out", False)
    root = desk.begin()
    assert desk.submit(root, desk.item, b"5") == FAILED
    failure = decode_failure(bytes(desk.out.ended[0][1]))
    assert failure.code == "SourceRunOutputsUnavailableError"
    assert "allow_missing_source_outputs=True" in failure.message
    other = RecoveryDesk()
    other.record(other.item, b"5", SUCCEEDED, index=1)
    root = other.begin(is_making_lost=True)
    other.outputs.clear()
    assert other.submit(root, other.item, b"5") < SUCCEEDED
    assert other.why == ("before/a1", "lost")


def test_traces_of_equal_code_and_the_checkpoint_of_any_are_taken_up(desk: RecoveryDesk) -> None:
    desk.record(desk.item, b"5", FAILED, index=1)
    checkpoint = (BEFORE | 1, CHECKPOINT_KEY, 1, "checkpoint", 1.0, 0.1, 1, b"", b"kept")
    traced = (BEFORE | 1, b"t" * 16, 1, "ask", 1.0, 0.1, 1, b"", b"told")
    desk.traces += [checkpoint, traced]
    root = desk.begin()
    desk.submit(root, desk.item, b"5")
    child = desk.out.accepted[0][0]
    assert [row[:2] for row in desk.out.traces] == [(child, CHECKPOINT_KEY), (child, b"t" * 16)]
    assert {row[3] for row in desk.state.live[child].replay or ()} == {b"kept", b"told"}
    desk.arrive()
    assert [message[1] for message in desk.sent(REPLAY)] == [child]
    now = desk.declare_code("item", "cc")
    desk.submit(root, now, b"5", call=2, n=1)
    assert [row[1] for row in desk.out.traces] == [CHECKPOINT_KEY]


@pytest.mark.parametrize(("inputs", "count"), [(b"root", 1), (b"other", 0)])
def test_a_root_takes_up_what_it_left_if_its_inputs_are_the_same(desk: RecoveryDesk, inputs: bytes, count: int) -> None:
    desk.traces.append((BEFORE, b"t" * 16, 1, "ask", 1.0, 0.1, 1, b"", b"told"))
    root = desk.begin(inputs=inputs)
    assert len(root.replay or ()) == count
    assert desk.noted == [(root.id, "before/a0", "failed")]


def test_an_ordinary_run_pays_nothing(desk: RecoveryDesk) -> None:
    root = desk.run(desk.main)
    assert root is not None
    desk.arrive()
    desk.submit(root, desk.item, b"5")
    assert desk.out.recovered == []
    assert root.recovery is None
    assert RUN_INFO not in [message[0] for _, message in desk.out.after]


@pytest.mark.parametrize("seed", range(60))
def test_random_pasts_against_an_oracle(seed: int) -> None:
    """What a call gets follows from the past alone: the same call, its code, how it ended, and what was listed."""
    chance = random.Random(seed)
    desk = RecoveryDesk()
    codes = ["", "x", "y"]
    names = ["f", "g"]
    now = {name: (code := chance.choice(codes), desk.declare_code(name, code)) for name in names}
    past = []
    for index in range(1, chance.randrange(2, 30)):
        name, code, inputs = chance.choice(names), chance.choice(codes), b"%d" % chance.randrange(3)
        phase = chance.choice([SUCCEEDED, SUCCEEDED, RECOVERED, FAILED, ABORTED, QUEUED])
        digest = desk.declare_code(name, code)
        n = 1 + sum(one[:2] == (name, inputs) for one in past)
        desk.record(digest, inputs, phase, index=index, key=name.encode() + inputs, n=n)
        past.append((name, inputs, code, phase, f"a{index}"))
    forced = set(chance.sample(names, chance.randrange(2)))
    trusted = set(chance.sample(names, chance.randrange(2)))
    root = desk.begin(force_rerun=sorted(forced), trusted=sorted(trusted))
    counts: dict[tuple[str, bytes], int] = {}
    for call in range(1, 25):
        name, inputs = chance.choice(names), b"%d" % chance.randrange(4)
        counts[name, inputs] = n = counts.get((name, inputs), 0) + 1
        code, digest = now[name]
        phase = desk.submit(root, digest, inputs, name.encode() + inputs, n, call)
        equal = [one for one in past if one[:2] == (name, inputs)]
        before = (
            equal[n - 1] if n <= len(equal) else None
        )  # equal calls may give different results: the n-th is the n-th
        is_done = before is not None and before[3] in (SUCCEEDED, RECOVERED)
        source, why = desk.why
        if name in forced:
            assert (phase < SUCCEEDED, why) == (True, "forced")
        elif before is not None and is_done and (before[2] == code != "" or name in trusted):
            assert (phase, why) == (RECOVERED, "" if before[2] == code != "" else "trusted")
            assert source == f"before/{before[4]}"
        elif before is not None:
            assert phase < SUCCEEDED
            assert why in (("changed", "unkeyed") if is_done else ("failed", "unfinished"))
        else:
            assert phase < SUCCEEDED
            assert why in (("fewer",) if equal else ("inputs", "new"))


def test_many_parents_that_made_the_same_call(desk: RecoveryDesk) -> None:
    for index in range(1, 201):
        desk.record(desk.item, b"5", SUCCEEDED, index=index)
        desk.rows[-1] = (desk.rows[-1][0], BEFORE | (1000 + index), *desk.rows[-1][2:])
    desk.begin()
    source = desk.state.runs["after"].source
    assert source is not None
    for index in (1, 77, 200):
        (found,) = source.equals("env.item", KEY, 1, b"5", BEFORE | (1000 + index))
        assert found.id == BEFORE | index
    assert len(source.equals("env.item", KEY, 1, b"5", 0)) == 64
