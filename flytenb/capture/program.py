"""What is shipped: one generated module (`slice`), or a project's files and the module to import (`files`).

A program's body is a msgpack map; with its blobs it goes into the object store, where its digest names it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgpack

from flytenb.capture import files
from flytenb.capture import slice as slicing
from flytenb.capture.ingredients import packed
from flytenb.capture.items import Item
from flytenb.capture.key import CodeKey, Snapshot, key_of, snapshot_of
from flytenb.capture.modules import kind_of_module
from flytenb.capture.recognise import is_task, is_whole, unwrapped
from flytenb.capture.registry import registry
from flytenb.capture.whole import ENTRY, whole_body
from flytenb.errors import CaptureError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """One task of a program, as the worker needs it to declare calls of it."""

    #: "environment.function".
    name: str
    short_name: str
    #: Name in the generated module; "module:qualname" for files.
    entry: str
    #: Key of its code, "" when it was refused one.
    key: str = ""
    doubts: tuple[str, ...] = ()
    #: "Cell In[4]" or a path, and the line of the function.
    source: str = ""
    line: int = 0
    #: What the caller's `describe` said of the task, plain data.
    config: Any = None
    #: What its key was made of; None when it was refused one.
    code: CodeKey | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """Code that can run elsewhere."""

    #: "slice", "files", or "whole" for a task that has no function.
    kind: str
    #: Hex digest of `body` in the object store.
    digest: str
    body: bytes
    #: To be put into the object store before use.
    blobs: list[bytes]
    #: The root's entry.
    entry: str
    #: Task name → entry.
    tasks: dict[str, str]
    entries: dict[str, TaskEntry]
    #: Digest of the bundled files ("" = none): `Launch.files`.
    files: str = ""
    #: The generated module, to be read; "" for files.
    text: str = ""
    key: CodeKey | None = None

    @property
    def root(self) -> TaskEntry:
        """The entry of the root."""
        return self.entries[self.entry]


def build_program(
    root: Any,
    *,
    describe: Callable[[Any], Any] | None = None,
    root_dir: str | os.PathLike[str] | None = None,
    copy_style: str = "loaded_modules",
    namespace: dict[str, Any] | None = None,
) -> Program:
    """The program of a task or function as it is now.

    Args:
        root: a task, or a plain function.
        describe: plain data for a task object, given to `make_task` in the worker.
        root_dir: the project's directory; by default that of the script.
        copy_style: "loaded_modules" or "all" (every file below `root_dir`, `.gitignore` respected).
        namespace: the notebook's globals, when the registry does not know them.

    Raises:
        CaptureError: something that the task reaches cannot travel.
    """
    if namespace is not None and registry.namespace is None:
        registry.namespace = namespace
    if is_whole(root):
        return _whole_program(root)
    func = unwrapped(root.func if is_task(root) else root)
    home = _home_of(func, root)
    if home is None:
        return _slice_program(root, func, describe, root_dir)
    return _files_program(root, home, describe, root_dir, copy_style)


def _whole_program(task: Any) -> Program:
    name, (source, line) = ENTRY, task.place
    body = whole_body(task)
    entry = TaskEntry(*_names(task), entry=name, key=task.code_key, source=source, line=line)
    return Program("whole", sha256(body).hexdigest(), body, [], name, {task.name: name}, {name: entry})


def _home_of(func: Any, root: Any) -> tuple[str, str, str] | None:
    """(module, qualname, script path or "") when a worker can import the function; None when it must be cut out."""
    globals_ = func.__globals__
    name = globals_.get("__name__", "")
    qualname = getattr(func, "__qualname__", "")
    at: Any = None
    top, *rest = qualname.split(".")
    at = globals_.get(top)
    for part in rest:
        at = getattr(at, part, None)
    if at is not func and at is not root and not (is_task(at) and unwrapped(at.func) is func):
        # An alias or a wrapper: any global name that holds the root will do.
        qualname = next((n for n, v in list(globals_.items()) if v is root), "")
        if not qualname:
            return None
    if name == "__main__":
        path = globals_.get("__file__")
        if not isinstance(path, str) or not path.endswith(".py") or not os.path.exists(path):
            return None
        if os.path.realpath(func.__code__.co_filename) != os.path.realpath(path):
            return None
        return os.path.splitext(os.path.basename(path))[0], qualname, os.path.abspath(path)
    module = sys.modules.get(name)
    if module is None or vars(module) is not globals_ or kind_of_module(module) == "none":
        return None
    return name, qualname, ""


def _slice_program(root: Any, func: Any, describe: Any, root_dir: Any) -> Program:
    made = snapshot_of(root, ship=func.__globals__)
    cache_key = ("slice", id(describe), str(root_dir))
    known: Program | None = made.made.get(cache_key)
    if known is not None:
        return known
    out = slicing.slice_of(made.graph, made.root)
    manifest, blobs = files.of_modules(made.graph.modules, root_dir)
    entries: dict[str, TaskEntry] = {}
    for item in out.tasks:
        entries[item.name] = _entry(item, item.name, made, describe)
    _add_imported(entries, made, describe)
    if made.root.name not in entries:
        entries[made.root.name] = _entry(made.root, made.root.name, made, describe)
    body = {
        "v": FORMAT,
        "kind": "slice",
        "entry": made.root.name,
        "chunks": [[c.name, c.text, c.where, c.line, c.future] for c in out.chunks],
        "values": out.values,
        "tasks": [item.name for item in out.tasks],
        "entries": {name: _plain(entry) for name, entry in entries.items()},
        "files": manifest,
    }
    program = _program("slice", body, blobs, made.root.name, entries, manifest, out.text, made.key)
    made.made[cache_key] = program
    return program


def _files_program(root: Any, home: tuple[str, str, str], describe: Any, root_dir: Any, copy_style: str) -> Program:
    module, qualname, script = home
    entries: dict[str, TaskEntry] = {}
    key: CodeKey | None = None
    main = f"{module}:{qualname}"
    try:
        made = snapshot_of(root)
    except CaptureError as error:  # a worker imports the files, so only the key is lost
        entries[main] = TaskEntry(*_names(root), entry=main, doubts=(str(error),), config=_config(root, describe))
    else:
        key = made.key
        for item in made.graph.items:
            if item.task is not None and item.space.globals is made.root.space.globals and item.kind != "alias":
                entry = main if item is made.root else f"{module}:{item.name}"
                entries[entry] = _entry(item, entry, made, describe)
        _add_imported(entries, made, describe)
        if main not in entries:
            entries[main] = _entry(made.root, main, made, describe)
    manifest, blobs = files.of_project(module, script, root_dir, copy_style)
    body = {
        "v": FORMAT,
        "kind": "files",
        "module": module,
        "script": script,
        "entry": main,
        "entries": {name: _plain(entry) for name, entry in entries.items()},
        "files": manifest,
    }
    return _program("files", body, blobs, main, entries, manifest, "", key)


def _program(
    kind: str,
    body: Any,
    blobs: list[bytes],
    entry: str,
    entries: dict[str, TaskEntry],
    manifest: str,
    text: str,
    key: CodeKey | None,
) -> Program:
    body["ingredients"] = packed((one.entry, one.code) for one in entries.values() if one.code is not None)
    data = msgpack.packb(body, use_bin_type=True)
    tasks: dict[str, str] = {}
    for name, one in entries.items():
        tasks.setdefault(one.name, name)
    return Program(kind, sha256(data).hexdigest(), data, blobs, entry, tasks, entries, manifest, text, key)


def _names(obj: Any) -> tuple[str, str]:
    """Name and short name."""
    if is_task(obj) or is_whole(obj):
        return obj.name, obj.short_name
    return getattr(obj, "__qualname__", "task"), getattr(obj, "__name__", "task")


def _entry(item: Item, entry: str, made: Snapshot, describe: Any) -> TaskEntry:
    subject = item.task if item.task is not None else item.obj
    target = next(iter(item.hard)) if item.kind == "alias" else item
    if target.kind == "from" or target.space is not made.root.space:
        return _imported_entry(target, entry, describe)
    key = made.key if target is made.root else key_of(made.graph, target)
    return TaskEntry(
        *_names(subject), entry=entry, key=key.hex, doubts=key.doubts, source=target.where, line=target.line,
        config=_config(subject, describe), code=key,
    )  # fmt: skip


def _imported_entry(item: Item, entry: str, describe: Any) -> TaskEntry:
    """A task of a local module: its key is what it would be if the module were the root."""
    try:
        key = snapshot_of(item.obj).key
    except CaptureError as error:
        key = CodeKey("", {}, (str(error),))
    return TaskEntry(
        *_names(item.obj), entry=entry, key=key.hex, doubts=key.doubts, source=item.where, line=item.line,
        config=_config(item.obj, describe), code=key if key.hex else None,
    )  # fmt: skip


def _add_imported(entries: dict[str, TaskEntry], made: Snapshot, describe: Any) -> None:
    known = {entry.name for entry in entries.values()}
    for item in made.graph.items:
        if item.task is None or item.space.ships or not item.space.module or item.space is made.root.space:
            continue
        if item.kind != "alias" and item.task.name not in known:
            entry = f"{item.space.module}:{item.name}"
            entries[entry] = _imported_entry(item, entry, describe)


def _config(subject: Any, describe: Any) -> Any:
    return describe(subject) if describe is not None and is_task(subject) else None


def _plain(entry: TaskEntry) -> dict[str, Any]:
    return {
        "name": entry.name, "short_name": entry.short_name, "entry": entry.entry, "key": entry.key,
        "doubts": list(entry.doubts), "source": entry.source, "line": entry.line, "config": entry.config,
    }  # fmt: skip
