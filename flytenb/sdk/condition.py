"""`flyte.new_condition`: a question to a person; the run waits for the answer and holds nothing meanwhile."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlsplit

from flytenb.context import current_action
from flytenb.errors import TraceDoesNotAllowNestedTasksError
from flytenb.model.condition import (
    DATA_TYPES,
    KINDS,
    PROMPT_TYPES,
    AnswerValue,
    ConditionSpec,
    NotAnAnswer,
    Webhook,
    answer_of,
    encode_answer,
)

T = TypeVar("T", bool, int, float, str)
_NAMES = {kind: name for name, kind in DATA_TYPES.items()}


@dataclass(frozen=True)
class ConditionWebhook:
    """A call (POST, JSON) to make when a condition begins to wait; `{callback_uri}` in the payload is filled in.

    Example:
        flyte.ConditionWebhook("https://example.com/hook", {"text": "Deploy?", "answer": "{callback_uri}"})
    """

    url: str
    payload: dict[str, Any] | None = None


@dataclass(frozen=True)
class Condition(Generic[T]):
    """A question that was asked. `wait` gives its answer."""

    name: str
    prompt: str = "Approve?"
    prompt_type: Literal["text", "markdown"] = "text"
    data_type: type[T] = bool  # type: ignore[assignment]
    description: str = ""
    timeout: timedelta | int | float | None = None
    webhook: ConditionWebhook | None = None
    default: T | None = None
    _call: Any = field(default=None, repr=False, compare=False)

    @property
    def wait(self) -> _Wait[T]:
        """Wait for the answer, a value of `data_type`; in async code `await condition.wait.aio()`.

        Raises:
            ConditionTimedoutError: nobody answered in time, and there is no default.
            ActionAbortedError: it was aborted.
            RuntimeError: outside a task.
        """
        return _Wait(self)


class _Wait(Generic[T]):
    """`condition.wait`: blocking, with its awaitable form."""

    def __init__(self, condition: Condition[T]) -> None:
        self._condition: Condition[T] = condition

    def __call__(self) -> T:
        """Block until the answer is there."""
        return self._asked().result()  # type: ignore[no-any-return]

    async def aio(self) -> T:
        """The same without blocking the loop."""
        return await self._asked().later()  # type: ignore[no-any-return]

    def _asked(self) -> Any:
        condition = self._condition
        if condition._call is None:
            raise RuntimeError(
                f'condition "{condition.name}" was made outside of a task, where nobody is asked: call '
                "flyte.new_condition in the body of a task"
            )
        return condition._call


def _new_condition(
    name: str,
    /,
    prompt: str = "Approve?",
    prompt_type: str = "text",
    data_type: type[Any] = bool,
    description: str = "",
    timeout: timedelta | int | float | None = None,
    webhook: ConditionWebhook | None = None,
    *,
    default: AnswerValue | None = None,
) -> Condition[Any]:
    """Ask a person. The question is an action of the run, which waits (phase "paused") until somebody answers.

    Answered by `flytenb signal condition RUN NAME VALUE`, `%flyte_signal`, `flyte.remote.Condition.get(…).signal(…)`,
    the HTTP API, or in the view of the run.

    Args:
        name: what it is called; the same question asked again by a parent that runs again finds its answer.
        prompt: the question.
        prompt_type: "text" or "markdown".
        data_type: bool, int, float or str.
        description: more about it.
        timeout: seconds, or a timedelta, that it waits; None = for ever.
        webhook: who is told that it waits.
        default: the answer when nobody gives one in time (needs `timeout`); without it that is an error.

    Example:
        ok = await flyte.new_condition("deploy", prompt="Deploy to production?", timeout=3600).wait.aio()

    Raises:
        TypeError: `data_type` is none of the four.
        ValueError: another argument is wrong.
    """
    spec = _spec(name, prompt, prompt_type, data_type, description, timeout, webhook, default)
    action = current_action.get()
    call = None
    if action is not None:
        if action.is_in_trace:
            raise TraceDoesNotAllowNestedTasksError(
                f'condition "{name}" was made inside a traced function; make it in the task itself, '
                "or take @flyte.trace off the function"
            )
        call = action.port.ask(spec, action.group)
    return Condition(
        name,
        prompt,
        prompt_type,  # type: ignore[arg-type]
        data_type,
        description,
        timeout,
        webhook,
        default,
        call,
    )


def _spec(
    name: str,
    prompt: str,
    prompt_type: str,
    data_type: type[Any],
    description: str,
    timeout: timedelta | int | float | None,
    webhook: ConditionWebhook | None,
    default: AnswerValue | None,
) -> ConditionSpec:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f'condition {name!r} needs a name: write flyte.new_condition("approve")')
    if data_type not in _NAMES:
        raise TypeError(f'condition "{name}": data_type={data_type!r} must be bool, int, float or str')
    if prompt_type not in PROMPT_TYPES:
        raise ValueError(f'condition "{name}": prompt_type={prompt_type!r} must be "text" or "markdown"')
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if seconds is not None and not 0 < seconds <= 1e9:
        raise ValueError(f'condition "{name}": timeout={timeout!r} must be above 0')
    answer = b""
    if default is not None:
        if seconds is None:
            raise ValueError(f'condition "{name}": default={default!r} is for a time-out; give timeout= as well')
        try:
            answer = encode_answer(answer_of(_NAMES[data_type], default))
        except NotAnAnswer as error:
            raise ValueError(
                f'condition "{name}": default={default!r} is not {KINDS[_NAMES[data_type]]}: {error}'
            ) from None
    return ConditionSpec(
        name=name,
        prompt=str(prompt),
        prompt_type=prompt_type,
        data_type=_NAMES[data_type],
        description=str(description),
        timeout_s=float(seconds or 0.0),
        default=answer,
        webhook=_webhook(name, webhook),
    )


def _webhook(name: str, webhook: ConditionWebhook | None) -> Webhook | None:
    if webhook is None:
        return None
    address = urlsplit(webhook.url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ValueError(f'condition "{name}": webhook url "{webhook.url}" is no address; begin it with https://')
    try:
        payload = json.dumps(webhook.payload if webhook.payload is not None else {"callback_uri": "{callback_uri}"})
    except (TypeError, ValueError) as error:
        raise ValueError(f'condition "{name}": the payload of its webhook is no JSON: {error}') from None
    return Webhook(url=webhook.url, payload=payload.encode())


class _NewCondition:
    """The function and its awaitable form."""

    __name__ = __qualname__ = "new_condition"
    __doc__ = _new_condition.__doc__
    __wrapped__ = staticmethod(_new_condition)

    def __call__(self, name: str, /, *args: Any, **options: Any) -> Condition[Any]:
        return _new_condition(name, *args, **options)

    async def aio(self, name: str, /, *args: Any, **options: Any) -> Condition[Any]:
        """The same; asking never waits."""
        return _new_condition(name, *args, **options)

    def __repr__(self) -> str:
        return "<function flyte.new_condition>"


new_condition = _NewCondition()
