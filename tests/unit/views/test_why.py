"""Explanations as text and HTML."""

from __future__ import annotations

from types import SimpleNamespace

from flytenb.views import why

DIFF = ' def f():\n-    return "<b>"\n+    return 2'


def differs(words: str, diff: str = "") -> SimpleNamespace:
    return SimpleNamespace(words=words, diff=diff)


def one(task: str, *differences: SimpleNamespace, headline: str = "it changed") -> SimpleNamespace:
    return SimpleNamespace(run="r1", action="a1", task=task, verdict="miss", headline=headline, differences=differences)


def run(*tasks: SimpleNamespace) -> SimpleNamespace:
    counts = {each.task: (0, 1) for each in tasks}
    return SimpleNamespace(run="r1", badge="0 of 2 cached", saved_s=0.0, tasks=tasks, counts=counts)


def test_what_tasks_share_is_shown_once():
    shared = differs("function `f` changed", DIFF)
    told = run(one("e.outer", shared), one("e.inner", shared))
    for page in (why.run_text(told), why.run_html(told)):
        assert page.count("return 2") == 1
        assert page.count("e.outer") == page.count("e.inner") == 1


def test_several_differences_are_a_list():
    told = run(one("e.outer", differs("input x was 1, is 2"), differs("function `f` changed", DIFF)))
    assert why.run_text(told).splitlines()[2:5] == [
        "    - input x was 1, is 2",
        "    - function `f` changed",
        "         def f():",
    ]
    assert why.run_html(told).count("<li>") == 2


def test_a_diff_stands_below_the_table_and_its_lines_wrap():
    page = why.run_html(run(one("e.outer", differs("function `f` changed", DIFF + "\n+" + "x" * 500))))
    table, _, below = page.partition("</table>")
    assert "return 2" not in table
    assert "white-space:pre-wrap;overflow-wrap:anywhere" in below
    assert "&lt;b&gt;" in below
    assert "<b>" not in below
    # Where styles are taken away, its lines are still lines.
    assert "return 2\n</span>" in below
