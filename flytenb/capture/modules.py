"""Where a module comes from, and which distribution and version it belongs to.

`importlib.metadata` is not used: mapping import names to distributions with it costs 120 ms. The directory names of
`*.dist-info` answer almost every question; only for names like `sklearn` or `yaml` are `RECORD`s read, once.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from types import ModuleType
from typing import Any

_STDLIB = os.path.dirname(os.path.realpath(os.__file__))
_OURS = frozenset({"flytenb", "flyte"})


def kind_of_module(module: Any) -> str:
    """ "builtin", "stdlib", "site", "ours", "project" (has a local file) or "none" (made by hand, `__main__`)."""
    name = getattr(module, "__name__", "")
    if not isinstance(name, str):
        return "none"
    return _kind(name, getattr(module, "__file__", None) or _package_path(module))


def _package_path(module: Any) -> str | None:
    paths = getattr(module, "__path__", None)
    try:
        return next(iter(paths), None) if paths is not None else None
    except TypeError:
        return None


@cache
def _kind(name: str, path: str | None) -> str:
    top = name.partition(".")[0]
    if top in _OURS:
        return "ours"
    if top in sys.builtin_module_names:
        return "builtin"
    if top in sys.stdlib_module_names:
        return "stdlib"
    if name == "__main__" or not isinstance(path, str):
        return "none"
    if "site-packages" in path or "dist-packages" in path:
        return "site"
    if os.path.realpath(path).startswith(_STDLIB + os.sep):
        return "stdlib"
    return "project" if os.path.exists(path) else "none"


def version_of(name: str) -> str:
    """ "numpy==2.1.0" for a module of a distribution; for the standard library and ourselves only the name's top."""
    module = sys.modules.get(name)
    top = name.partition(".")[0]
    kind = kind_of_module(module) if module is not None else _kind(name, None)
    if kind != "site":
        return top
    return _distribution(top, _site_of(sys.modules.get(top) or module))


def _site_of(module: ModuleType | None) -> str:
    path = (getattr(module, "__file__", None) or _package_path(module) or "") if module is not None else ""
    for mark in ("site-packages", "dist-packages"):
        head, found, _ = path.partition(mark)
        if found:
            return head + found
    return ""


@cache
def _distribution(top: str, site: str) -> str:
    known = _installed(site)
    direct = known.get(_normal(top))
    if direct is not None:
        return f"{_normal(top)}=={direct[0]}"
    for name, (version, folder) in sorted(known.items()):
        if _owns(folder, top):
            return f"{name}=={version}"
    version = getattr(sys.modules.get(top), "__version__", "")
    return f"{top}=={version}" if isinstance(version, str) and version else top


@cache
def _installed(site: str) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    try:
        entries = os.listdir(site) if site else []
    except OSError:
        entries = []
    for entry in entries:
        if entry.endswith(".dist-info"):
            name, _, version = entry[: -len(".dist-info")].rpartition("-")
            if name:
                found[_normal(name)] = (version, os.path.join(site, entry))
    return found


def _owns(folder: str, top: str) -> bool:
    try:
        with open(os.path.join(folder, "top_level.txt"), encoding="utf-8") as file:
            return top in file.read().split()
    except OSError:
        pass
    try:
        with open(os.path.join(folder, "RECORD"), encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return False
    return text.startswith((f"{top}/", f"{top}.")) or f"\n{top}/" in text or f"\n{top}.py," in text


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
