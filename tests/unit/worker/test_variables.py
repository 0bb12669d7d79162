"""Variables of actions in a process that is not theirs."""

from __future__ import annotations

import os

import pytest

from flytenb.worker.variables import Variables


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTENB_TEST_THERE", "before")
    monkeypatch.delenv("FLYTENB_TEST_NEW", raising=False)


def _seen() -> tuple[str | None, str | None]:
    return os.environ.get("FLYTENB_TEST_THERE"), os.environ.get("FLYTENB_TEST_NEW")


@pytest.mark.parametrize("first_to_leave", [1, 2])
def test_set_while_somebody_asks_and_put_back_after(first_to_leave: int) -> None:
    variables = Variables()
    variables.enter(1, {"FLYTENB_TEST_THERE": "one", "FLYTENB_TEST_NEW": "one"})
    assert _seen() == ("one", "one")
    variables.enter(2, {"FLYTENB_TEST_THERE": "two"})
    variables.enter(3, {})
    assert _seen() == ("two", "one")
    variables.leave(first_to_leave)
    assert _seen() == {1: ("two", None), 2: ("one", "one")}[first_to_leave]
    variables.leave(3 - first_to_leave)
    variables.leave(3)
    assert _seen() == ("before", None)


def test_what_a_body_changes_itself_ends_with_it() -> None:
    variables = Variables()
    variables.enter(1, {"FLYTENB_TEST_NEW": "asked"})
    os.environ["FLYTENB_TEST_NEW"] = "changed"
    variables.leave(1)
    assert _seen() == ("before", None)
