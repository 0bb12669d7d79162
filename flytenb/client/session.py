"""This process's connection to the engine of a state directory: requests by number, ends of runs, changes of runs.

A daemon thread connects (starting the engine if need be), reads, and connects again when the engine goes away while
something waits. So a caller may capture code while the engine starts, and a wait survives the engine's death.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack
import msgspec

from flytenb import errors
from flytenb.client.link import Link, LinkBroken, connect
from flytenb.client.start import find_or_start
from flytenb.model.phases import ActionPhase
from flytenb.model.snapshot import RunSnapshot
from flytenb.wire import paths, tags

#: Seconds a waiting client gives a *stopped* engine to come back (a restart) before its waits end with an error.
_RESTART_GRACE_S = 10.0
#: Seconds that an engine may take to end.
_ENDING_S = 30.0

#: Seconds until a run is asked for again whose end was not on disk yet.
_ASK_AGAIN_S = 0.05

Ended = tuple[ActionPhase, bytes]
#: (key, group, value)
Secrets = Sequence[tuple[str, str, bytes]]
#: Called from the link's thread with what changed, and with None once the run ended.
Watcher = Callable[[RunSnapshot | None], None]

_decode_changed = msgspec.msgpack.Decoder(RunSnapshot).decode


@dataclass(slots=True)
class _Pending:
    """A request without its answer: sent again on a new link."""

    messages: list[tuple[Any, ...]]
    future: Future[Any]
    #: What the answer's body is decoded to.
    shape: Any = Any
    is_sent: bool = False
    #: (digest, body) that the link must have carried before.
    declaration: tuple[bytes, bytes] | None = None


@dataclass(slots=True)
class _Followed:
    """A run that this process follows."""

    ended: Future[Ended]
    watchers: list[Watcher] = field(default_factory=list)
    #: The engine of this link tells us the end by itself.
    is_known: bool = False
    is_over: bool = False
    #: What it needs of this process's environment.
    secrets: Secrets = field(default=(), repr=False)


class Session:
    """Requests to one engine from any thread of this process."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.pid = os.getpid()
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._thread: threading.Thread | None = None
        self._pending: dict[int, _Pending] = {}
        self._followed: dict[str, _Followed] = {}
        self._next = 0
        self._stopped_at = 0.0
        self._is_closed = False

    # ---- what callers use -----------------------------------------------------------------------------------
    def begin(self) -> None:
        """Start connecting, without waiting for it."""
        with self._lock:
            self._ensure_thread()

    def query(self, method: str, shape: Any = Any, /, **body: Any) -> Any:
        """Ask the engine and wait for the answer, decoded to `shape`.

        Raises:
            EngineError: it cannot be reached.
            RuntimeUserError: it refuses, with its code.
        """
        return self.ask(method, shape, **body).result()

    def ask(self, method: str, shape: Any = Any, /, **body: Any) -> Future[Any]:
        """Ask the engine; the answer comes into the future."""
        packed = msgpack.packb(body, use_bin_type=True)
        return self._request(lambda number: [(tags.QUERY, number, method, packed)], shape=shape)

    def run(
        self,
        run_name: str,
        declaration: tuple[bytes, bytes],
        key: bytes,
        inputs: bytes,
        cache_key: bytes,
        cache_mode: int,
        options: dict[str, Any],
        secrets: Secrets = (),
    ) -> Future[Any]:
        """Submit a run; the future ends when it is on disk. Sent again by itself if the engine dies before.

        `secrets` are (key, group, value) of this process's environment, which the engine keeps in memory only.
        """
        body = msgpack.packb(options, use_bin_type=True)
        digest = declaration[0]
        with self._lock:
            followed = self._follow(run_name)
            followed.is_known, followed.secrets = True, secrets
        return self._request(
            lambda number: [(tags.RUN, number, run_name, digest, key, inputs, cache_key, cache_mode, body, secrets)],
            declaration,
        )

    def ended(self, run_name: str) -> Future[Ended]:
        """The end of a run: its phase, and its outputs or failure. Never cancelled by who waits."""
        with self._lock:
            followed = self._follow(run_name)
            is_known = followed.is_known or followed.is_over
            followed.is_known = True
        if not is_known:
            self._attach(run_name)
        return followed.ended

    def watch(self, run_name: str, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` for each change of a run, with None at its end; returns the undoing.

        Called from the link's thread; at once, from the caller's, when the run is known to have ended.
        """
        with self._lock:
            followed = self._follow(run_name)
            is_over = followed.is_over
            if not is_over:
                followed.watchers.append(watcher)
                followed.is_known = True
        if is_over:
            watcher(None)
        else:
            self._attach(run_name)

        def undo() -> None:
            with self._lock:
                if watcher in followed.watchers:
                    followed.watchers.remove(watcher)

        return undo

    def forget(self, run_name: str) -> None:
        """Drop what is kept of a run whose submission was refused."""
        with self._lock:
            self._followed.pop(run_name, None)

    def close(self) -> None:
        """Leave the engine; what waits here ends with an error."""
        with self._lock:
            self._is_closed = True
            link = self._link
        if link is not None:
            link.close()

    def abandon(self) -> None:
        """In a forked child: the parent's link is not ours."""
        if self._link is not None:
            self._link.forget()

    # ---- requests -------------------------------------------------------------------------------------------
    def _request(
        self,
        messages: Callable[[int], list[tuple[Any, ...]]],
        declaration: tuple[bytes, bytes] | None = None,
        shape: Any = Any,
    ) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # a cancelled waiter must not cancel what others share
        with self._lock:
            if self._is_closed:
                raise errors.EngineError("this process closed its connection to the engine")
            self._next += 1
            pending = _Pending(messages(self._next), future, shape, declaration=declaration)
            self._pending[self._next] = pending
            self._ensure_thread()
            link = self._link
            if link is not None:
                self._send(link, pending)
        return future

    def _send(self, link: Link, pending: _Pending) -> None:
        batch = pending.messages
        if pending.declaration is not None and pending.declaration[0] not in link.declared:
            batch = [(tags.DECLARE, *pending.declaration), *batch]
            link.declared.add(pending.declaration[0])
        try:
            link.send(batch)
            pending.is_sent = True
        except LinkBroken:
            pending.is_sent = False  # the reader sees the end of the link and sends all again

    def _follow(self, run_name: str) -> _Followed:
        followed = self._followed.get(run_name)
        if followed is None:
            future: Future[Ended] = Future()
            future.set_running_or_notify_cancel()
            followed = self._followed[run_name] = _Followed(future)
        return followed

    def _attach(self, run_name: str) -> None:
        """Have the engine tell the changes and the end of a run, and ask whether it has ended already."""
        watching = self._request(lambda number: [(tags.WATCH, number, run_name, True)])
        result = self.ask("result", run=run_name)
        for answer in (watching, result):
            answer.add_done_callback(lambda future: self._attached(run_name, future))

    def _attach_soon(self, run_name: str) -> None:
        def again() -> None:
            followed = self._followed.get(run_name)
            if followed is not None and not followed.is_over and not self._is_closed:
                self._attach(run_name)

        timer = threading.Timer(_ASK_AGAIN_S, again)
        timer.daemon = True
        timer.start()

    def _attached(self, run_name: str, answer: Future[Any]) -> None:
        error = answer.exception()
        if error is not None:
            self._end(run_name, error)
            return
        body = answer.result()
        if isinstance(body, dict) and "phase" in body:
            phase = _phase(body["phase"])
            if phase.is_terminal:
                self._end(run_name, (phase, body.get("payload") or b""))

    def _end(self, run_name: str, outcome: Ended | BaseException) -> None:
        with self._lock:
            followed = self._followed.get(run_name)
            if followed is None or followed.is_over:
                return
            followed.is_over = True
            watchers, followed.watchers = followed.watchers, []
            if isinstance(outcome, BaseException):
                del self._followed[run_name]  # a later wait asks again
        # Outside the lock: callbacks of the future may come back to this session.
        if isinstance(outcome, BaseException):
            followed.ended.set_exception(outcome)
        else:
            followed.ended.set_result(outcome)
        for watcher in watchers:
            watcher(None)

    # ---- the link's thread ----------------------------------------------------------------------------------
    def _ensure_thread(self) -> None:
        if self._thread is None and not self._is_closed:
            self._thread = threading.Thread(target=self._serve, name="flytenb-link", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                link = self._connect()
            except BaseException as error:
                self._fail_all(error if isinstance(error, errors.FlytenbError) else _unreachable(self.state, error))
                return
            try:
                for message in link.messages():
                    self._on_message(message)
            finally:
                link.close()
            with self._lock:
                self._link = None
                for pending in self._pending.values():
                    pending.is_sent = False
                if self._is_closed or not self._has_waiters():
                    self._thread = None
                    if not self._is_closed:
                        return
            if self._is_closed:
                self._fail_all(errors.EngineError("this process closed its connection to the engine"))
                return

    def _connect(self) -> Link:
        if self._stopped_at and time.monotonic() - self._stopped_at < _RESTART_GRACE_S:
            link = self._wait_for_restart()
        else:
            link = find_or_start(self.state)
        self._stopped_at = 0.0
        with self._lock:
            self._link = link
            for pending in list(self._pending.values()):
                self._send(link, pending)
            open_runs = [name for name, run in self._followed.items() if run.is_known and not run.is_over]
            in_flight = {p.messages[0][2] for p in self._pending.values() if p.messages[0][0] == tags.RUN}
            secrets = {name: run.secrets for name in open_runs if (run := self._followed[name]).secrets}
        for name in open_runs:
            if name not in in_flight:
                if name in secrets:  # an engine that was started anew has forgotten them
                    with contextlib.suppress(LinkBroken):
                        link.send([(tags.OFFER, name, secrets[name])])
                self._attach(name)
        return link

    def _wait_for_restart(self) -> Link:
        # Somebody stopped the engine on purpose: starting it again behind his back would make `engine stop` useless
        # while a notebook waits.
        began = time.monotonic()
        while time.monotonic() - self._stopped_at < _RESTART_GRACE_S:
            try:
                return connect(self.state)
            except LinkBroken:
                if paths.info_path(self.state).exists() and time.monotonic() - began < _ENDING_S:
                    self._stopped_at = time.monotonic()  # it has not ended yet: its containers may take their time
                time.sleep(0.1)
        raise errors.EngineError(
            "the engine was stopped while this process waited; nothing is lost: `flytenb engine start` goes on with it"
        )

    def _has_waiters(self) -> bool:
        return bool(self._pending) or any(run.is_known and not run.is_over for run in self._followed.values())

    def _on_message(self, message: list[Any]) -> None:
        tag = message[0]
        if tag == tags.REPLY:
            self._on_reply(message[1], message[2], message[3])
        elif tag == tags.ENDED:
            phase = _phase(message[2])
            if phase.is_terminal:
                self._end(message[1], (phase, message[3]))
            else:  # its end was on the way to the disk: ask again
                self._attach_soon(message[1])
        elif tag == tags.CHANGED:
            with self._lock:
                followed = self._followed.get(message[1])
                watchers = list(followed.watchers) if followed is not None else []
            if watchers:
                changed = _decode_changed(message[2])
                for watcher in watchers:
                    watcher(changed)
        elif tag == tags.SHUTDOWN:
            self._stopped_at = time.monotonic()

    def _on_reply(self, number: int, ok: bool, body: Any) -> None:
        with self._lock:
            pending = self._pending.pop(number, None)
        if pending is None:
            return
        try:
            answer = msgspec.msgpack.decode(body, type=pending.shape if ok else Any) if body else None
        except msgspec.MsgspecError as error:
            pending.future.set_exception(errors.EngineError(f"the engine's answer cannot be read: {error}"))
            return
        if ok:
            pending.future.set_result(answer)
        else:
            pending.future.set_exception(_refusal(answer))

    def _fail_all(self, error: BaseException) -> None:
        with self._lock:
            self._thread = None
            self._link = None
            pending, self._pending = list(self._pending.values()), {}
            open_runs = [name for name, run in self._followed.items() if not run.is_over]
        for request in pending:
            request.future.set_exception(error)
        for name in open_runs:
            self._end(name, error)


def _phase(value: int | str) -> ActionPhase:
    return ActionPhase.of(value) if isinstance(value, int) else ActionPhase(value)


def _refusal(answer: Any) -> Exception:
    """The engine's {code, message} as the error a caller catches."""
    answer = answer if isinstance(answer, dict) else {"message": str(answer)}
    code, message = str(answer.get("code") or "EngineError"), str(answer.get("message") or "the engine refused")
    named = getattr(errors, code, None)
    if code == "EngineError":
        return errors.EngineError(message)
    if isinstance(named, type) and issubclass(named, errors.FlytenbError):
        return named(message)
    return errors.error_of(code, message)


def _unreachable(state: Path, error: BaseException) -> errors.EngineError:
    return errors.EngineError(f"the engine of {state} cannot be reached: {error}; see `flytenb engine logs`")


# ---- one session per process and state directory ------------------------------------------------------------------
_sessions: dict[Path, Session] = {}
_sessions_lock = threading.Lock()


def session(state: Path | None = None) -> Session:
    """The session of this process for a state directory (default: `FLYTENB_HOME`), made on first use."""
    state = state or paths.home()
    with _sessions_lock:
        found = _sessions.get(state)
        if found is None or found.pid != os.getpid() or found._is_closed:
            found = _sessions[state] = Session(state)
    return found


def _after_fork() -> None:
    global _sessions_lock
    _sessions_lock = threading.Lock()
    for inherited in _sessions.values():
        inherited.abandon()
    _sessions.clear()


os.register_at_fork(after_in_child=_after_fork)
