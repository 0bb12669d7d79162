from __future__ import annotations

from typing import Any

import pytest

from flytenb import errors
from flytenb.cli.options import UsageError, inputs_of, split
from flytenb.codec.interface import Interface


def task(cs: list[float], x_list: str = "", verbose: bool = False, name: str = "n") -> int:
    return 0


INTERFACE = Interface.of(task, task_name="demo.task")


def taken(*words: str) -> tuple[dict[str, Any], dict[str, Any]]:
    parsed = split(words)
    inputs = inputs_of(parsed, INTERFACE, "demo.task")
    return inputs, parsed.given


def test_inputs_and_options_on_both_sides() -> None:
    inputs, given = taken("-e", "A=1", "f.py", "task", "--cs", "[0.1, 1]", "--x-list=a", "--follow", "-o", "json")
    assert inputs == {"cs": [0.1, 1], "x_list": "a"}
    assert given == {"env": ["A=1"], "follow": True, "output": "json"}


def test_bool_is_a_flag_or_a_word() -> None:
    assert taken("f.py", "t", "--verbose", "--cs", "[]")[0]["verbose"] is True
    assert taken("f.py", "t", "--verbose", "false", "--cs", "[]")[0]["verbose"] is False
    assert taken("f.py", "t", "--no-verbose", "--cs", "[]")[0]["verbose"] is False


def test_parameter_wins_after_the_task() -> None:
    inputs, given = taken("--name", "run1", "f.py", "t", "--name", "bob", "--cs", "[]")
    assert (inputs["name"], given["name"]) == ("bob", "run1")


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["--folow", "f.py", "t"], UsageError, "did you mean --follow"),
        (["f.py", "t", "--css", "[]"], UsageError, "did you mean --cs"),
        (["f.py", "t", "stray"], UsageError, "inputs are options"),
        (["f.py", "t"], errors.MissingInputError, "needs --cs"),
        (["f.py", "t", "--cs"], UsageError, "needs a value"),
        (["f.py", "t", "--cs", "x"], errors.InputTypeError, '"cs"'),
    ],
)
def test_mistakes(words: list[str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        taken(*words)


def test_pairs() -> None:
    assert split(["-e", "A=1=2", "f.py"]).pairs("env") == {"A": "1=2"}
    with pytest.raises(UsageError, match="KEY=VALUE"):
        split(["-e", "A", "f.py"]).pairs("env")
