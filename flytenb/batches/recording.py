"""What a cell took and left, kept so that a resumed batch can do without running it. Called in the kernel, silently.

A cell is kept when all that it reads and all that it leaves can be pickled and compared by value. Cells that define
functions, classes or environments, and those with magics, run again: definitions are cheap and come from executed text.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import json
import os
import pickle
import types
from pathlib import Path
from typing import Any

#: Names that IPython sets itself.
_IPYTHONS = ("In", "Out", "get_ipython", "exit", "quit", "open")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
#: What is larger is not kept.
_MOST_BYTES = 200 << 20
#: Before a cell: its number → what it reads, by name.
_taken: dict[int, dict[str, str]] = {}


def refusal(source: str) -> str:
    """Why a cell of this text always runs; "" when it need not."""
    lines = [line.lstrip() for line in source.splitlines()]
    if any(line.startswith(("%", "!")) for line in lines):
        return "it has magics or shell lines"
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return "it is not plain Python"
    if any(isinstance(node, _DEFINITIONS) for node in tree.body):
        return "it defines functions or classes"
    if tree.body and all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in tree.body):
        return "it imports"
    return ""


def names_of(source: str) -> tuple[set[str], set[str]]:
    """Names that a cell reads, and those that it sets."""
    nodes = list(ast.walk(ast.parse(source)))
    read = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    set_ = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            set_ |= {(one.asname or one.name).partition(".")[0] for one in node.names}
    return read, set_


# ---- in the kernel -------------------------------------------------------------------------------------------------
def before(number: int, source: str, folder: str, definitions: str) -> str:
    """A cell is about to be executed: whether what is kept of it in that folder holds, as JSON {"restored", "why"}.

    Args:
        number: of the cell.
        source: its text.
        folder: where a resumed batch kept it; "" = nowhere.
        definitions: digest of the texts that ran so far because they always run.
    """
    names = _namespace()
    why = refusal(source)
    if why:
        return json.dumps({"restored": False, "why": why})
    read, _ = names_of(source)
    digests = {}
    for name in sorted(read & names.keys()):
        digest = _digest(names[name])
        if not digest:
            return json.dumps({"restored": False, "why": f"it reads {name}, which cannot be compared"})
        digests[name] = digest
    _taken[number] = {**digests, "": definitions}
    if not folder:
        return json.dumps({"restored": False, "why": ""})
    try:
        kept = json.loads(Path(folder, f"{number}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return json.dumps({"restored": False, "why": "it was not recorded"})
    if kept["why"]:
        return json.dumps({"restored": False, "why": kept["why"]})
    if kept["source"] != source:
        return json.dumps({"restored": False, "why": "its text is another"})
    if kept["taken"] != _taken[number]:
        was, now = kept["taken"], _taken[number]
        changed = [name for name in {**was, **now} if was.get(name) != now.get(name)]
        what = "what is defined above" if "" in changed else ", ".join(sorted(changed)[:4])
        return json.dumps({"restored": False, "why": f"{what} is another"})
    try:
        with open(Path(folder, f"{number}.pickle"), "rb") as file:
            values = {name: _unpacked(*packed) for name, packed in pickle.load(file).items()}
    except Exception as error:
        return json.dumps({"restored": False, "why": f"what it left cannot be read: {type(error).__name__}: {error}"})
    names.update(values)
    shell = _shell()
    if shell is not None:
        shell.execution_count = number + 1
    return json.dumps({"restored": True, "why": ""})


def after(number: int, source: str, folder: str) -> str:
    """A cell has been executed: keep what it left; why not, as text."""
    taken = _taken.pop(number, None)
    kept: dict[str, Any] = {"source": source, "taken": taken, "why": ""}
    if taken is None:
        kept["why"] = refusal(source) or "what it reads cannot be compared"
    else:
        names = _namespace()
        _, set_ = names_of(source)
        changed = {name for name, digest in taken.items() if name and name in names and _digest(names[name]) != digest}
        values = {name: names[name] for name in sorted(set_ | changed) if name in names}
        kept["why"] = _keep(values, Path(folder, f"{number}.pickle"))
    _write(Path(folder, f"{number}.json"), json.dumps(kept).encode())
    return str(kept["why"])


def _keep(values: dict[str, Any], place: Path) -> str:
    for name, value in values.items():
        if not _digest(value):
            return f"it sets {name} ({type(value).__name__}), which cannot be kept"
    try:
        body = pickle.dumps({name: _packed(value) for name, value in values.items()}, 5)
    except Exception as error:
        return f"what it sets cannot be kept: {type(error).__name__}: {error}"
    if len(body) > _MOST_BYTES:
        return f"what it sets is larger than {_MOST_BYTES >> 20} MiB"
    _write(place, body)
    return ""


def _packed(value: Any) -> tuple[str, Any]:
    return ("module", value.__name__) if isinstance(value, types.ModuleType) else ("value", value)


def _unpacked(kind: str, value: Any) -> Any:
    return importlib.import_module(value) if kind == "module" else value


def _write(place: Path, body: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = place.with_name(f".{place.name}")
    part.write_bytes(body)
    os.replace(part, place)


def _shell() -> Any:
    import sys

    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _namespace() -> dict[str, Any]:
    shell = _shell()
    space: dict[str, Any] = shell.user_ns if shell is not None else {}
    return _Visible(space)


class _Visible(dict[str, Any]):
    """A kernel's names without IPython's own; updates reach the kernel."""

    def __init__(self, space: dict[str, Any]) -> None:
        super().__init__({k: v for k, v in space.items() if k not in _IPYTHONS and not k.startswith("_")})
        self._space = space

    def update(self, *values: Any, **named: Any) -> None:
        self._space.update(*values, **named)


def _digest(value: Any) -> str:
    """A value by content; what is defined by text stands for itself, for that text is compared; "" = it has none."""
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, (type, types.FunctionType)) or getattr(value, "__flytenb_task__", False):
        return f"definition {getattr(value, 'name', None) or value.__qualname__}"
    if getattr(value, "__flytenb_environment__", False):
        return f"environment {value.name}"
    try:
        # Once there and back: a value that was read is then the same bytes as the one that was written.
        body = pickle.dumps(pickle.loads(pickle.dumps(value, 5)), 5)
    except Exception:
        return ""
    return hashlib.blake2b(body, digest_size=16).hexdigest()
