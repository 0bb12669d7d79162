"""What a key was made of, kept inside the program that has the code: names, digests, places, and short values.

A program's body carries one packed table for all its tasks, so that equal parts are stored once and nothing is
written or read while actions run. The engine never looks inside; `why` and `plan` read it back.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
