"""One run as a document for auditors: who, where, when, with what code and software, from what to what.

The layout is described in docs/why.md; `format` grows when the meaning of a field changes.
"""

from __future__ import annotations

from datetime import datetime, timezone
from hashlib import blake2b
from typing import Any

import msgspec
from msgpack import ExtType

from flytenb.capture.ingredients import ingredients_of, read_program
from flytenb.client import handle
from flytenb.client.explain.differences import input_digests
from flytenb.client.previews import without_secrets
from flytenb.client.session import Session
from flytenb.codec import leaves, plain
from flytenb.codec import payload as layout
from flytenb.codec.objects import ObjectStore
from flytenb.errors import FlytenbError
from flytenb.model.declaration import TaskDeclaration, decode_declaration
from flytenb.model.snapshot import ActionRow, RunRow
from flytenb.model.usage import Usage

FORMAT = "flytenb.audit/1"
#: What of a run's origin is told of who started it and where.
_WHO = ("user", "host", "cwd", "python", "pid", "script", "notebook", "cell", "cell_id", "project", "domain")


def audit(link: Session, store: ObjectStore, run: str) -> dict[str, Any]:
    """The document of one run, plain data.

    Raises:
        RuntimeUserError: code RunNotFound.
    """
    row: RunRow = link.query("run", RunRow, run=run)
    actions: list[ActionRow] = link.query("actions", list[ActionRow], run=row.name, io=True)
    placements = handle.read_placements(link, row.name)
    usages = handle.read_usages(link, row.name)
    declarations: dict[str, TaskDeclaration] = {}
    for action in actions:
        if action.task not in declarations:
            declaration = decode_declaration(handle.read_io(link, row.name, action.name).declaration)
            declarations[action.task] = declaration
    tasks = {name: _task(one, store) for name, one in declarations.items()}
    document = {
        "format": FORMAT,
        "run": {
            "name": row.name,
            "task": row.task,
            "phase": row.phase,
            "created_at": _moment(row.created_at),
            "ended_at": _moment(row.ended_at),
            "action_count": row.action_count,
            "failed_count": row.failed_count,
            "cached_count": row.cached_count,
        },
        "who": {name: row.origin[name] for name in _WHO if name in row.origin},
        "origin": row.origin,
        "tasks": tasks,
        "placements": {str(number): msgspec.to_builtins(one) for number, one in sorted(placements.items())},
        "actions": [
            {**_action(action, declarations[action.task]), **_usage(usages.get(action.name))} for action in actions
        ],
    }
    cleaned: dict[str, Any] = without_secrets(document)
    return cleaned


def _task(declaration: TaskDeclaration, store: ObjectStore) -> dict[str, Any]:
    settings = declaration.cache_settings
    return {
        "environment": declaration.environment,
        "code": {"place": declaration.source, "line": declaration.source_line, "program": declaration.program},
        "interface": {side: declaration.interface.get(side, []) for side in ("inputs", "outputs")},
        "image": declaration.image,
        "cache": {
            "behavior": declaration.cache,
            "key": declaration.key,
            "doubts": list(declaration.key_doubts),
            "settings": msgspec.to_builtins(settings) if settings is not None else {},
        },
        "ingredients": _ingredients(declaration, store),
    }


def _ingredients(declaration: TaskDeclaration, store: ObjectStore) -> list[dict[str, str]]:
    try:
        program = read_program(store.get(declaration.program)) if declaration.program else {}
    except (FlytenbError, LookupError, ValueError):
        return []
    found = ingredients_of(program, declaration.entry)
    parts = found.parts.values() if found is not None else ()
    return [
        {"name": part.label, "kind": part.kind, "digest": part.digest, "place": part.place, "value": part.said}
        for part in sorted(parts, key=lambda part: part.label)
    ]


def _action(action: ActionRow, declaration: TaskDeclaration) -> dict[str, Any]:
    ignored = declaration.cache_settings.ignored if declaration.cache_settings is not None else ()
    failure = action.failure
    return {
        "name": action.name,
        "parent": action.parent,
        "task": action.task,
        "group": action.group,
        "phase": action.phase,
        "attempt": action.attempt,
        "is_cached": action.is_cached,
        "saved_s": action.saved_s,
        "accepted_at": _moment(action.accepted_at),
        "started_at": _moment(action.started_at),
        "ended_at": _moment(action.ended_at),
        "placement": str(action.placement) if action.placement else "",
        "inputs": [{**one, "is_ignored": one["name"] in ignored} for one in _values(action.inputs)],
        "outputs": _values(action.outputs),
        "failure": {"code": failure.code, "message": failure.message, "kind": failure.kind} if failure else None,
    }


def _usage(usage: Usage | None) -> dict[str, Any]:
    """The sums and peaks of an action that took long, not what they were in between."""
    if usage is None:
        return {}
    gpus = {gpu.id: {"busy_peak": gpu.busy_peak, "memory_peak_bytes": gpu.memory_peak_bytes} for gpu in usage.gpus}
    told = {
        "cpu_s": usage.cpu_s,
        "cpu_peak": usage.cpu_peak,
        "memory_peak_bytes": usage.memory_peak_bytes,
        "gpus": gpus,
        "shared_by": usage.shared_by,
    }
    return {"usage": told}


def _values(payload: bytes) -> list[dict[str, Any]]:
    """Name, type, size and digest of each value; `objects` are the files of the object store that hold it."""
    if not payload:
        return []
    digests = input_digests(payload)
    items = dict(zip(layout.names(payload), leaves.unpack_with(payload, ExtType)[2], strict=False))
    return [
        {
            "name": one.name,
            "type": one.type,
            "size_bytes": one.size_bytes,
            "digest": digests.get(one.name, blake2b(payload, digest_size=16).hexdigest()),
            "objects": _objects(items.get(one.name)),
        }
        for one in plain.preview(payload)
    ]


def _objects(item: Any) -> list[str]:
    found: list[str] = []
    if type(item) is ExtType and item.code == leaves.REFERENCE:
        found.append(leaves.unpack_with(item.data, ExtType)[2].hex())
    elif isinstance(item, list):
        if item and type(item[0]) is ExtType and item[0].code in (leaves.FILE, leaves.DIR, leaves.FRAME):
            content = item[1].get("content") if isinstance(item[1], dict) else None
            return [content] if isinstance(content, str) else []
        for part in item:
            found += _objects(part)
    elif isinstance(item, dict):
        for part in item.values():
            found += _objects(part)
    return found


def _moment(seconds: float) -> str:
    """ISO 8601, UTC; "" for a moment that has not come."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat() if seconds else ""
