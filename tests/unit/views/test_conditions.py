"""What a run asks, in text and HTML."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flytenb.model.outcome import Failure
from flytenb.model.snapshot import ActionRow, ConditionRow, RunSnapshot
from flytenb.views import conditions, text, tree, twin
from tests.unit.views.view_samples import T0, Builder

HOSTILE = "<script>alert(1)</script>\x1b[31m\nDeploy?"


def asked(prompt: str = "Deploy to production?", **more: object) -> RunSnapshot:
    row = ConditionRow(
        run="k7p2", action="a2", parent="a0", name="deploy", prompt=prompt, phase="paused", since=T0 + 1, **more
    )
    builder = Builder("release", "running", 30.0).add("load", took=1.0)
    builder.add("deploy", "paused", 1.0, ended_at=0.0, reason=f"waits for an answer: {prompt}", condition=row)
    return builder.snapshot()


def test_a_run_that_asks_says_how_to_answer() -> None:
    shown = text.render(tree.view(asked()))
    assert "  deploy       Paused" in shown
    assert "waits for an answer: Deploy to production?" in shown
    assert "  asks         Deploy to production?\n  answer       %flyte_signal k7p2/a2 true\n" in shown
    shell = text.render(tree.view(asked(data_type="float")), surface="shell")
    assert "  answer       flytenb signal condition k7p2 a2 0.5\n" in shell
    page = twin.render(tree.view(asked(description="version 7")))
    assert "<b>Deploy to production?</b>" in page
    assert "version 7" in page
    assert "<code>%flyte_signal k7p2/a2 true</code>" in page


def test_an_answer_stays_to_be_read() -> None:
    before = asked()
    row = replace(
        before.actions[2].condition, phase="succeeded", value=True, answered_by="ada", answered_from="http",
        answered_at=T0 + 9,
    )  # fmt: skip
    done = replace(before.actions[2], phase="succeeded", reason="", condition=row, ended_at=T0 + 9)
    shown = text.render(tree.view(replace(before, actions=(*before.actions[:2], done))))
    assert "True, by ada (http), 21 Nov 2026, " in shown
    assert "asks" not in shown


@pytest.mark.parametrize("field", ["prompt", "description"])
def test_questions_are_shown_as_text(field: str) -> None:
    snapshot = asked(**{field: HOSTILE})
    page = twin.render(tree.view(snapshot))
    assert "<script>" not in page
    assert "\x1b" not in page
    shown = text.render(tree.view(snapshot))
    assert "\x1b" not in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
    hint = conditions.hint(snapshot.actions[2].condition)
    assert "\n" not in hint
    assert "\x1b" not in hint


def test_hints() -> None:
    row: ConditionRow = asked().actions[2].condition
    assert conditions.hint(row) == (
        "run k7p2 waits for an answer: Deploy to production?  →  flytenb signal condition k7p2 a2 true"
    )
    limited = replace(row, timeout_s=60.0, expires_at=T0 + 61)
    assert conditions.hint(limited).startswith("run k7p2 waits for an answer (until 21 Nov 2026, ")
    assert conditions.state_words(row).startswith("waits for a bool since 21 Nov 2026, ")
    assert conditions.state_words(replace(row, phase="timed_out")) == "timed out"


def test_an_aborted_run_says_why() -> None:
    failure = Failure(code="ActionAbortedError", message="task 'digits.fit' was aborted: <wrong> data")
    snapshot = Builder("fit", "aborted", 3.0).snapshot()
    row: ActionRow = replace(snapshot.actions[0], failure=failure)
    snapshot = replace(snapshot, actions=(row,))
    assert "\n  task 'digits.fit' was aborted: <wrong> data" in text.render(tree.view(snapshot))
    assert "was aborted: &lt;wrong&gt; data" in twin.render(tree.view(snapshot))
