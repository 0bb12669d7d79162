"""`flyte` means flytenb: scripts that say `import flyte` run unchanged after `install()`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_OURS = "flytenb"
#: What `flyte.<name>` can be; each is the module of the same name here.
FACES = (
    *("app", "app.extras", "clustered", "config", "durable", "errors", "extend", "extras", "extras.shell", "io"),
    *("models", "notify", "remote", "report", "storage", "syncify", "types"),
)
#: Private modules of Flyte's that scripts are known to import.
_PRIVATE = {"_cache": "sdk.cache", "_image": "sdk.image"}
#: Modules of Flyte's without a counterpart yet, and what to do instead.
_LATER = {
    "ai": "call your model from a task",
    "artifacts": "return the value from a task",
    "connectors": "call the service from a task",
    "git": "give the version yourself",
    "prefetch": "download the model in a task",
    "sandbox": "run the code in a task",
}


class _Finder(MetaPathFinder):
    """Finds `flyte` and what lies under it. Nothing is imported before somebody asks."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top, _, rest = fullname.partition(".")
        if top == "flyteplugins":
            return _plugin_spec(rest)
        if top != "flyte":
            return None
        if rest and rest not in FACES and rest not in _PRIVATE:
            later = _LATER.get(rest.partition(".")[0])
            # Left to others, Python would find our own rooms under Flyte's name, a second time.
            raise ModuleNotFoundError(
                f"module {fullname} is not available in flytenb; {later or 'use the public names of flyte'}",
                name=fullname,
            )
        ours = f"{_OURS}.{_PRIVATE.get(rest, rest)}" if rest else _OURS
        module = import_module(ours)
        return ModuleSpec(fullname, _Known(module), is_package=hasattr(module, "__path__"))


def _plugin_spec(rest: str) -> ModuleSpec | None:
    """`flyteplugins.papermill` is here; others are left to where they are installed."""
    if rest == "papermill":
        return ModuleSpec("flyteplugins.papermill", _Known(import_module(f"{_OURS}.extras.papermill")))
    if rest or PathFinder.find_spec("flyteplugins") is not None:
        return None
    return ModuleSpec("flyteplugins", _Known(ModuleType("flyteplugins")), is_package=True)


class _Known(Loader):
    """Gives a module that is loaded already, and leaves its attributes as they are."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec
        if self._spec is not None:
            module.__loader__ = self._spec.loader


def install() -> None:
    """Make `import flyte`, `import flyte.io`, `from flyte.report import log` … mean this package.

    Raises:
        ImportError: the real Flyte was imported before.
    """
    loaded = sys.modules.get("flyte")
    ours = import_module(_OURS)
    if loaded is not None and loaded is not ours:
        where = getattr(loaded, "__file__", "unknown")
        raise ImportError(f"flyte was imported from {where} before flytenb.compat.install(); call install() first")
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    sys.modules["flyte"] = ours
    for face in FACES:
        # Those that are loaded already; the finder gives the others when they are asked for.
        module = sys.modules.get(f"{_OURS}.{face}")
        if module is not None:
            sys.modules[f"flyte.{face}"] = module


def uninstall() -> None:
    """Take the alias away again."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    ours = f"{_OURS}."
    for name in [name for name in sys.modules if name == "flyte" or name.startswith("flyte.")]:
        own = getattr(sys.modules[name], "__name__", "")
        if own == _OURS or own.startswith(ours):
            del sys.modules[name]
