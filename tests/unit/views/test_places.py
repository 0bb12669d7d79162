"""Where environments ran, in every form."""

from msgspec.structs import replace
from view_samples import success

from flytenb.model.placement import Placement
from flytenb.views import text, tree, twin
from flytenb.views.places import Place, placement_text, places

PLAIN = Placement(executor="process", reason="its environment names no image", python="/usr/bin/python3")
VENV = Placement(
    executor="process",
    reason="no Docker engine answers",
    image="python:3.11-slim-bookworm + pip pandas<3 Scikit_Learn",
    environment="/home/environments/ab",
    distributions=("numpy==2.0.0", "pandas==2.2.3", "scikit-learn==1.5.0", "six==1.16.0"),
)
HERE = Placement(
    executor="process",
    reason="the caller's environment satisfies every layer of the image; no Docker engine answers",
    image="python:3.11-slim-bookworm + pip pandas",
    distributions=("pandas==2.2.3",),
)
LESS = Placement(
    executor="process",
    reason="the caller's environment satisfies all layers that need no container; no Docker engine answers",
    image="python:3.11-slim-bookworm + apt git",
    notes=('it runs in the caller\'s environment without layer "apt git": that needs a container and no Docker engine '
           "answers",),
)  # fmt: skip
BOX = Placement(executor="docker", reason="containers were asked for", image="company/base:3", image_id="sha256:1")


def ran(**numbers):
    """The sample run with actions of these tasks placed."""
    snapshot = success()
    actions = [replace(one, placement=numbers.get(one.short_name, 1)) for one in snapshot.actions]
    placements = {1: PLAIN, 2: VENV, 3: HERE, 4: LESS, 5: BOX}
    return tree.view(replace(snapshot, actions=tuple(actions), placements=placements))


def test_words():
    assert placement_text(VENV) == (
        "virtual environment (pandas 2.2.3, scikit-learn 1.5.0, 4 distributions), no Docker engine answers"
    )
    assert placement_text(HERE) == HERE.reason
    assert placement_text(BOX) == "container of company/base:3, containers were asked for"
    assert placement_text(PLAIN) == "the caller's environment: its environment names no image"


def test_plain_processes_have_nothing_to_tell():
    assert ran().places == ()


def test_one_line_for_each_environment_and_place():
    snapshot = success()
    actions = tuple(replace(one, placement=2) for one in snapshot.actions)
    assert places(actions, {2: VENV}) == (Place(environment="digits", text=placement_text(VENV)),)
    assert places(actions, {}) == ()


def test_text_shows_places_before_outputs():
    shown = text.render(ran(fit=2)).splitlines()
    assert "  env digits   virtual environment (pandas 2.2.3, scikit-learn 1.5.0, 4 distrib…" in shown


def test_text_shows_what_was_left_out_whole_and_within_its_limits():
    shown = text.render(ran(fit=4, split=2, evaluate=5))
    assert "! note       digits: it runs in the caller's environment without layer \"apt" in shown
    assert 'git": that needs a container and no Docker engine answers' in shown
    assert len(shown.splitlines()) <= 15
    assert max(map(len, shown.splitlines())) <= 80


def test_the_twin_shows_both():
    shown = twin.render(ran(fit=4, split=2))
    assert "<b>Note:</b> digits: it runs in the caller&#x27;s environment without layer &quot;apt git&quot;" in shown
    assert "env <b>digits</b>: virtual environment (pandas 2.2.3" in shown


def test_the_tag_of_an_image_that_was_made_here_is_left_out():
    made = Placement(executor="docker", reason="so", image="flytenb/data:69dfa0f59ade6e5fad842428")
    assert placement_text(made) == "container of flytenb/data, so"
    assert placement_text(replace(made, image="mine/data:1")) == "container of mine/data:1, so"
