"""Misspelt keywords."""

from __future__ import annotations

import inspect

import pytest

import flytenb as flyte


def test_of_a_task() -> None:
    env = flyte.TaskEnvironment(name="a")
    with pytest.raises(TypeError, match=r'^task\(\) has no setting "chache"; did you mean "cache"\?$'):

        @env.task(chache="auto")
        def fit(x: int) -> int:
            return x


def test_of_an_environment() -> None:
    with pytest.raises(TypeError, match=r'^TaskEnvironment\(\) has no setting "resource"; did you mean "resources"\?$'):
        flyte.TaskEnvironment(name="a", resource=None)
    with pytest.raises(TypeError, match=r'has no setting "zzz"; there are name, '):
        flyte.TaskEnvironment(name="a", zzz=1)


def test_the_signature_is_the_same() -> None:
    assert "resources" in inspect.signature(flyte.TaskEnvironment).parameters
    assert "retries" in inspect.signature(flyte.TaskEnvironment.task).parameters


def test_errors_of_what_is_called_inside_are_left_alone() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        flyte.TaskEnvironment()
