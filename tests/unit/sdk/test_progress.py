import asyncio

import pytest

import flytenb as flyte
from flytenb.model.snapshot import ActionRow, Advance
from flytenb.views import progress as shown


@pytest.fixture
def said(port):
    port.progress = lambda *words: said.append(words[:3])
    said = []
    return said


def test_outside_tasks_nothing_happens():
    flyte.progress(1, 2)
    assert list(flyte.progress("ab")) == ["a", "b"]


def test_numbers_and_words(said):
    flyte.progress(3, 10, "files")
    flyte.progress(4)
    assert said == [(3.0, 10.0, "files"), (4.0, 0.0, "")]


def test_what_is_iterated_is_counted(said):
    assert list(flyte.progress([5, 6], text="files")) == [5, 6]
    assert said == [(0.0, 2.0, "files"), (1.0, 2.0, "files"), (2.0, 2.0, "files")]
    assert list(flyte.progress(iter("x"))) == ["x"]
    assert said[-1] == (1.0, 0.0, "")
    assert len(flyte.progress(range(7))) == 7


def test_asynchronous_items(said):
    async def items():
        yield 1
        yield 2

    async def body():
        assert [item async for item in flyte.progress(items(), total=2)] == [1, 2]
        assert [item async for item in flyte.progress([1])] == [1]

    asyncio.run(body())
    assert said[2] == (2.0, 2.0, "")


def test_refusals():
    with pytest.raises(TypeError, match="done is a NoneType; write a number, or an iterable"):
        flyte.progress(None)
    with pytest.raises(ValueError, match="total is -1; write a number from 0 on"):
        flyte.progress(1, -1)
    with pytest.raises(ValueError, match="done is nan"):
        flyte.progress(float("nan"))
    with pytest.raises(TypeError, match="give it total="):
        len(flyte.progress(iter([])))


def row(phase="running", **said):
    return ActionRow(
        id=1, name="a1", task="e.t", short_name="t", phase=phase, progress=Advance(**said) if said else None
    )


def test_words_and_bars():
    one = row(done=340, total=1000, text="batches", elapsed_s=10, at=100)
    assert shown.words_of(one, 105) == "34 %, batches: 340 of 1,000, 14 s left"
    assert shown.line(one, 105, ascii_only=True) == "###....... 34 %, batches: 340 of 1,000, 14 s left"
    assert shown.words_of(row(done=3.5), 0) == "3.5"
    assert shown.words_of(row("succeeded", done=3, total=3, text="files"), 0) == "files: 3 of 3"
    assert shown.words_of(row("succeeded"), 0) == ""
    assert shown.words_of(row("failed", done=999, total=1000, elapsed_s=9), 0) == "99 %, 999 of 1,000"
    assert "width:34%" in shown.bar_html(shown.share([one]))
    assert shown.bar_html(None) == ""


def test_siblings_are_as_far_as_they_are_together():
    members = [row("succeeded"), row(done=1, total=2, elapsed_s=5, at=10), row("running"), row("running")]
    assert shown.share(members) == pytest.approx(0.375)
    assert shown.words_of_many(members, 10) == "37 %, 5.0 s left"
    assert shown.share([row("running")]) is None


def child(name, parent, phase="running", **said):
    return ActionRow(
        id=2, name=name, parent=parent, task="e.c", short_name="c", phase=phase,
        progress=Advance(**said) if said else None,
    )  # fmt: skip


def test_a_parent_that_says_nothing_is_as_far_as_its_children():
    below = [child("a2", "a1", "succeeded"), child("a3", "a1", done=1, total=2), child("a4", "a1", "queued")]
    children = {"a1": below, "a3": [child("a5", "a3", "succeeded")]}
    assert shown.share([row()], children) == pytest.approx(0.5)
    assert shown.words_of_children(row(), below) == "1 of 3 calls done"
    assert shown.share([row(done=1, total=10)], children) == pytest.approx(0.1)  # its own word goes before
    assert shown.share([row("succeeded")], children) is None
    assert shown.words_of_children(row("failed"), below) == shown.words_of_children(row(), []) == ""
    grand = {"a1": [child("a2", "a1"), child("a3", "a1")], "a3": [child("a4", "a3", "succeeded"), child("a5", "a3")]}
    assert shown.share([row()], grand) == pytest.approx(0.25)
    assert shown.words_of_many([row(), child("a9", "a0", "queued")], 0, grand) == "12 %"
