"""What may come in over a link, beyond the layout: the rules believe what they hear, so what is wrong stops here.

A refusal closes the link that sent it, with its reason; nothing of it happens. Every check looks at one message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from flytenb.model.declaration import decode_declaration, digest_of
from flytenb.model.events import (
    Declare,
    Finished,
    Hello,
    Hit,
    LaneFacts,
    Log,
    Offer,
    Progress,
    Query,
    Report,
    Resume,
    RunOptions,
    RunRequest,
    Submit,
    Trace,
    Watch,
)
from flytenb.model.outcome import decode_failure
from flytenb.model.tags import CACHE_OVERRIDE

if TYPE_CHECKING:
    from flytenb.engine.link import Link
    from flytenb.rules import State

#: What only clients may send.
NOT_FOR_WORKERS = frozenset((Query, Watch, RunRequest, Offer))
#: Who may say hello as what.
ROLES = frozenset(("client", "worker", "local"))
#: Names of runs and of workers are parts of addresses and of file names.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_STREAMS = frozenset(("stdout", "stderr", "log"))
_decode_facts = msgspec.msgpack.Decoder(LaneFacts).decode
_decode_options = msgspec.msgpack.Decoder(RunOptions).decode
#: What decoding raises; a body nested too deeply is a RecursionError.
_UNREADABLE = (msgspec.MsgspecError, RecursionError, ValueError, TypeError)


def stranger(state: State, link: Link, hello: Hello) -> str:
    """Why nobody can say hello like this, whatever the token, or ""."""
    if link.is_confined and hello.role != "worker":
        return "this socket is for workers"
    if hello.role not in ROLES:
        return f"there is no role {hello.role[:40]!r}"
    if not _NAME.fullmatch(hello.ident):  # it names a folder
        return f"nobody can be called {hello.ident[:100]!r}"
    lane = state.lanes.get(hello.ident)
    if lane is not None and hello.role != "client" and (hello.role == "local") != bool(lane.pin):
        return f"{hello.ident!r} is another worker"
    return ""


def refusal(state: State, link: Link, event: Any) -> str:
    """Why this message of a greeted link cannot be, or ""."""
    kind = type(event)
    if link.is_confined and kind in NOT_FOR_WORKERS:
        return "this socket is for workers: runs and questions come from outside of containers"
    check = _CHECKS.get(kind)
    return check(state, link, event) if check is not None else ""


def is_others(state: State, link: Link, action: int) -> bool:
    """Whether a worker speaks of an action that it does not have: what it says is left out."""
    lane = link.lane
    if lane is None:
        return True
    return action not in lane.actions and action not in lane.zombies


def _hello(state: State, link: Link, event: Hello) -> str:
    return "hello was said before; one link is one process"


def _declare(state: State, link: Link, event: Declare) -> str:
    if event.digest != digest_of(event.body):
        return "a declaration's digest is not that of its body"
    if event.digest not in state.tasks:
        try:
            declaration = decode_declaration(event.body)
        except _UNREADABLE as error:
            return f"a declaration cannot be read: {error}"
        if said := _unfit(declaration):
            return f"the declaration of task {declaration.name[:200]!r} cannot be: {said}"
    link.declared.add(event.digest)
    return ""


def _unfit(declaration: Any) -> str:
    for name in ("timeout_s", "queue_timeout_s", "deadline_s", "backoff_base_s", "backoff_cap_s", "cache_max_age_s"):
        if not 0 <= getattr(declaration, name) < float("inf"):
            return f"{name} is {getattr(declaration, name)}"
    if not 0 < declaration.backoff_factor < float("inf"):
        return f"backoff_factor is {declaration.backoff_factor}"
    asked = declaration.resources
    for name in ("cpu", "memory_bytes", "disk_bytes", "shm_bytes", "gpu"):
        value = getattr(asked, name)
        if value is not None and not 0 <= value <= 1 << 62:
            return f"it asks for {name} {value}"
    return ""


def _called(state: State, link: Link, event: Submit | Hit | RunRequest) -> str:
    if event.digest not in link.declared and event.digest not in state.tasks:
        return "a task was called that was not declared"
    if type(event) is not Hit and event.cache_mode > CACHE_OVERRIDE:  # type: ignore[union-attr]
        return f"there is no cache mode {event.cache_mode}"  # type: ignore[union-attr]
    return ""


def _run(state: State, link: Link, event: RunRequest) -> str:
    if not _NAME.fullmatch(event.run_name):
        return f"a run cannot be named {event.run_name[:200]!r}"
    try:
        _decode_options(event.body)
    except _UNREADABLE as error:
        return f"the options of run {event.run_name!r} cannot be read: {error}"
    return _called(state, link, event)


def _finished(state: State, link: Link, event: Finished) -> str:
    if not event.ok:
        try:
            decode_failure(event.payload)
        except _UNREADABLE as error:
            return f"a failure cannot be read: {error}"
    return ""


def _log(state: State, link: Link, event: Log) -> str:
    return "" if event.stream in _STREAMS else f"there is no stream {event.stream[:40]!r}"


def _resume(state: State, link: Link, event: Resume) -> str:
    try:
        _decode_facts(event.facts)
    except _UNREADABLE as error:
        return f"what a worker kept for the engine cannot be read: {error}"
    return "" if link.role == "worker" else "only workers come back"


def _report(state: State, link: Link, event: Report) -> str:
    return "" if _DIGEST.fullmatch(event.digest) else "a report is named by the digest of its page"


_CHECKS: dict[type, Callable[[Any, Any, Any], str]] = {
    Hello: _hello,
    Declare: _declare,
    Submit: _called,
    Hit: _called,
    RunRequest: _run,
    Finished: _finished,
    Log: _log,
    Resume: _resume,
    Report: _report,
}
#: A worker's words about an action count only while it has the action.
OWN_ONLY = frozenset((Log, Trace, Report, Progress))
