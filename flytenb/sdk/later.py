"""Names of Flyte's that are known and do nothing yet: they import, check what can be checked, and say what to use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, runtime_checkable

from flytenb.errors import NotAvailableError


class Later:
    """A function that comes later: calling it, or its `.aio`, says what to use instead."""

    def __init__(self, name: str, instead: str) -> None:
        self.__name__ = self.__qualname__ = name.rpartition(".")[2]
        self.__doc__ = f"{name} is not available in this version; {instead}."
        self._name, self._instead = name, instead

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        raise NotAvailableError(self._name, self._instead)

    async def aio(self, *_: Any, **__: Any) -> NoReturn:
        """The same."""
        raise NotAvailableError(self._name, self._instead)

    def __repr__(self) -> str:
        return f"<{self._name}: not available in this version>"


def later_class(name: str, instead: str) -> type:
    """A class that comes later: it can be named in annotations and `isinstance`; making one says what to use."""

    def refuse(cls: type, *_: Any, **__: Any) -> NoReturn:
        raise NotAvailableError(name, instead)

    short = name.rpartition(".")[2]
    return type(short, (), {"__new__": refuse, "__doc__": f"{name} is not available in this version; {instead}."})


@dataclass(frozen=True)
class ImageBuild:
    """What building an image gives."""

    #: The name to run; None when it was not built.
    uri: str | None
    remote_run: Any = None
    build_run: Any = None
    image_id: str = ""
    #: Of the Python inside, and what it has as "name==version".
    python_version: str = ""
    distributions: tuple[str, ...] = ()
    #: Whether something had to be built or pulled.
    is_new: bool = False
    #: What would be built, of a dry run.
    dockerfile: str = ""


@dataclass(frozen=True)
class ImageCache:
    """What building the images of environments gives."""

    #: Name of the image by name of the environment.
    image_lookup: dict[str, str]


@runtime_checkable
class AppHandle(Protocol):
    """A served app."""

    name: str
    url: str
    endpoint: str

    def is_active(self) -> bool:
        """Whether it answers."""

    def is_deactivated(self) -> bool:
        """Whether it was stopped."""

    def activate(self, wait: bool = False) -> Any:
        """Start it."""

    def deactivate(self, wait: bool = False) -> Any:
        """Stop it."""


load_interactive_ctx = Later(
    "flyte.load_interactive_ctx", 'run the task with flyte.with_runcontext(mode="local") to have it in this process'
)


def load_plugin_config(path: Any) -> Any:
    """An instance of the dataclass that a YAML file names (`plugin:`), with its `config:` as fields.

    Raises:
        ValueError: the file does not name a class.
    """
    from importlib import import_module
    from pathlib import Path

    try:
        import yaml
    except ImportError:
        raise NotAvailableError("flyte.load_plugin_config", "install PyYAML first: pip install pyyaml") from None
    loaded = yaml.safe_load(Path(path).read_text())
    name = loaded.get("plugin") if isinstance(loaded, dict) else None
    if not isinstance(name, str) or "." not in name:
        raise ValueError(f'"{path}" names no plugin class; write "plugin: package.module.Class"')
    module, _, cls = name.rpartition(".")
    return getattr(import_module(module), cls)(**(loaded.get("config") or {}))
