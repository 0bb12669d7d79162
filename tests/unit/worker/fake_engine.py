"""A small engine for the worker's tests: places every action on the worker under test, resolves children, no store."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass, field
from typing import Any

import msgpack

from flytenb.codec.interface import Interface
from flytenb.codec.objects import ObjectStore
from flytenb.model import Launch, TaskDeclaration
from flytenb.model.declaration import decode_declaration, encode_declaration
from flytenb.model.outcome import Failure, decode_failure
from flytenb.model.phases import FAILED, SUCCEEDED
from flytenb.wire import FrameDecoder, encode_frame, tags


class PlainTask:
    """A task object as the worker sees it."""

    def __init__(self, func: Any, is_async: bool, **declared: Any) -> None:
        self.func, self.is_async, self.declared = func, is_async, declared
        self.name = f"test.{func.__name__}"
        self.interface = Interface.of(func, task_name=self.name)

    def declaration(self, launch: Launch, program: str, entry: str = "") -> TaskDeclaration:
        return TaskDeclaration(
            name=self.name,
            short_name=self.func.__name__,
            environment="test",
            launch=launch,
            program=program,
            entry=self.func.__name__,
            is_async=self.is_async,
            **self.declared,
        )


LAUNCH = Launch(python="", cwd="/")


class Failed(Exception):
    """A root ended badly."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass
class FakeEngine:
    """One worker's engine. Children run on the same worker, which a real engine avoids."""

    path: str
    objects: ObjectStore
    seen: list[list[Any]] = field(default_factory=list)
    #: Children that are accepted and never run.
    held: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self.declarations: dict[bytes, TaskDeclaration] = {}
        self._bodies: dict[bytes, bytes] = {}
        self._defined: set[int] = set()
        self._next = 1 << 32
        self.roots: dict[int, asyncio.Future[Any]] = {}
        self.parents: dict[int, tuple[int, int]] = {}
        self.hello: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._out: list[Any] = []
        self.transport: Any = None
        self.info: dict[str, Any] = {"name": "r1"}
        self.finished_at: dict[int, float] = {}

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_unix_server(lambda: _Side(self), self.path)

    async def stop(self) -> None:
        self._server.close()
        if self.transport is not None:
            self.transport.close()

    def send(self, message: Any) -> None:
        self._out.append(message)
        if len(self._out) == 1:
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        out, self._out = self._out, []
        self.transport.write(encode_frame(out))

    def declare(self, task: PlainTask) -> bytes:
        digest, body = encode_declaration(task.declaration(LAUNCH, ""))
        self._declared(digest, body)
        return digest

    def _declared(self, digest: bytes, body: bytes) -> None:
        self._bodies[digest] = body
        self.declarations[digest] = decode_declaration(body)
        self._numbers.setdefault(digest, len(self._numbers) + 1)

    def execute(self, digest: bytes, inputs: bytes, attempt: int = 1) -> int:
        number = self._next
        self._next += 1
        task = self._numbers[digest]
        if not self._defined:
            self.send((tags.RUN_INFO, 1, msgpack.packb(self.info)))
        if task not in self._defined:
            self._defined.add(task)
            self.send((tags.DEFINE, task, self._bodies[digest]))
        self.send((tags.EXECUTE, number, attempt, task, inputs))
        return number

    def begin(self, task: PlainTask, *args: Any, replay: list[Any] | None = None) -> tuple[int, asyncio.Future[Any]]:
        digest = self.declare(task)
        inputs = task.interface.encode_inputs(task.interface.bind(args, {}), self.objects)
        if replay:
            self.send((tags.REPLAY, self._next, replay))
        number = self.execute(digest, inputs)
        future = self.roots[number] = asyncio.get_running_loop().create_future()
        return number, future

    async def run(self, task: PlainTask, *args: Any) -> Any:
        _, future = self.begin(task, *args)
        ok, payload = await asyncio.wait_for(future, 20)
        if not ok:
            raise Failed(decode_failure(payload))
        return task.interface.decode_outputs(payload, self.objects)

    def all(self, tag: int) -> list[list[Any]]:
        return [message for message in self.seen if message[0] == tag]

    def messages(self, messages: list[Any]) -> None:
        for message in messages:
            self.seen.append(message)
            if message[0] == tags.HELLO:
                self.hello.set_result(message)
                self.send((tags.WELCOME, tags.PROTOCOL, "0", os.getpid()))
            elif message[0] == tags.DECLARE:
                self._declared(message[1], message[2])
            elif message[0] == tags.SUBMIT:
                if self.declarations[message[3]].short_name in self.held:
                    self.parents[self._next] = (message[1], message[2])
                    self._next += 1
                else:
                    number = self.execute(message[3], message[6])
                    self.parents[number] = (message[1], message[2])
            elif message[0] == tags.FINISHED:
                self._finished(*message[1:])

    def _finished(self, number: int, attempt: int, ok: bool, payload: bytes, active_s: float) -> None:
        self.finished_at[number] = time.perf_counter()
        if number in self.parents:
            parent, call = self.parents.pop(number)
            self.send((tags.RESOLVE, parent, call, SUCCEEDED if ok else FAILED, payload, number))
        else:
            with contextlib.suppress(KeyError):
                self.roots.pop(number).set_result((ok, payload))


class _Side(asyncio.Protocol):
    def __init__(self, engine: FakeEngine) -> None:
        self.engine, self.decoder = engine, FrameDecoder()

    def connection_made(self, transport: Any) -> None:
        self.engine.transport = transport

    def data_received(self, data: bytes) -> None:
        self.engine.messages(list(self.decoder.messages(data)))

    def connection_lost(self, exc: Any) -> None:
        if not self.engine.gone.done():
            self.engine.gone.set_result(None)
