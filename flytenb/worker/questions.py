"""Conditions as a body asks them: a call to the engine that no worker runs."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from threading import get_ident
from typing import Any

import msgspec

from flytenb.model.condition import AnswerValue, ConditionSpec, decode_answer
from flytenb.model.declaration import Launch, TaskDeclaration, encode_declaration


class Asked:
    """A question on its way to its answer.

    Args:
        name: of the condition.
        loop, thread: the worker's, and where that runs.
        call: an asyncio future when it was asked in that thread.
        elsewhere: awaits a call of another thread in any loop.
    """

    def __init__(
        self,
        name: str,
        loop: asyncio.AbstractEventLoop,
        thread: int,
        call: asyncio.Future[Any] | concurrent.futures.Future[Any],
        elsewhere: Callable[[concurrent.futures.Future[Any]], Awaitable[Any]],
    ) -> None:
        self._name, self._loop, self._thread, self._call = name, loop, thread, call
        self._elsewhere = elsewhere

    def result(self) -> AnswerValue:
        """Block this thread until the answer is there."""
        call = self._call
        if not isinstance(call, asyncio.Future):
            return call.result()  # type: ignore[no-any-return]
        if get_ident() != self._thread:
            return asyncio.run_coroutine_threadsafe(_awaited(call), self._loop).result()
        if call.done():
            return call.result()  # type: ignore[no-any-return]
        raise RuntimeError(
            f'condition "{self._name}": .wait() would block the event loop; write "await condition.wait.aio()"'
        )

    async def later(self) -> AnswerValue:
        """Wait for the answer in any loop."""
        call = self._call
        if not isinstance(call, asyncio.Future):
            return await self._elsewhere(call)  # type: ignore[no-any-return]
        if asyncio.get_running_loop() is self._loop:
            return await call  # type: ignore[no-any-return]
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_awaited(call), self._loop))


async def _awaited(call: asyncio.Future[Any]) -> AnswerValue:
    return await call  # type: ignore[no-any-return]


class Answers:
    """How an answer is read; stands where the interface of a child's task does."""

    def decode_outputs(self, payload: bytes, objects: Any) -> AnswerValue | None:
        """The answer."""
        return decode_answer(payload)


def call_key(spec: ConditionSpec) -> bytes:
    """What makes it the same question when its parent runs again: its name (and its number among equals)."""
    return blake2b(b"flytenb.condition/1\0" + spec.name.encode(), digest_size=16).digest()


def without_secrets(spec: ConditionSpec, redacted: Callable[[str], str]) -> ConditionSpec:
    """The question as it may be stored and shown."""
    return msgspec.structs.replace(spec, prompt=redacted(spec.prompt), description=redacted(spec.description))


def _meaning(spec: ConditionSpec) -> str:
    """What a run that recovers another one compares: the answer to another question is not taken."""
    words = (spec.name, spec.data_type, spec.prompt, spec.description)
    return blake2b(b"flytenb.question/1\0" + "\0".join(words).encode(), digest_size=16).hexdigest()


def declared(spec: ConditionSpec) -> tuple[bytes, bytes]:
    """Digest and body of what stands for a condition where tasks are declared."""
    return encode_declaration(
        TaskDeclaration(
            name=f"condition.{spec.name}",
            short_name=spec.name,
            environment="",
            launch=Launch(python="", cwd=""),
            program="",
            entry="",
            code=_meaning(spec),
            interface={"inputs": [], "outputs": [{"name": "o0", "type": spec.data_type}]},
            condition=spec,
        )
    )
