"""What a worker needs inside any image with Python: a folder with this flytenb, made once per version of its files.

`own/` holds flytenb and comes first on a worker's path; `lib/` holds msgpack and cloudpickle and comes last, after what
the image has. Bytecode of this Python comes along; that of another one is compiled once, in a container of its own.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent.parent
_LIBRARIES = ("msgpack", "cloudpickle")
#: Folders of other versions are removed when they are this old.
_OLD_S = 7 * 86400


def make_runtime(home: Path) -> Path:
    """The folder for this flytenb; made by whoever comes first, whole or not at all. Blocking."""
    files = dict(_files())
    hasher = blake2b(digest_size=12)
    for relative, source in sorted(files.items()):
        content = source.read_bytes()
        hasher.update(f"{relative}\0{len(content)}\0".encode() + content)
    folder = home / "runtime" / f"container-{hasher.hexdigest()}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Path(tempfile.mkdtemp(prefix=".container-", dir=folder.parent))
    for relative, source in files.items():
        target = made / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)  # with its time, by which bytecode knows its source
        _copy_bytecode(source, target)
    (made / "compiled").mkdir()
    _compile_here(made)
    try:
        made.rename(folder)
    except OSError:  # somebody was faster
        shutil.rmtree(made, ignore_errors=True)
        if not folder.is_dir():
            raise
    _forget_old(folder)
    return folder


def _files() -> Iterator[tuple[str, Path]]:
    for source in _PACKAGE.rglob("*.py"):
        yield f"own/{_PACKAGE.name}/{source.relative_to(_PACKAGE)}", source
    for name in _LIBRARIES:
        spec = importlib.util.find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, name
        package = Path(spec.origin).parent
        for source in package.rglob("*.py"):
            yield f"lib/{name}/{source.relative_to(package)}", source


def _copy_bytecode(source: Path, target: Path) -> None:
    with contextlib.suppress(OSError, NotImplementedError):
        made = Path(importlib.util.cache_from_source(str(source)))
        if made.is_file():
            copied = Path(importlib.util.cache_from_source(str(target)))
            copied.parent.mkdir(exist_ok=True)
            shutil.copy2(made, copied)


def _compile_here(folder: Path) -> None:
    """What had no bytecode; up to date files are passed over. Not in this process: it would hold up its loop."""
    command = [sys.executable, *COMPILE, str(folder)]
    subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)
    mark_compiled(folder, sys.implementation.cache_tag or "")


#: Arguments of a Python that compiles a runtime's folder.
COMPILE = ("-I", "-m", "compileall", "-q", "-r", "20")


def is_compiled(folder: Path, cache_tag: str) -> bool:
    """Whether the runtime has bytecode for a Python ("cpython-312")."""
    return (folder / "compiled" / cache_tag).exists()


def mark_compiled(folder: Path, cache_tag: str) -> None:
    """It has been tried; a failure is not repeated for ever."""
    (folder / "compiled" / cache_tag).touch()


def _forget_old(folder: Path) -> None:
    for other in folder.parent.glob("container-*"):
        with contextlib.suppress(OSError):
            if other != folder and time.time() - other.stat().st_mtime > _OLD_S:
                shutil.rmtree(other, ignore_errors=True)
