"""Executes actions: messages of the engine in, calls and results out. One per process (or kernel, for local mode)."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context
from functools import partial
from operator import attrgetter
from time import perf_counter
from typing import Any

import msgpack

from flytenb import errors
from flytenb.codec.failure import to_failure
from flytenb.context import ActionContext, current_action
from flytenb.model.declaration import decode_declaration, encode_declaration
from flytenb.model.ids import action_name, run_of
from flytenb.model.outcome import Failure, encode_failure, without_secrets
from flytenb.model.version import VERSION
from flytenb.redaction import Redactor
from flytenb.wire import tags
from flytenb.worker import room
from flytenb.worker.action import Action, Body, Definition, Target
from flytenb.worker.descriptors import Descriptors
from flytenb.worker.keys import cache_mode
from flytenb.worker.lane import Lane, LaneThread
from flytenb.worker.link import Link
from flytenb.worker.logs import FLUSH_S, NATIVE, AttemptLog, Capture, finder
from flytenb.worker.port import ThreadCall, WorkerPort
from flytenb.worker.programs import Programs
from flytenb.worker.returning import Returning
from flytenb.worker.variables import Variables

#: An action that began late or runs longer than this is announced with `STARTED`.
_ANNOUNCE_S = 0.05
#: An action that took longer is told at once, without company in its frame.
_TELL_AT_ONCE_S = 0.001

#: Actions of this process that failed, the last ones: whoever started it may want to look at what is left.
failed_actions: deque[int] = deque(maxlen=16)
#: In a kernel (mode "local"), the error of the last action that failed, its frames alive: for a debugger.
last_errors: deque[BaseException] = deque(maxlen=1)
#: Hears of every action that comes: in a container that may be kept, its number is noted before it can do harm.
on_action: Callable[[int], None] | None = None


class _Interrupted(errors.ActionAbortedError):
    """Raised inside a thread by `PyThreadState_SetAsyncExc`, which calls the class without arguments."""

    def __init__(self) -> None:
        super().__init__("the action was aborted")


class Runtime:
    """Everything one process knows of its actions.

    Args:
        programs: finds the code of tasks.
        objects: the object store.
        ident: this worker's name at the engine.
        on_end: called in the loop when the engine wants the process to end, refuses it, or is gone; gets the reason.
        is_own_process: False in a kernel: shared process settings are left alone.
    """

    def __init__(
        self,
        programs: Programs,
        objects: Any,
        *,
        ident: str,
        token: str,
        role: str = "worker",
        on_end: Callable[[str], None],
        is_own_process: bool = True,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.programs, self.objects = programs, objects
        self._ident, self._token, self._role, self._on_end = ident, token, role, on_end
        self.ident, self.is_own_process = ident, is_own_process
        self._context = Context()
        self.link = Link(self.loop, self._on_messages, self._on_lost)
        #: Finds the engine that follows one that went away; None where the actions end with their engine.
        self.returning = Returning(self) if role == "worker" else None
        self.link.is_lasting = self.returning is not None
        self.lane = Lane(self.loop, self._context, self._run_async, self._run_sync, is_own_process=is_own_process)
        self.link.on_wake = self.lane.pump
        #: Values of secrets that this process has: what leaves it is without them, but for what bodies return.
        self.hidden = Redactor()
        #: Every action here that has not ended, begun or not.
        self.actions: dict[int, Action] = {}
        #: Declarations that the engine has from this link: digest → body.
        self.declared: dict[bytes, bytes] = {}
        #: What the engine wants to be told when it is another one.
        self.facts = b""
        self._definitions: dict[int, Definition] = {}
        self._runs: dict[int, dict[str, Any]] = {}
        self._replays: dict[int, dict[tuple[bytes, int], tuple[bool, bytes]]] = {}
        self._logs: set[AttemptLog] = set()
        self._log_lock = threading.RLock()
        self._is_log_timer_set = False
        self._is_announcer_set = False
        #: Looks a cached result up by its key: (action, outputs, duration_s, created_at). None = only the engine does.
        self.find_stored: Callable[[bytes], tuple[int, bytes, float, float] | None] | None = None
        self.port = WorkerPort(self)
        self.capture = Capture(finder(self.log_of), is_tee=not is_own_process)
        #: Reads what does not pass `sys.stdout`; None in a kernel, which reads its own.
        self.descriptors: Descriptors | None = None
        self._variables = None if is_own_process else Variables()
        self._handlers: dict[int, Callable[[list[Any]], None]] = {
            tags.WELCOME: lambda message: None,
            tags.REFUSE: lambda message: on_end(message[1]),
            tags.DEFINE: self._define,
            tags.RUN_INFO: self._run_info,
            tags.SECRETS: self._secrets,
            tags.PREPARE: self._prepare,
            tags.REPLAY: self._replay,
            tags.EXECUTE: self._execute,
            tags.RESOLVE: self.port.resolve,
            tags.CANCEL: self._cancel,
            tags.RECALL: self._recall,
            tags.SHUTDOWN: lambda message: on_end(message[1]),
            tags.KEEP: self._keep,
            tags.ACK: lambda message: self.link.acknowledge(message[1]),
            tags.PING: lambda message: self.link.send((tags.PONG,)),
            tags.ADOPT: self._adopted,
        }

    async def connect(self, socket_path: str) -> None:
        """Meet the engine and say hello."""
        self.socket_path = socket_path
        self.link.send(self.hello())
        await self.loop.create_unix_connection(lambda: self.link, socket_path)
        self.link.flush()

    def hello(self) -> Any:
        """The greeting of every connection."""
        return (tags.HELLO, tags.PROTOCOL, VERSION, self._role, self._ident, os.getpid(), self._token)

    def _on_lost(self) -> None:
        if self.returning is None or not self.returning.begin():
            self.end("the engine closed the connection")

    def end(self, reason: str) -> None:
        """There is no more to do for this process."""
        self._on_end(reason)

    # ---- messages --------------------------------------------------------------------------------------------------
    def _on_messages(self, messages: list[Any]) -> None:
        handlers = self._handlers
        for message in messages:
            handler = handlers.get(message[0])
            if handler is not None:
                handler(message)
        self.lane.pump()

    def _define(self, message: list[Any]) -> None:
        definition = self._definitions[message[1]] = Definition(decode_declaration(message[2]))
        if definition.launch.reuse is not None:
            self.lane.limit = definition.launch.reuse.concurrency

    def _keep(self, message: list[Any]) -> None:
        self.facts = message[1]

    def _adopted(self, message: list[Any]) -> None:
        if self.returning is not None:
            self.returning.adopted(message[1])

    def _run_info(self, message: list[Any]) -> None:
        self._runs[message[1]] = msgpack.unpackb(message[2])

    def _secrets(self, message: list[Any]) -> None:
        from flytenb.worker.secrets import install  # few workers need it

        self.hidden.add(value.encode() if isinstance(value, str) else value for *_, value in message[2])
        install(message[2], self._ident, is_container=message[1])

    def _prepare(self, message: list[Any]) -> None:
        """Load a task's code while nobody waits for it."""
        with contextlib.suppress(BaseException):  # whatever it is, the action will meet it and tell
            self._body(self._definitions[message[1]])

    def _replay(self, message: list[Any]) -> None:
        self._replays[message[1]] = {(key, n): (ok, outputs) for key, n, ok, outputs in message[2]}

    def _execute(self, message: list[Any]) -> None:
        _, number, attempt, task, inputs = message
        if on_action is not None:
            on_action(number)
        action = Action(number, attempt, self._definitions[task], inputs, perf_counter())
        if self._replays:
            action.replay = self._replays.pop(number, None)
        self.actions[number] = action
        self.lane.add(action)
        if not self._is_announcer_set:
            self._is_announcer_set = True
            self.loop.call_later(_ANNOUNCE_S, self._announce)

    def _recall(self, message: list[Any]) -> None:
        returned = self.lane.recall(message[1])
        for action in returned:
            self.actions.pop(action.id, None)
        self.link.send((tags.RETURNED, [action.id for action in returned]))

    def _cancel(self, message: list[Any]) -> None:
        action = self.actions.get(message[1])
        if action is None or action.attempt != message[2]:
            return
        action.cancel_reason = message[3] or "aborted"
        if not action.is_running and self.lane.remove(action):
            self._send_finished(action, False, self._aborted(action), self.link.send)
        else:
            self._stop(action)

    def drop(self, action: Action) -> None:
        """Another engine has it run elsewhere: nobody waits for it here."""
        del self.actions[action.id]
        action.cancel_reason = "the engine that follows has it run elsewhere"
        if not self.lane.remove(action):
            self._stop(action)

    def _stop(self, action: Action) -> None:
        if action.task is not None:
            action.task.cancel()
        elif action.definition.is_sync:
            self._interrupt(action)
            self.abandon(action)
            self._end_offspring(action)  # it may wait for one, and hears nothing before that ends

    def _end_offspring(self, action: Action) -> None:
        """End the processes that an action has started which is to stop; not where they may be another's."""
        if not self.is_own_process or any(
            other is not action and other.is_running and not other.outstanding for other in self.actions.values()
        ):
            return
        from flytenb.worker import offspring  # few actions are aborted

        offspring.end_since(perf_counter() - action.started_at)

    def _interrupt(self, action: Action) -> None:
        """Raise inside the thread that runs the action; a thread inside C code notices when that returns."""
        thread = action.thread
        if thread is None:
            return
        with thread.lock:
            if thread.current is action:
                _raise_in_thread(thread.ident, _Interrupted)

    def abandon(self, action: Action) -> None:
        """Wake a thread that waits for children of an aborted action."""
        for number, (future, *_) in list(action.calls.items()):
            if type(future) is ThreadCall and action.calls.pop(number, None) is not None:
                future.fail(_Interrupted())

    # ---- running ---------------------------------------------------------------------------------------------------
    async def _run_async(self, action: Action) -> None:
        action.task = asyncio.current_task()
        action.begin()
        try:
            body = self._body(action.definition)
            self._enter(action, body)
            if action.cancel_reason is not None:
                raise asyncio.CancelledError
            values = body.interface.decode_inputs(action.inputs, self.objects)
            value = await body.call(values)
            try:
                ok, payload = True, body.interface.encode_outputs(value, self.objects)
            except OSError as error:
                wait = room.Wait(error, self.log_of(action.id, action.attempt))
                while True:
                    await asyncio.sleep(room.AGAIN_S)
                    with wait:
                        ok, payload = True, body.interface.encode_outputs(value, self.objects)
                        break
        except GeneratorExit:
            raise  # the loop is being torn down
        except BaseException as error:  # SystemExit of a body too: it ends the action, not the worker
            ok, payload = False, self._failed(action, error)
        self._conclude(ok)
        action.task = None
        self._settle(action)
        self.lane.end(action)
        self._drop_calls(action)
        self._send_finished(action, ok, payload, self.link.send)
        if action.active_s > _TELL_AT_ONCE_S:
            self.link.flush()
        self.lane.pump()

    def _run_sync(self, thread: LaneThread, action: Action) -> None:
        action.thread = thread
        with thread.lock:
            thread.current = action
        action.begin()
        try:
            try:
                body = self._body(action.definition)
                self._enter(action, body)
                if action.cancel_reason is not None:
                    raise _Interrupted
                values = body.interface.decode_inputs(action.inputs, self.objects)
                value = body.call(values)
                try:
                    ok, payload = True, body.interface.encode_outputs(value, self.objects)
                except OSError as error:
                    wait = room.Wait(error, self.log_of(action.id, action.attempt))
                    while True:
                        time.sleep(room.AGAIN_S)
                        with wait:
                            ok, payload = True, body.interface.encode_outputs(value, self.objects)
                            break
            except BaseException as error:
                ok, payload = False, self._failed(action, error)
        except _Interrupted:  # the cancel hit while the failure was being told
            ok, payload = False, self._aborted(action)
        self._leave_thread(thread, action)
        self._conclude(ok)
        self._settle(action)
        self.lane.end(action)
        self._drop_calls(action)
        self._send_finished(action, ok, payload, self.link.send_from_thread)

    def _leave_thread(self, thread: LaneThread, action: Action) -> None:
        """From here no interrupt can hit this thread for this action."""
        while True:
            try:
                with thread.lock:
                    thread.current = None
                    if action.cancel_reason is not None:
                        _raise_in_thread(thread.ident, None)  # takes back one that has not been raised
                break
            except _Interrupted:
                continue
        action.thread = None

    def _body(self, definition: Definition) -> Body:
        if definition.body is None:
            definition.body = self.programs.body(definition.declaration)
        return definition.body

    def _enter(self, action: Action, body: Body) -> None:
        info = self._runs.get(run_of(action.id)) or _NO_INFO
        current_action.set(
            ActionContext(
                action.id,
                action.attempt,
                info.get("name", ""),
                action_name(action.id),
                action.definition.declaration.name,
                self.port,
                custom_context=dict(info.get("custom_context") or ()),
                mode=info.get("mode", "remote"),
                raw_data_path=info.get("raw_data_path", ""),
                run_start_time=info.get("run_start_time", 0.0),
            )
        )
        launch = action.definition.launch
        if self._variables is not None and not launch.is_contained:
            self._variables.enter(action.id, launch.env_vars)
        if body.enter is not None:
            body.enter()

    def _failed(self, action: Action, error: BaseException) -> bytes:
        if action.cancel_reason is not None and isinstance(error, (asyncio.CancelledError, _Interrupted)):
            return self._aborted(action)
        if not self.is_own_process:
            last_errors.append(error)
        failure = to_failure(error, worker=self._ident, shown=self.programs.shown, with_locals=True)
        return encode_failure(without_secrets(failure, self.hidden) if self.hidden else failure)

    def _aborted(self, action: Action) -> bytes:
        reason = action.cancel_reason or "aborted"
        return encode_failure(Failure(code="Aborted", message=reason, is_recoverable=False, worker=self._ident))

    def _drop_calls(self, action: Action) -> None:
        """Children that nobody awaited: the engine aborts them, here whoever still waits is cancelled."""
        while action.calls:
            _, (future, *_) = action.calls.popitem()
            if type(future) is ThreadCall or threading.get_ident() == self.port.thread:
                future.cancel()
            else:
                self.loop.call_soon_threadsafe(future.cancel)

    def _conclude(self, ok: bool) -> None:
        """What was written to the report and not flushed yet, also of an action that failed; its checkpoint goes."""
        context = current_action.get()
        if context is not None and ok and context.checkpoint is not None:
            context.checkpoint.forget()
        if context is None or context.report is None or not context.report.has_content():
            return
        try:
            context.report.publish(context)
        except Exception as error:  # the result of the body is worth more than its report
            log = self.log_of(context.action, context.attempt)
            if log is not None:
                log.write("log", f"the report is not published: {error}\n")

    def _send_finished(self, action: Action, ok: bool, payload: bytes, send: Callable[[Any], None]) -> None:
        if action.cancel_reason is not None and action.started_at:
            self._end_offspring(action)
        is_ours = self.actions.get(action.id) is action
        if is_ours:
            del self.actions[action.id]
        if self._variables is not None:
            self._variables.leave(action.id)
        if action.log is not None:
            self._logs.discard(action.log)
            action.log.close()
        if not ok:
            failed_actions.append(action.id)
        if not is_ours:
            return  # another engine has it run elsewhere
        if action.advance is not None:
            action.advance.end(send)
        send((tags.FINISHED, action.id, action.attempt, ok, payload, action.active_s))

    # ---- declarations ----------------------------------------------------------------------------------------------
    def target(self, definition: Definition, task: Any) -> Target:
        """What a body of this definition needs to call `task`; made once."""
        declaration = self.programs.declare(task, definition.declaration)
        digest, body = encode_declaration(declaration)
        target = Target(task, declaration, digest, body)
        target.cache_mode = cache_mode(declaration)
        target.max_age_s = declaration.cache_max_age_s
        target.ignored = tuple(getattr(getattr(task, "cache", None), "ignored_inputs", None) or ())
        if len(definition.targets) > 4096:  # a body that overrides a task anew for every call
            definition.targets.clear()
        if not getattr(getattr(task, "cache", None), "is_changing", False):
            definition.targets[id(task)] = target
        return target

    def cache_mode(self, action: Action, target: Target) -> int:
        """How this call uses the cache, the run's own options considered."""
        if not target.cache_mode:
            return tags.CACHE_OFF
        info = self._runs.get(run_of(action.id)) or _NO_INFO
        if info.get("disable_cache"):
            return tags.CACHE_OFF
        return tags.CACHE_OVERRIDE if info.get("overwrite_cache") else target.cache_mode

    def cache_scope(self, action: Action) -> str:
        """The only project and domain whose cached results count, "" for all."""
        return str((self._runs.get(run_of(action.id)) or _NO_INFO).get("cache_scope") or "")

    def is_recovering(self, action: Action) -> bool:
        """Whether its run recovers another one: then the engine knows what still holds."""
        return bool((self._runs.get(run_of(action.id)) or _NO_INFO).get("recover_from"))

    # ---- logs and announcements ------------------------------------------------------------------------------------
    def log_of(self, number: int, attempt: int) -> AttemptLog | None:
        """The log of an action that runs here, made on first use. Any thread."""
        action = self.actions.get(number)
        if action is None or action.attempt != attempt:
            return None
        log = action.log
        if log is None:
            with self._log_lock:
                log = action.log
                if log is None:
                    log = action.log = AttemptLog(number, attempt, self._send_log, self._log_lock, self.hidden)
                    log.on_bar = partial(self.port.bar, action)
                    self._logs.add(log)
                    if not self._is_log_timer_set:
                        self._is_log_timer_set = True
                        self.loop.call_soon_threadsafe(self.loop.call_later, FLUSH_S, self._flush_logs)
        return log

    def _settle(self, action: Action) -> None:
        """What was written below `sys.stdout` while the action ran is its own."""
        if self.descriptors is not None:
            self.descriptors.settle(is_long=perf_counter() - action.resumed_at > _TELL_AT_ONCE_S)

    def take_output(self, stream: str, text: str) -> bool:
        """Text that came through a descriptor: of the action that runs, else of the oldest that waits here. Any thread.

        Returns:
            Whether there was one.
        """
        running = [action for action in list(self.actions.values()) if action.is_running]
        if not running:
            return False
        busy = [action for action in running if not action.outstanding]
        owner = min(busy or running, key=_started_at)
        log = self.log_of(owner.id, owner.attempt)
        if log is None:
            return False
        if len(busy) != 1 and len(running) > 1:
            log.doubt(stream)
        log.write(stream, text, NATIVE)
        return True

    def _send_log(self, message: Any) -> None:
        if threading.get_ident() == self.port.thread:
            self.link.send(message)
        else:
            self.link.send_from_thread(message)

    def _flush_logs(self) -> None:
        with self._log_lock:
            logs = list(self._logs)
            self._is_log_timer_set = bool(logs)
        for log in logs:
            log.flush()
        if logs:
            self.loop.call_later(FLUSH_S, self._flush_logs)

    def _announce(self) -> None:
        """Tell what began late or runs long; ends by itself when nothing is here."""
        if not self.actions:
            self._is_announcer_set = False
            return
        now, wall = perf_counter(), time.time()
        for action in list(self.actions.values()):
            if action.is_running and not action.is_announced and now - action.arrived_at > _ANNOUNCE_S:
                action.is_announced = True
                self.link.send((tags.STARTED, action.id, action.attempt, wall - (now - action.started_at)))
        self.loop.call_later(_ANNOUNCE_S, self._announce)


_NO_INFO: dict[str, Any] = {}
_started_at = attrgetter("started_at")


def _raise_in_thread(ident: int | None, exc: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(ident or 0), ctypes.py_object(exc) if exc is not None else None
    )
