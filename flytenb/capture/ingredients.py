"""What a key was made of, kept inside the program that has the code: names, digests, places, and short values.

A program's body carries one packed table for all its tasks, so that equal parts are stored once and nothing is
written or read while actions run. The engine never looks inside; `why` and `plan` read it back.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import msgpack

from flytenb.capture.items import digest
from flytenb.capture.key import CodeKey


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a key was made of."""

    #: "clean", "module:name" for one of another module, "name is" for what a name means.
    label: str
    kind: str
    #: What it contributes; names of distributions with their versions stand in it as text.
    digest: str
    #: "Cell In[4], line 8" or "path, line 3", "" for what has no text.
    place: str
    #: A short value as text, "" for others.
    said: str


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What the key of one task's code was made of."""

    key: str
    parts: dict[str, Part]
    #: Labels that the task reaches without going through another task.
    own: frozenset[str]


def packed(keys: Iterable[tuple[str, CodeKey]]) -> bytes:
    """The table of several tasks' keys, by entry."""
    rows: dict[tuple[str, ...], int] = {}
    tasks: dict[str, list[Any]] = {}
    for entry, key in keys:
        numbers = []
        for label in sorted(key.parts):
            kind, content, place = key.parts[label]
            if kind in ("value", "patch"):  # the content of small values stands in it as text: it may be a secret
                content = digest("value", content)
            row = (label, kind, content, place, key.said.get(label, ""))
            numbers.append(rows.setdefault(row, len(rows)))
        own = [index for index, label in enumerate(sorted(key.parts)) if label in key.own]
        tasks[entry] = [key.hex, numbers, own]
    data: bytes = msgpack.packb([list(rows), tasks], use_bin_type=True, unicode_errors="surrogatepass")
    return data


def ingredients_of(program: dict[str, Any], entry: str) -> Ingredients | None:
    """The ingredients of a task's key; None when the program was stored without."""
    table = program.get("ingredients")
    if not table:
        return None
    rows, tasks = msgpack.unpackb(table, unicode_errors="surrogatepass")
    found = tasks.get(entry)
    if found is None:
        return None
    key, numbers, own = found
    parts = [Part(*rows[number]) for number in numbers]
    return Ingredients(key, {part.label: part for part in parts}, frozenset(parts[index].label for index in own))


def read_program(body: bytes) -> dict[str, Any]:
    """A program's body as plain data."""
    data = msgpack.unpackb(body, unicode_errors="surrogatepass")
    return data if isinstance(data, dict) else {}


def text_of(program: dict[str, Any], part: Part, get: Callable[[str], bytes]) -> str:
    """The source of a part as the program has it; "" when it has none.

    Args:
        program: from `read_program`.
        part: of this program's ingredients.
        get: reads the object store.
    """
    where, _, line = part.place.rpartition(", line ")
    name = part.label.rpartition(":")[2].partition("@")[0].rpartition(".")[2]
    for chunk_name, text, place, *_ in program.get("chunks") or ():
        if place == where and chunk_name in (name, f"_make_{name}"):
            return str(text)
    manifest = program.get("files")
    if not manifest or not line.isdigit():
        return ""
    listed = msgpack.unpackb(get(manifest), unicode_errors="surrogatepass")["files"]
    for name_in_store, _mode, path in listed.values():
        if path == where:
            return definition_at(get(name_in_store).decode("utf-8", "replace"), int(line))
    return ""


def located(
    program: dict[str, Any], before: Ingredients, now: Ingredients, home: str, get: Callable[[str], bytes]
) -> Ingredients:
    """The same ingredients with the places of values that differ: those of files are looked for in their text.

    Args:
        program: that of `now`.
        home: path of the file that declares the task.
    """
    parts = dict(now.parts)
    for label, part in now.parts.items():
        old = before.parts.get(label)
        if part.kind == "value" and not part.place and old is not None and old.digest != part.digest:
            parts[label] = replace(part, place=_binding(program, label, home, get))
    return replace(now, parts=parts)


def _binding(program: dict[str, Any], label: str, home: str, get: Callable[[str], bytes]) -> str:
    """Where a file's text binds a global name the last time; "" when it does not."""
    manifest = program.get("files")
    module, _, name = label.rpartition(":")
    ends = [f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py"]
    files = msgpack.unpackb(get(manifest), unicode_errors="surrogatepass")["files"] if manifest else {}
    for relative, (stored, _mode, path) in files.items():
        if path != home if not module else not any(relative == end or relative.endswith(f"/{end}") for end in ends):
            continue
        try:
            tree = ast.parse(get(stored))
        except (SyntaxError, ValueError):
            continue
        lines = [node.lineno for node in tree.body if _binds(node, name)]
        if lines:
            return f"{path}, line {lines[-1]}"
    return ""


def _binds(node: ast.stmt, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return any(isinstance(one, ast.Name) and one.id == name for one in targets)


def definition_at(text: str, line: int) -> str:
    """The innermost definition or statement of a module that begins at a line (decorators count)."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return ""
    best: ast.stmt | None = None
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or not _first(node) <= line <= (node.end_lineno or node.lineno):
            continue
        is_definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if (is_definition or node in tree.body) and (best is None or _first(node) >= _first(best)):
            best = node
    if best is None:
        return ""
    return "\n".join(text.splitlines()[best.lineno - 1 : best.end_lineno])


def _first(node: ast.stmt) -> int:
    lines: list[int] = [one.lineno for one in getattr(node, "decorator_list", ())]
    return min([node.lineno, *lines])
