"""The object store that this process uses when none is named: `File.from_local` and the like."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from flytenb.codec.objects import ObjectStore
from flytenb.private import is_own_folder

_store: ObjectStore | None = None
_factory: Callable[[], ObjectStore] | None = None


def set_objects(store: ObjectStore | None) -> None:
    """Install the process's store; the client and the worker do it when they start."""
    global _store
    _store = store


def set_factory(factory: Callable[[], ObjectStore] | None) -> None:
    """Install what makes the store on first use, so that importing a face opens nothing."""
    global _factory
    _factory = factory


def installed_objects() -> ObjectStore | None:
    """The process's store, None where neither client nor worker has begun here."""
    return objects() if _store is not None or _factory is not None else None


def objects() -> ObjectStore:
    """The process's store.

    With none installed it is the one under `FLYTENB_HOME`, else a folder that ends with the machine.
    """
    global _store
    if _store is None:
        if _factory is not None:
            _store = _factory()
        else:
            import tempfile  # only who names no store and has no home

            home = os.environ.get("FLYTENB_HOME")
            root = Path(home).expanduser() if home else Path(tempfile.gettempdir()) / f"flytenb-{os.getuid()}"
            if not home:
                root.mkdir(exist_ok=True, mode=0o700)
                if not is_own_folder(root):  # anybody could have made it, to be read from here
                    root = Path(tempfile.mkdtemp(prefix="flytenb-"))
            _store = ObjectStore(root.absolute() / "objects")
    return _store
