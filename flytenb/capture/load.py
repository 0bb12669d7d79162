"""The worker's side: a program becomes a module again, and its tracebacks name the user's cells and lines."""

from __future__ import annotations
import __future__ as future_features

import importlib
import importlib.machinery
import importlib.util
import linecache
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from contextvars import ContextVar
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import msgpack

from flytenb.capture.absent import bind_absent
from flytenb.capture.values import Loader
from flytenb.context import loading
from flytenb.errors import CaptureError
from flytenb.model.minors import unmark_code

#: Names that the loader supplies to the generated module.
VALUE_NAME = "__flytenb_value__"
ENVIRONMENT_NAME = "__flytenb_environment__"
_FUTURE = future_features.annotations.compiler_flag
#: Separates a shown file name from what makes it unique in this process.
_MARK = " ⋮"


class Objects(Protocol):
    """The part of the object store that loading needs."""

    def get(self, digest: str) -> bytes:
        """An object's bytes."""


class Environment:
    """Stands for an environment object that shipped code reads, when the caller supplies none."""

    __flytenb_environment__ = True

    def __init__(self, name: str) -> None:
        self.name = name


class LoadedProgram:
    """A program in this process."""

    def __init__(
        self, module: ModuleType, digest: str, kind: str, entry: str, entries: dict[str, dict[str, Any]]
    ) -> None:
        self.module, self.digest, self.kind, self.entry, self.entries = module, digest, kind, entry, entries

    def get(self, entry: str) -> Any:
        """The task (or function) behind an entry of the program.

        Raises:
            CaptureError: the program has no such definition.
        """
        name, found, rest = entry.partition(":")
        at: Any = self.module
        if found and name != self.entry.partition(":")[0]:
            at = importlib.import_module(name)
        for part in (rest if found else entry).split("."):
            at = getattr(at, part, None)
        if at is None:
            raise CaptureError(f'the program has no definition "{entry}"; run the cell or script again')
        return at

    def resolve_class(self, qualname: str) -> type | None:
        """A class of the program by its qualified name."""
        at: Any = self.module
        for part in qualname.split("."):
            at = getattr(at, part, None)
        return at if isinstance(at, type) else None


_loaded: dict[str, LoadedProgram] = {}
#: Program of the action that runs in this context: its classes come first.
current_program: ContextVar[LoadedProgram | None] = ContextVar("flytenb_program", default=None)


def load_program(
    body: bytes,
    objects: Objects,
    make_task: Callable[[str, Any, dict[str, Any]], Any] | None = None,
    *,
    make_environment: Callable[[str], Any] | None = None,
    bundles: Path | str | None = None,
) -> LoadedProgram:
    """A program as a module of this process; the same body gives the same program.

    Args:
        body: the program's body.
        objects: where its blobs are.
        make_task: (task name, function, entry) → the task object that takes the function's place as soon as it is
            defined. `entry` has name, short_name, entry, key, doubts, source, line, config.
        make_environment: name → environment, for code that reads one.
        bundles: folder for files; by default `bundles` beside the object store.

    Raises:
        CaptureError: the body is of another format.
    """
    digest = sha256(body).hexdigest()
    known = _loaded.get(digest)
    if known is not None:
        return known
    data = msgpack.unpackb(body, strict_map_key=False)
    if data.get("v") != 1:
        raise CaptureError(
            f"this program has format {data.get('v')}, this version reads 1; run it again from the notebook"
        )
    if data["files"]:
        root = (
            Path(bundles)
            if bundles is not None
            else Path(getattr(objects, "root", tempfile.gettempdir())).parent / "bundles"
        )
        mount(data["files"], objects, root)
    if data["kind"] == "whole":
        program = _load_whole(digest, data)
    elif data["kind"] == "slice":
        program = _load_slice(digest, data, make_task, make_environment)
    else:
        program = _load_files(digest, data)
    _loaded[digest] = program
    return program


def _load_whole(digest: str, data: dict[str, Any]) -> LoadedProgram:
    module = ModuleType(f"flytenb_task_{digest[:12]}", "A task without code.")
    vars(module)[data["entry"]] = pickle.loads(data["task"])
    return LoadedProgram(module, digest, "whole", data["entry"], data["entries"])


# -- slices ----------------------------------------------------------------------------------------------------------


def _load_slice(digest: str, data: dict[str, Any], make_task: Any, make_environment: Any) -> LoadedProgram:
    name = f"flytenb_cells_{digest[:12]}"
    module = ModuleType(name, "Definitions of a notebook, generated by flytenb.")
    names = vars(module)
    # `inspect.getsource` of a class asks for its module's file.
    whole = "\n\n\n".join(chunk[1] for chunk in data["chunks"]) + "\n"
    module.__file__ = f"{name}.py"
    linecache.cache[module.__file__] = (len(whole), None, whole.splitlines(keepends=True), module.__file__)
    pickles = data["values"]

    def value(key: str) -> Any:
        def lookup(path: str) -> Any:
            at: Any = module
            for part in path.split("."):
                at = getattr(at, part)
            return at

        return Loader(unmark_code(pickles[key]), lookup).load()

    names[VALUE_NAME], names[ENVIRONMENT_NAME] = value, make_environment or Environment
    entries = data["entries"]
    program = LoadedProgram(module, digest, "slice", data["entry"], entries)
    tasks = set(data["tasks"])
    pending = ""

    def settle() -> None:
        if pending and make_task is not None:
            names[pending] = make_task(entries[pending]["name"], names[pending], entries[pending])

    # String annotations, dataclasses and pickle look the module up while its body runs.
    sys.modules[name] = module
    try:
        for chunk, text, where, line, future in data["chunks"]:
            if pending and not chunk.startswith(pending + "."):
                settle()
                pending = ""
            try:
                _run(module, digest, text, where, line, _FUTURE if future else 0)
            except ModuleNotFoundError as error:
                if chunk or not bind_absent(text, names, error):
                    raise
            if chunk in tasks:
                pending = chunk
        settle()
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return program


def _run(module: ModuleType, digest: str, text: str, where: str, line: int, flags: int) -> None:
    if where and line > 0:
        filename = _remember(where, line, text, digest)
        source = "\n" * (line - 1) + text
    else:
        filename, source = f"<{module.__name__}>", text
    exec(compile(source, filename, "exec", flags, dont_inherit=True), vars(module))


def _remember(where: str, line: int, text: str, digest: str) -> str:
    """Put the lines where `linecache` finds them; a file name of its own when another program says otherwise."""
    lines = [part + "\n" for part in text.split("\n")]
    for filename in (where, f"{where}{_MARK}{digest[:8]}"):
        entry = linecache.cache.get(filename)
        known = list(entry[2]) if entry is not None and len(entry) == 4 and entry[1] is None else []
        if entry is not None and not known and len(entry) == 4:
            continue  # a real file's lines
        known += ["\n"] * (line - 1 + len(lines) - len(known))
        if any(old not in ("\n", new) for old, new in zip(known[line - 1 :], lines, strict=False)):
            continue
        known[line - 1 : line - 1 + len(lines)] = lines
        linecache.cache[filename] = (sum(map(len, known)), None, known, filename)
        return filename
    return f"{where}{_MARK}{digest[:8]}"


def shown_name(filename: str) -> str:
    """A code file name as the user knows it."""
    return _origins.get(filename) or filename.partition(_MARK)[0]


def resolve_class(qualname: str) -> type | None:
    """A notebook class by its qualified name: of the running program, else of the program loaded last."""
    running = current_program.get()
    for program in ([running] if running is not None else []) + list(reversed(_loaded.values())):
        found = program.resolve_class(qualname)
        if found is not None:
            return found
    return None


# -- files -----------------------------------------------------------------------------------------------------------

#: File below a bundle → the user's own path.
_origins: dict[str, str] = {}
_mounted: dict[str, Path] = {}


def mount(manifest: str, objects: Objects, bundles: Path) -> Path:
    """Write a bundle's files once, and make its import roots the first in `sys.path`."""
    folder = bundles / manifest
    if manifest in _mounted:
        return _mounted[manifest]
    data = msgpack.unpackb(objects.get(manifest))
    if not (folder / ".complete").exists():
        bundles.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Path(tempfile.mkdtemp(dir=bundles))
        for relative, (digest, mode, _) in data["files"].items():
            target = made / _inside(relative)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(objects.get(digest))
            target.chmod((mode | 0o400) & 0o777)
        (made / ".complete").touch()
        try:
            os.rename(made, folder)
        except OSError:
            if not (folder / ".complete").exists():
                raise
    for relative, (_, _, origin) in data["files"].items():
        _origins[os.fspath(folder / relative)] = origin
    for path in reversed(data["paths"]):
        entry = os.fspath(folder if path == "." else folder / _inside(path))
        if entry not in sys.path:
            sys.path.insert(0, entry)
    if _mounted:  # looking at every module is dear in a process that was forked a moment ago
        _forget_other_bundles(bundles, folder)
    importlib.invalidate_caches()
    _mounted[manifest] = folder
    return folder


def _inside(relative: str) -> str:
    if relative.startswith("/") or ".." in relative.split("/") or "\0" in relative:
        raise CaptureError(f"a bundle names the file {relative!r}, which lies outside of it; it is not loaded")
    return relative


def _forget_other_bundles(bundles: Path, folder: Path) -> None:
    """Modules of another version of these files must be imported again."""
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.startswith(f"{bundles}{os.sep}") and not path.startswith(f"{folder}{os.sep}"):
            del sys.modules[name]


def _load_files(digest: str, data: dict[str, Any]) -> LoadedProgram:
    name, script = data["module"], data["script"]
    mark = loading.set(script or name)
    try:
        module = _load_script(name, script, data["files"]) if script else importlib.import_module(name)
    finally:
        loading.reset(mark)
    return LoadedProgram(module, digest, "files", data["entry"], data["entries"])


def _load_script(name: str, script: str, manifest: str) -> ModuleType:
    """A script under its stem: `if __name__ == "__main__"` stays shut; tracebacks and `__file__` name the user's."""
    folder = _mounted[manifest]
    copy = next(
        (path for path, origin in _origins.items() if path.startswith(os.fspath(folder)) and _same(origin, script)),
        script,
    )
    source = Path(copy).read_bytes()
    taken = sys.modules.get(name)
    if taken is not None and getattr(taken, "__file__", None) != script:
        name = f"flytenb_script_{name}"
    module = ModuleType(name)
    shown = script if os.path.exists(script) else copy
    module.__file__ = shown
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, origin=shown)
    lines = [line + "\n" for line in source.decode("utf-8", "replace").split("\n")]
    linecache.cache[shown] = (len(source), None, lines, shown)
    sys.modules[name] = module
    try:
        exec(compile(source, shown, "exec", dont_inherit=True), vars(module))
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
