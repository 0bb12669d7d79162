"""How a body's calls leave this process: the implementation of `context.Port` for workers.

An async call returns a `ChildCall`: a future, so that `asyncio.gather` needs no task for it, which is also a coroutine,
so that `asyncio.create_task` takes it. It is submitted before it is awaited.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from threading import get_ident
from typing import TYPE_CHECKING, Any

from flytenb.codec.failure import revive
from flytenb.context import ActionContext, current_action
from flytenb.model import phases
from flytenb.model.outcome import decode_failure
from flytenb.wire import tags
from flytenb.wire.paths import home
from flytenb.worker.action import Action, Interface, Target
from flytenb.worker.advance import Advance
from flytenb.worker.bars import Reading
from flytenb.worker.keys import cache_key, call_key

if TYPE_CHECKING:
    from flytenb.model.condition import ConditionSpec
    from flytenb.worker.questions import Asked
    from flytenb.worker.runtime import Runtime

UserValue = Any
Forget = Callable[[Action, int], None]

#: A traced call that took longer is told at once.
_TELL_AT_ONCE_S = 0.001


class ChildCall(asyncio.Future[Any]):
    """The result of a child that was submitted; cancelling it aborts the child."""

    def __init__(self, loop: asyncio.AbstractEventLoop, forget: Forget, action: Action, call: int) -> None:
        super().__init__(loop=loop)
        self._forget, self._action, self.call = forget, action, call
        self._steps: Any = None

    def cancel(self, msg: Any | None = None) -> bool:
        if self.done():
            return False
        self._forget(self._action, self.call)
        return super().cancel(msg)

    # ---- the coroutine protocol, for asyncio.create_task -----------------------------------------------------------
    def send(self, value: Any) -> Any:
        """Step: yields this future once, then raises StopIteration with the result."""
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps.send(value)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        """The task that drives this call was cancelled (or something was thrown into it)."""
        self.cancel()
        if val is None:
            val = typ() if isinstance(typ, type) else typ
        raise val.with_traceback(tb) if tb is not None else val

    def close(self) -> None:
        """Nobody will await this any more."""
        self.cancel()


Coroutine.register(ChildCall)


class WorkerPort:
    """Takes the calls of all actions of one runtime; the action is found through the context."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._loop = runtime.loop
        self.thread = get_ident()
        self._link, self._lane = runtime.link, runtime.lane
        self._objects = runtime.objects
        self._actions = runtime.actions

    # ---- context.Port ----------------------------------------------------------------------------------------------
    def call(self, task: Any, args: tuple[UserValue, ...], kwargs: dict[str, UserValue], group: str) -> Awaitable[Any]:
        """Submit a child now; await the result, or hand it to gather or create_task."""
        if get_ident() != self.thread:
            return _await_elsewhere(self._submit_from_thread(task, args, kwargs, group))
        action, context = self._current()
        target = self._target(action, task)
        message, number = self._message(action, context, target, args, kwargs, group)
        future = ChildCall(self._loop, self._forget, action, number)
        found = self._stored(action, target, message)
        if found is not None:
            self._declare(target, self._link.send)
            self._link.send(found[0])
            future.set_result(found[1])
            return future
        action.calls[number] = (future, target.interface, copy_context(), message)
        self._lane.park(action)
        self._declare(target, self._link.send)
        self._link.send(message)
        self._lane.pump()
        return future

    def call_blocking(self, task: Any, args: tuple[UserValue, ...], kwargs: dict[str, UserValue], group: str) -> Any:
        """Submit a child and block this thread until it has ended."""
        if get_ident() == self.thread:
            raise RuntimeError(
                f'task "{getattr(task, "name", task)}" was called so that it blocks the event loop: '
                "await its `.aio(...)` instead"
            )
        return self._submit_from_thread(task, args, kwargs, group).result()

    def ask(self, spec: ConditionSpec, group: str) -> Asked:
        """Submit a condition; the answer is waited for as a child's result is."""
        from flytenb.worker import questions  # few bodies ask

        action, _ = self._current()
        if self._runtime.hidden:
            spec = questions.without_secrets(spec, self._runtime.hidden.text)
        digest, body = questions.declared(spec)
        key = questions.call_key(spec)
        number, n = action.call_number(), action.number_of(key)
        is_here = get_ident() == self.thread
        call = ChildCall(self._loop, self._forget, action, number) if is_here else ThreadCall(self, action, number)
        message = (tags.SUBMIT, action.id, number, digest, key, n, b"", b"", tags.CACHE_OFF, group)
        action.calls[number] = (call, questions.Answers(), copy_context(), message)
        self._lane.park(action)
        if digest not in self._runtime.declared:
            self._runtime.declared[digest] = body
            self._send((tags.DECLARE, digest, body))
        self._send(message)
        if is_here:
            self._lane.pump()
        elif action.cancel_reason is not None:  # the cancel came between: nobody else will wake us
            self._runtime.abandon(action)
        return questions.Asked(spec.name, self._loop, self.thread, call, _await_elsewhere)

    def trace(self, name: str, key: bytes, inputs: bytes) -> tuple[int, tuple[bool, bytes] | None]:
        """Number of this traced call among equals, and what an earlier attempt recorded for it."""
        action, _ = self._current()
        n = action.trace_number_of(key)
        return n, action.replay.get((key, n)) if action.replay else None

    def traced(
        self,
        name: str,
        key: bytes,
        n: int,
        started_at: float,
        duration_s: float,
        ok: bool,
        inputs: bytes,
        outputs: bytes,
    ) -> None:
        """Record a traced call; it travels before any result that follows it."""
        action, _ = self._current()
        self._send((tags.TRACE, action.id, action.attempt, key, n, name, started_at, duration_s, ok, inputs, outputs))
        if duration_s > _TELL_AT_ONCE_S and get_ident() == self.thread:
            self._link.flush()  # a body that never awaits would keep it to itself, and lose it when it is killed

    def log(self, stream: str, text: str) -> None:
        """Write into the action's log, and nowhere else."""
        action, _ = self._current()
        log = self._runtime.log_of(action.id, action.attempt)
        if log is not None:
            log.write(stream, text)

    def report(self, html: str) -> None:
        """Store the page and tell the engine its digest."""
        action, _ = self._current()
        digest = self._objects.put(self._runtime.hidden.text(html).encode())
        # Pages come from several threads (one publishes what came too fast): in one queue, so that the last one wins.
        self._link.send_from_thread((tags.REPORT, action.id, action.attempt, digest))
        if get_ident() == self.thread:
            self._link.flush()  # a body that never awaits would keep it to itself

    def progress(self, done: float, total: float, text: str, elapsed_s: float) -> None:
        """Tell how far the body is, at most four times a second; the last state always arrives."""
        action, _ = self._current()
        self._advance(action).say((done, total, self._runtime.hidden.text(text), elapsed_s))

    def bar(self, action: Action, reading: Reading) -> None:
        """A progress bar in the output; what the body says itself goes before. Any thread."""
        if action.is_running and (action.advance is None or action.advance.is_from_output):
            done, total, text, elapsed_s = reading
            self._advance(action, is_from_output=True).say((done, total, self._runtime.hidden.text(text), elapsed_s))

    def _advance(self, action: Action, *, is_from_output: bool = False) -> Advance:
        if action.advance is None:
            action.advance = Advance(action.id, action.attempt, self._link, self._loop, self.thread)
        action.advance.is_from_output = is_from_output
        return action.advance

    async def contain(self, task: Any, values: dict[str, UserValue]) -> Any:
        """Start the container of a task and wait for its end."""
        from flytenb.worker.contained import Place, contain  # with it comes all that knows containers

        runtime = self._runtime
        action, context = self._current()
        launch = action.definition.launch
        assert launch.image is not None
        is_shown = not runtime.is_own_process and task.local_logs

        def tell(stream: str, text: str) -> None:
            log = None if is_shown else runtime.log_of(action.id, action.attempt)
            if log is not None:
                log.write(stream, text)
            elif is_shown:  # the kernel's own stream: to the log, and to the person
                (sys.stdout if stream == "stdout" else sys.stderr).write(text)

        place = Place(
            home=home(),
            worker=runtime.ident,
            run=context.run_name,
            action=context.name,
            attempt=action.attempt,
            image=launch.image,
            env_vars=launch.env_vars,
            secrets=launch.secrets,
            network=launch.network,
            keeps_failed=launch.keep_on_failure,
            tell=tell,
        )
        return await contain(task, values, place)

    # ---- submitting ------------------------------------------------------------------------------------------------
    def _current(self) -> tuple[Action, ActionContext]:
        context = current_action.get()
        if context is None:
            raise RuntimeError("no action runs here: call tasks from a task's body, or start one with flyte.run(...)")
        action = self._actions.get(context.action)
        if action is None or action.attempt != context.attempt:
            raise RuntimeError(
                f'the action {context.name} ("{context.task_name}") has ended: await everything that it starts '
                "before it returns"
            )
        return action, context

    def _target(self, action: Action, task: Any) -> Target:
        target = action.definition.targets.get(id(task))
        if target is None:
            target = self._runtime.target(action.definition, task)
        return target

    def _message(
        self,
        action: Action,
        context: ActionContext,
        target: Target,
        args: tuple[UserValue, ...],
        kwargs: dict[str, UserValue],
        group: str,
    ) -> tuple[Any, int]:
        interface = target.interface
        inputs = interface.encode_inputs(interface.bind(args, kwargs), self._objects)
        digest = interface.digest_inputs(inputs)
        key = call_key(target.name, digest, group)
        reuse, mode = b"", self._runtime.cache_mode(action, target)
        if mode:
            if target.ignored:
                digest = interface.digest_inputs(inputs, target.ignored)
            reuse = cache_key(target.code_identity, digest, self._runtime.cache_scope(action))
        number = action.call_number()
        n = action.number_of(key)
        return (tags.SUBMIT, action.id, number, target.digest, key, n, inputs, reuse, mode, group), number

    def _stored(self, action: Action, target: Target, message: Any) -> tuple[Any, UserValue] | None:
        """What tells the engine of a hit, and the value; None when the call must be submitted.

        Only what is on disk already is seen here. A parent that runs again asks the engine, which knows its children;
        so does every parent of a run that recovers another.
        """
        find = self._runtime.find_stored
        if find is None or message[8] != tags.CACHE_AUTO or action.attempt != 1 or self._runtime.is_recovering(action):
            return None
        found = find(message[7])
        if found is None or (target.max_age_s and time.time() - found[3] > target.max_age_s):
            return None
        error, value = self.open(phases.SUCCEEDED, found[1], target.interface)
        if error is not None:  # values that are gone: the engine has them made again
            return None
        _, parent, _, digest, key, n, inputs, reuse, _, group = message
        return (tags.HIT, parent, digest, key, n, inputs, found[1], reuse, found[2], group), value

    def _submit_from_thread(
        self, task: Any, args: tuple[UserValue, ...], kwargs: dict[str, UserValue], group: str
    ) -> concurrent.futures.Future[Any]:
        action, context = self._current()
        target = self._target(action, task)
        message, number = self._message(action, context, target, args, kwargs, group)
        found = self._stored(action, target, message)
        if found is not None:
            self._declare(target, self._link.send_from_thread)
            self._link.send_from_thread(found[0])
            done: concurrent.futures.Future[Any] = concurrent.futures.Future()
            done.set_result(found[1])
            return done
        future: ThreadCall = ThreadCall(self, action, number)
        action.calls[number] = (future, target.interface, None, message)
        self._lane.park(action)
        self._declare(target, self._link.send_from_thread)
        self._link.send_from_thread(message)
        if action.cancel_reason is not None:  # the cancel came between: nobody else will wake us
            self._runtime.abandon(action)
        return future

    def _declare(self, target: Target, send: Callable[[Any], None]) -> None:
        declared = self._runtime.declared
        if target.digest not in declared:
            declared[target.digest] = target.body
            send((tags.DECLARE, target.digest, target.body))

    def _send(self, message: Any) -> None:
        if get_ident() == self.thread:
            self._link.send(message)
        else:
            self._link.send_from_thread(message)

    def _forget(self, action: Action, number: int) -> None:
        if action.calls.pop(number, None) is not None and action.is_running:
            self._send((tags.FORGET, action.id, number))
            self._lane.unpark(action)

    # ---- resolving -------------------------------------------------------------------------------------------------
    def resolve(self, message: list[Any]) -> None:
        """A child ended: (RESOLVE, parent, call, phase, payload, child). In the loop's thread."""
        action = self._actions.get(message[1])
        entry = action.calls.pop(message[2], None) if action is not None else None
        if action is None or entry is None:
            return
        self._lane.unpark(action)
        future, interface, context, _ = entry
        if type(future) is ThreadCall:
            future.arrive(message[3], message[4], interface)
        elif not future.done():
            # in the caller's context, which knows the program whose classes are meant
            error, value = context.run(self.open, message[3], message[4], interface)
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
                future._log_traceback = False  # what nobody awaited is shown at the child, not in the log

    def open(self, phase: int, payload: bytes, interface: Interface) -> tuple[BaseException | None, Any]:
        """Error or value of a child that ended."""
        try:
            if phase in (phases.SUCCEEDED, phases.RECOVERED):
                return None, interface.decode_outputs(payload, self._objects)
            return revive(decode_failure(payload)), None
        except Exception as error:
            return error, None


class ThreadCall(concurrent.futures.Future[Any]):
    """A child call made outside the loop's thread; its value is decoded by the thread that waits for it."""

    def __init__(self, port: WorkerPort, action: Action, call: int) -> None:
        super().__init__()
        self._port, self._action, self._call = port, action, call
        self._raw: tuple[int, bytes, Interface] | None = None

    def arrive(self, phase: int, payload: bytes, interface: Interface) -> None:
        """The child ended."""
        self._raw = (phase, payload, interface)
        if self.set_running_or_notify_cancel():
            self.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Wake who waits with this error."""
        if self.set_running_or_notify_cancel():
            self.set_exception(error)

    def result(self, timeout: float | None = None) -> Any:
        super().result(timeout)
        if self._raw is None:
            return None
        error, value = self._port.open(*self._raw)
        if error is not None:
            raise error
        return value

    def cancel(self) -> bool:
        is_cancelled = super().cancel()
        if is_cancelled:
            self._port._forget(self._action, self._call)
        return is_cancelled


async def _await_elsewhere(call: concurrent.futures.Future[Any]) -> Any:
    """Await a call in a loop that is not the worker's (`asyncio.run` inside a sync task)."""
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()

    def settle() -> None:
        if not waiter.done():
            waiter.set_result(None)

    def wake(_: Any) -> None:
        loop.call_soon_threadsafe(settle)

    call.add_done_callback(wake)
    try:
        await waiter
    except asyncio.CancelledError:
        call.cancel()
        raise
    return call.result()
