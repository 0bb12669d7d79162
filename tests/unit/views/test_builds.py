"""Images and virtual environments that a run waits for, as rows of its views."""

from __future__ import annotations

from msgspec.structs import replace

from flytenb.model.build import BUILDING, CACHED, DONE, ENVIRONMENT, FAILED, BuildLayer, BuildRow
from flytenb.model.snapshot import ActionRow, RunRow, RunSnapshot
from flytenb.views import builds, text, tree, twin

LAYERS = (
    BuildLayer(title="apt git", phase=CACHED),
    BuildLayer(title="pip pandas", phase=BUILDING, started_at=1010.0, lines=("Collecting pandas", "Installing")),
    BuildLayer(title="copy <files>"),
)
LIVE = BuildRow(id=3, digest="d", image="flytenb/data:5a", text="python + pip", started_at=1008.0, layers=LAYERS)
ROOT = ActionRow(id=1 << 32, name="a0", task="env.fit", short_name="fit", phase="waiting_for_resources",
                 accepted_at=1000.0, reason="builds image data: step 2 of 3, pip pandas, 12 s")  # fmt: skip


def run(*builds: BuildRow, phase: str = "waiting_for_resources") -> tree.RunView:
    row = RunRow(name="ab12", task="env.fit", phase=phase, created_at=1000.0, action_count=1)
    return tree.view(
        RunSnapshot(
            run=row,
            actions=(replace(ROOT, phase=phase, reason=ROOT.reason if phase == ROOT.phase else ""),),
            builds=builds,
            taken_at=1022.0,
        )
    )


def test_what_is_being_built_is_told_once_with_its_step_and_its_last_line() -> None:
    shown = text.render(run(LIVE))
    assert "  image        building, step 2 of 3, 14 s: image data" in shown
    assert "▶ 2/3 building: pip pandas" in shown
    assert "Installing" in shown
    assert "note" not in shown  # the reason of the wait says the same


def test_its_layers_are_rows_that_are_open() -> None:
    html = twin.render(run(LIVE))
    fold = html.index("image data")
    assert html.rindex("<details open", 0, fold) >= 0
    for word in ("Cached", "Building", "Waiting", "copy &lt;files&gt;", "Collecting pandas", "12.0 s"):
        assert word in html, word
    assert html.index("Layer</th>") < html.index("Action</th>") if "Action</th>" in html else True


def test_what_was_built_is_one_closed_line() -> None:
    done = replace(
        LIVE, phase=DONE, ended_at=1049.0, layers=tuple(replace(one, phase=DONE, lines=()) for one in LAYERS)
    )
    lines = text.render(run(done, phase="running")).splitlines()
    assert [line for line in lines if "image" in line] == ["  image        built, 41 s: image data"]
    html = twin.render(run(done, phase="running"))
    assert "<details style" in html[: html.index("image data")]
    assert "<details open" not in html[: html.index("image data")]


def test_a_failure_is_open_with_its_lines_and_where_the_rest_is() -> None:
    layers = (LAYERS[0], replace(LAYERS[1], phase=FAILED), LAYERS[2])
    failed = replace(LIVE, phase=FAILED, ended_at=1020.0, kind=ENVIRONMENT, layers=layers, error="no pandas")
    shown = text.render(run(failed, phase="failed"))
    assert "  env          failed, step 2 of 3, 12 s: virtual environment of python + pip" in shown
    assert "log: flytenb get build 3 --log" in shown
    html = twin.render(run(failed, phase="failed"))
    assert html.count("<details open") >= 2
    assert "Not started" in html


def test_a_pull_says_how_far_its_layers_are():
    pulled = BuildLayer(title="pull python:3.12", phase="building", said="1 of 2 layers, 3 of 9 MB", started_at=1.0)
    part = BuildLayer(title="layer 5a0c", phase="building", said="3 of 9 MB", lines=("3 of 9 MB",), started_at=1.0)
    row = BuildRow(id=1, digest="d", image="flytenb/data:1", started_at=1.0, layers=(pulled, part))
    (build,) = builds.builds([row], 3.0)
    assert [(one.word, one.said, one.lines) for one in build.layers] == [
        ("Pulling", "1 of 2 layers, 3 of 9 MB", ()),
        ("Pulling", "3 of 9 MB", ()),
    ]
    said = "\n".join(builds.text_lines([build]))
    assert "1/2 pulling: pull python:3.12\n" in said
    assert "1 of 2 layers, 3 of 9 MB" in said
    assert row.words(3.0) == "pulls python:3.12: 1 of 2 layers, 3 of 9 MB, 2 s"
