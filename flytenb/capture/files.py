"""A project's files by content: the local modules that a task imports, or all files below a directory.

A manifest is a msgpack map `{"files": {relative path: [digest, mode, original path]}, "paths": [import roots]}`.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable
from hashlib import sha256
from types import ModuleType
from typing import Any

import msgpack

from flytenb.capture.modules import kind_of_module
from flytenb.capture.registry import registry
from flytenb.errors import CaptureError

#: All files of one bundle together.
MAX_BUNDLE_BYTES = 256 << 20
_ALWAYS_IGNORED = (
    ".git/",
    "__pycache__/",
    "*.pyc",
    ".venv/",
    "venv/",
    "node_modules/",
    ".ipynb_checkpoints/",
    "*.egg-info/",
)


def of_modules(modules: dict[str, ModuleType], root_dir: Any = None) -> tuple[str, list[bytes]]:
    """Manifest digest and blobs of local modules and all local modules that these import; ("", []) for none."""
    bundle = _Bundle(root_dir)
    for name in sorted(modules):
        bundle.add_module(name)
    return bundle.finish()


def of_project(
    module: str, script: str, root_dir: Any = None, copy_style: str = "loaded_modules"
) -> tuple[str, list[bytes]]:
    """Manifest digest and blobs for a script (`script` is its path) or an importable module.

    Raises:
        CaptureError: the files are larger than `MAX_BUNDLE_BYTES`.
    """
    bundle = _Bundle(root_dir or (os.path.dirname(script) if script else None))
    if script:
        bundle.add_file(script, os.path.dirname(script), text=registry_text(script))
    elif kind_of_module(sys.modules[module]) == "project":
        bundle.add_module(module)
    if copy_style == "all" and bundle.root:
        bundle.add_all()
    elif script:
        for name, loaded in sorted(sys.modules.items()):
            path = getattr(loaded, "__file__", None)
            if path and kind_of_module(loaded) == "project" and _is_below(path, bundle.root):
                bundle.add_module(name)
    return bundle.finish()


def registry_text(path: str) -> bytes:
    """A script's bytes as they are now."""
    with open(path, "rb") as file:
        return file.read()


class _Bundle:
    def __init__(self, root_dir: Any) -> None:
        self.root = os.path.realpath(root_dir) if root_dir else ""
        self._files: dict[str, list[Any]] = {}
        self._paths: dict[str, None] = {}
        self._blobs: dict[str, bytes] = {}
        self._seen: set[str] = set()
        self._size = 0

    def add_file(self, path: str, import_root: str, text: bytes | None = None) -> None:
        """One file, placed so that it is found from its import root."""
        path, import_root = os.path.realpath(path), os.path.realpath(import_root)
        if self.root and _is_below(path, self.root):
            relative, base = os.path.relpath(path, self.root), os.path.relpath(import_root, self.root)
        else:
            relative, base = os.path.relpath(path, import_root), "."
        if base.startswith(".."):
            relative, base = os.path.relpath(path, import_root), "."
        self._paths[base.replace(os.sep, "/")] = None
        self._add(relative, path, text)

    def _add(self, relative: str, path: str, text: bytes | None = None) -> None:
        relative = relative.replace(os.sep, "/")
        if relative in self._files:
            return
        try:
            mode = os.stat(path).st_mode & 0o777
            data = registry_text(path) if text is None else text
        except OSError:
            return
        self._size += len(data)
        if self._size > MAX_BUNDLE_BYTES:
            raise CaptureError(
                f"the files below {self.root or os.path.dirname(path)} are larger than {MAX_BUNDLE_BYTES >> 20} MB: "
                'list data in .gitignore, or use copy_style="loaded_modules"'
            )
        name = sha256(data).hexdigest()
        self._blobs[name] = data
        self._files[relative] = [name, mode, path]
        if relative.endswith(".py"):
            self._follow(data)

    def _follow(self, data: bytes) -> None:
        try:
            tree = ast.parse(data)
        except (SyntaxError, ValueError):
            return
        for name in _imported(tree):
            if name in sys.modules:
                self.add_module(name)

    def add_module(self, name: str) -> None:
        """A loaded local module, its packages, and what it imports."""
        if name in self._seen:
            return
        self._seen.add(name)
        module = sys.modules.get(name)
        if module is None or kind_of_module(module) != "project" or name == "__main__":
            return
        parent = name.rpartition(".")[0]
        if parent:
            self.add_module(parent)
        path = getattr(module, "__file__", None)
        if not path:
            return
        up = name.count(".") + (2 if os.path.basename(path) == "__init__.py" else 1)
        base = path
        for _ in range(up):
            base = os.path.dirname(base)
        known = registry.snapshot(name, module)
        self.add_file(path, base, known.encode() if known else None)
        for value in list(vars(module).values()):  # relative imports and `from package import name`
            home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if isinstance(home, str) and home not in self._seen and home in sys.modules:
                self.add_module(home)

    def add_all(self) -> None:
        """Every file below the root that `.gitignore` does not name."""
        import pathspec  # only this style needs it

        patterns = list(_ALWAYS_IGNORED)
        try:
            with open(os.path.join(self.root, ".gitignore"), encoding="utf-8") as file:
                patterns += file.read().splitlines()
        except OSError:
            pass
        ignored = pathspec.PathSpec.from_lines("gitwildmatch", patterns)
        for folder, folders, names in os.walk(self.root):
            base = os.path.relpath(folder, self.root)
            folders[:] = sorted(
                f for f in folders if not ignored.match_file(os.path.normpath(os.path.join(base, f)) + "/")
            )
            for name in sorted(names):
                relative = os.path.normpath(os.path.join(base, name))
                if not ignored.match_file(relative):
                    self._add(relative, os.path.join(folder, name))

    def finish(self) -> tuple[str, list[bytes]]:
        if not self._files:
            return "", []
        manifest = {"files": dict(sorted(self._files.items())), "paths": sorted(self._paths)}
        body = msgpack.packb(manifest, use_bin_type=True)
        return sha256(body).hexdigest(), [*self._blobs.values(), body]


def _imported(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_below(path: str, root: str) -> bool:
    return bool(root) and os.path.realpath(path).startswith(root + os.sep)
