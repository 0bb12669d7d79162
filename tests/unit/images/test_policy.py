"""The policy as a table: every row is reached, every combination of facts is decided, facts are asked for sparingly."""

from itertools import product

import pytest

from flytenb.images.policy import TABLE, Decision, Words, decide, row_for

VALUES = {
    "executor": ("auto", "process", "docker"),
    "policy": ("auto", "strict", "ignore"),
    "has_image": (True, False),
    "asks_gpu": (True, False),
    "engine": (True, False),
    "hands_out_gpus": (True, False),
    "needs_container": (True, False),
    "has_own_base": (True, False),
    "satisfied": (True, False),
    "venv": (True, False),
}
WORDS = Words(
    layers='layer "apt git"',
    engine="no Docker engine answers",
    why="no socket; start Docker",
    missing="six is missing",
    venv="no uv",
    way="W",
)


def worlds():
    for values in product(*VALUES.values()):
        world = dict(zip(VALUES, values, strict=True))
        if world["has_own_base"] and not world["needs_container"]:
            continue
        if not world["has_image"] and (world["needs_container"] or world["has_own_base"]):
            continue
        yield world


def asked(world):
    """Decide with lazily told facts; returns the decision and what had to be told."""
    told = {name: world[name] for name in ("executor", "policy", "has_image", "asks_gpu")}
    first = len(told)
    while not isinstance(answer := decide(told, WORDS), Decision):
        assert answer not in told
        told[answer] = world[answer]
    return answer, list(told)[first:]


def test_every_combination_is_decided_and_every_row_is_reached():
    reached = set()
    for world in worlds():
        row = row_for(world)
        assert not isinstance(row, str)
        decision, _ = asked(world)
        assert decision.kind == row.kind
        reached.add(TABLE.index(row))
    assert reached == set(range(len(TABLE)))


@pytest.mark.parametrize(
    ("facts", "kind", "part"),
    [
        ({"executor": "docker", "engine": True}, "docker", "containers were asked for"),
        ({"executor": "docker", "engine": False}, "refused", "no engine for them: no socket; start Docker"),
        ({"policy": "ignore"}, "caller", "images are ignored"),
        ({"has_image": False}, "caller", "names no image"),
        ({"has_image": False, "asks_gpu": True, "executor": "process"}, "caller", "processes were asked for"),
        ({"engine": True}, "docker", "names an image and a Docker engine answers"),
        ({"engine": True, "asks_gpu": True}, "docker", "hands them out"),
        (
            {"engine": True, "asks_gpu": True, "hands_out_gpus": False, "policy": "strict"},
            "refused",
            "NVIDIA container",
        ),
        ({"engine": True, "asks_gpu": True, "hands_out_gpus": False}, "venv", "W"),
        ({"has_image": False, "asks_gpu": True}, "caller", "asks for a GPU and no Docker"),
        ({"needs_container": True, "policy": "strict"}, "refused", 'layer "apt git" can only be realised'),
        ({"needs_container": True, "has_own_base": True}, "caller", "needs a container"),
        ({"satisfied": True}, "caller", "satisfies every layer of the image; W"),
        ({}, "venv", "W"),
        ({"needs_container": True, "satisfied": True}, "caller", "satisfies all layers that need no container"),
        ({"needs_container": True}, "venv", "W"),
        (
            {"venv": False, "policy": "strict"},
            "refused",
            "(six is missing), no virtual environment can be made (no uv)",
        ),
        ({"venv": False}, "caller", "no virtual environment can be made; W"),
    ],
)
def test_rows(facts, kind, part):
    usual = {
        "executor": "auto", "policy": "auto", "has_image": True, "asks_gpu": False, "engine": False,
        "hands_out_gpus": True, "needs_container": False, "has_own_base": False, "satisfied": False, "venv": True,
    }  # fmt: skip
    decision, _ = asked({**usual, **facts})
    assert decision.kind == kind
    assert part in decision.reason
    assert "{" not in decision.reason + "".join(decision.notes)


def test_what_is_left_out_is_noted_with_its_name():
    for world in worlds():
        decision, _ = asked(world)
        loses = decision.kind in ("caller", "venv") and world["has_image"] and world["policy"] != "ignore"
        if loses and world["needs_container"]:
            assert 'layer "apt git"' in decision.notes[0]
        elif loses and decision.kind == "caller" and not world["satisfied"]:
            assert "six is missing" in decision.notes[0]
        else:
            assert decision.notes == ()


def test_strict_never_runs_with_less_than_was_asked_for():
    for world in worlds():
        decision, _ = asked(world)
        if world["policy"] == "strict" and decision.kind in ("caller", "venv"):
            assert not world["needs_container"]
            assert decision.kind == "venv" or world["satisfied"] or not world["has_image"]


def test_a_plain_environment_asks_for_nothing():
    for executor, policy in product(("auto", "process"), VALUES["policy"]):
        facts = {"executor": executor, "policy": policy, "has_image": False, "asks_gpu": False}
        assert isinstance(decide(facts, WORDS), Decision)


def test_docker_is_never_asked_where_processes_were_asked_for():
    for world in worlds():
        if world["executor"] == "process":
            assert "engine" not in asked(world)[1]


def test_refusals_name_their_error():
    codes = {(w["executor"] == "docker", asked(w)[0].code) for w in worlds() if asked(w)[0].kind == "refused"}
    assert codes == {(True, "ContainerEngineError"), (False, "ImageBuildError")}
