"""What a run is expected to do still: rows and time left while it goes on, nothing of it after its end."""

from __future__ import annotations

from flytenb.views import text, tree, twin
from flytenb.views.ghosts import Expected, ExpectedTask, ghosts, left_s
from tests.unit.views.view_samples import T0, Builder


def expected(wall_s: float = 20.0, **tasks: tuple[int, float, float]) -> Expected:
    told = tuple(
        ExpectedTask(task=f"digits.{name}", short_name=name, count=count, seconds=seconds, span_s=span)
        for name, (count, seconds, span) in tasks.items()
    )
    return Expected(run="old", wall_s=wall_s, tasks=told)


BEFORE = expected(split=(1, 4.0, 4.0), fit=(24, 2.0, 12.0), report=(1, 4.0, 4.0))


def going() -> Builder:
    b = Builder("search", "running", 10.0).add("split", took=4.0)
    for i in range(12):
        b.add("fit", start=4, took=2.0)
    return b


def test_rows_that_are_to_come_stand_below_the_live_ones() -> None:
    view = tree.view(going().snapshot(), expected=BEFORE)
    assert [(node.kind, node.label) for node in view.nodes] == [
        ("action", "split"), ("siblings", "fit ×12"), ("ghost", "fit ×12"), ("ghost", "report"),
    ]  # fmt: skip
    assert view.nodes[2].why == "2.0 s each last time"
    assert view.nodes[3].why == "4.0 s last time"
    shown = text.render(view)
    assert "≈ 10 s left" in shown.splitlines()[0]
    assert "report" in shown
    assert "Not started" in shown
    html = twin.render(view)
    assert "≈ 10 s left" in html
    assert html.count("opacity:.5") >= 6
    assert "~ 10 s left" in text.render(view, ascii_only=True)


def test_after_the_end_nothing_is_expected() -> None:
    view = tree.view(Builder("search", "succeeded", 10.0).add("split").snapshot(), expected=BEFORE)
    assert [node.kind for node in view.nodes] == ["action"]
    assert view.left_s is None
    assert "left" not in text.render(view)
    assert "expected" not in twin.render(view)


def test_time_left_follows_what_is_done() -> None:
    def left(count: int, elapsed: float = 10.0) -> float | None:
        b = Builder("search", "running", elapsed)
        for i in range(count):
            b.add("fit", start=0, took=2.0)
        only = expected(20.0, fit=(24, 2.0, 20.0))
        return left_s(only, {"digits.fit": b.actions[1:]}, elapsed, T0 + elapsed)

    assert [left(count) for count in (0, 6, 12, 24)] == [20.0, 15.0, 10.0, None]
    assert left(48) is None  # more calls than last time, all of them over


def test_nobody_knows_when_an_action_takes_much_longer() -> None:
    b = Builder("search", "running", 30.0).add("fit", "running", start=0)
    only = expected(20.0, fit=(1, 2.0, 20.0))
    assert left_s(only, {"digits.fit": b.actions[1:]}, 30.0, T0 + 30) is None
    assert left_s(only, {"digits.fit": b.actions[1:]}, 1.0, T0 + 1) == 10.0


def test_a_task_without_children_takes_what_it_took() -> None:
    assert left_s(expected(20.0), {}, 5.0, T0 + 5) == 15.0
    assert left_s(expected(20.0), {}, 19.8, T0 + 19.8) is None
    assert left_s(expected(20.0), {}, 40.0, T0 + 40) is None
    assert ghosts(expected(20.0), {}) == []


def test_what_changed_stands_in_the_state_line() -> None:
    b = Builder("search", "succeeded", 4.0).add("fit", is_cached=True, saved_s=2.0).add("fit").add("fit")
    view = tree.view(b.snapshot(), why="clean <b>changed</b>")
    assert text.state_line(view).endswith("4.0 s, 1 cached (saved 2.0 s), clean <b>changed</b>")
    assert "clean &lt;b&gt;changed&lt;/b&gt;" in twin.render(view)
