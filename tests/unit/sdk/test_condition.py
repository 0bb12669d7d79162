"""What `flyte.new_condition` takes and refuses, outside of tasks."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest

import flytenb as flyte
from flytenb.codec.interface import Interface
from flytenb.codec.objects import ObjectStore
from flytenb.model.condition import KINDS, NotAnAnswer, answer_of, decode_answer, encode_answer


def _none() -> None: ...


@pytest.mark.parametrize("value", [True, False, 0, -7, 2**63 - 1, 0.5, -1e300, "", "Grüße\n", "x" * 16_000])
def test_an_answer_is_a_payload_that_codecs_read(value: Any, tmp_path: Any) -> None:
    def ask() -> Any: ...

    ask.__annotations__["return"] = type(value)
    interface = Interface.of(ask, task_name="ask")
    payload = encode_answer(value)
    read = interface.decode_outputs(payload, ObjectStore(tmp_path))
    assert (read, type(read)) == (value, type(value))
    assert interface.encode_outputs(value, ObjectStore(tmp_path)) == payload
    assert decode_answer(payload) == value


@pytest.mark.parametrize(
    ("kind", "value", "answer"),
    [
        *[("bool", word, True) for word in (True, "true", "Yes", " y ", "1", "on")],
        *[("bool", word, False) for word in (False, "false", "NO", "n", "0", "off")],
        *[("int", 5, 5), ("int", "-12", -12), ("float", 2, 2.0), ("float", "1e-3", 0.001), ("float", 0.5, 0.5)],
        *[("str", "5", "5"), ("str", "", "")],
    ],
)
def test_answers(kind: str, value: Any, answer: Any) -> None:
    found = answer_of(kind, value)
    assert (found, type(found)) == (answer, type(answer))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *[("bool", value) for value in (1, 0, 1.0, "maybe", "", None, [True])],
        *[("int", value) for value in (True, 1.0, "1.5", "x", None, 2**63, "9" * 400, {})],
        *[("float", value) for value in (True, "nan", float("inf"), "x", None, 10**400)],
        *[("str", value) for value in (True, 1, None, b"x", ["x"])],
    ],
)
def test_what_is_no_answer(kind: str, value: Any) -> None:
    with pytest.raises(NotAnAnswer, match=r" is none; give (true or false|a whole number|a number|a text)$"):
        answer_of(kind, value)


def test_an_answer_is_no_book() -> None:
    with pytest.raises(NotAnAnswer) as refused:
        answer_of("str", "x" * 16_001)
    assert str(refused.value) == "an answer has at most 16,000 characters and this one 16,001; name a file"


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"data_type": list}, TypeError, "condition \"ok\": data_type=<class 'list'> must be bool, int, float or str"),
        ({"timeout": 0}, ValueError, 'condition "ok": timeout=0 must be above 0'),
        ({"timeout": timedelta(seconds=-1)}, ValueError, "must be above 0"),
        ({"timeout": float("nan")}, ValueError, 'condition "ok": timeout=nan must be above 0'),
        ({"prompt_type": "html"}, ValueError, 'condition "ok": prompt_type=\'html\' must be "text" or "markdown"'),
        ({"default": True}, ValueError, 'condition "ok": default=True is for a time-out; give timeout= as well'),
        (
            {"default": "x", "timeout": 1, "data_type": int},
            ValueError,
            "condition \"ok\": default='x' is not an int: 'x' is none; give a whole number",
        ),
        (
            {"webhook": flyte.ConditionWebhook("ftp://x")},
            ValueError,
            'condition "ok": webhook url "ftp://x" is no address; begin it with https://',
        ),
        (
            {"webhook": flyte.ConditionWebhook("https://x", {"a": object()})},
            ValueError,
            'condition "ok": the payload of its webhook is no JSON: Object of type object is not JSON serializable',
        ),
    ],
)
def test_refusals(arguments: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        flyte.new_condition("ok", **arguments)


def test_a_condition_needs_a_name() -> None:
    with pytest.raises(ValueError, match=r"condition ' ' needs a name: write flyte.new_condition\(\"approve\"\)"):
        flyte.new_condition(" ")


def test_outside_of_a_task_nobody_is_asked() -> None:
    condition = asyncio.run(flyte.new_condition.aio("ok", prompt="Go?", data_type=int, timeout=timedelta(hours=1)))
    assert (condition.name, condition.prompt, condition.data_type) == ("ok", "Go?", int)
    text = 'condition "ok" was made outside of a task, where nobody is asked: call flyte.new_condition in the body'
    with pytest.raises(RuntimeError, match=re.escape(text)):
        condition.wait()
    with pytest.raises(RuntimeError, match=re.escape(text)):
        asyncio.run(condition.wait.aio())
    assert set(KINDS) == {"bool", "int", "float", "str"}
