"""The checkpoint of a running action: an object of the store, named by a record of the action.

So an attempt finds it after a retry or a crash of the engine, in any worker or container, and so does a run that
recovers another one. Every save is an object of its own, even with equal content: the one before the last goes with the
next save, the rest when the action succeeds; what a failed action leaves goes with its run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from flytenb.codec.current import objects
from flytenb.codec.payload import decode_values, encode_values
from flytenb.context import ActionContext
from flytenb.model.recovery import CHECKPOINT_KEY
from flytenb.sdk.checkpoint import Checkpoint, unpacked

#: Precedes the content, so that no other object can be the same.
_HEAD_BYTES = 32
_NAMES = ("content", "kind", "size_bytes", "owner", "before")


class KeptCheckpoint(Checkpoint):
    """`flyte.ctx().checkpoint`. Made by the action's context on first use."""

    def __init__(self, action: ActionContext) -> None:
        at = f"{action.run_name}/{action.name}"
        _, recorded = action.port.trace("checkpoint", CHECKPOINT_KEY, b"")
        #: Content, kind, size, who saved it, and the content of the save before it.
        self._recorded: list[Any] | None = None
        if recorded is not None and recorded[1]:
            self._recorded = decode_values(recorded[1], objects())
        before = f"flytenb:checkpoint/{at}/{action.attempt - 1}" if self._recorded is not None else None
        super().__init__(f"flytenb:checkpoint/{at}/{action.attempt}", before)
        self._action, self._owner = action, at
        #: What the action's attempts saved and is still there, oldest first. What another run left is not its own.
        self._saved: list[str] = []
        if self._recorded is not None and self._recorded[3] == at:
            self._saved = [digest for digest in (self._recorded[4], self._recorded[0]) if digest]

    def prev_exists(self) -> bool:
        return self._recorded is not None and bool(self._recorded[2]) and self._recorded[0] in objects()

    def load_sync(self) -> Path | None:
        if self._recorded is None or not self.prev_exists():
            return None
        digest, kind = self._recorded[:2]
        with open(objects().checked(digest), "rb") as source:
            source.seek(_HEAD_BYTES)
            if kind == "directory":
                with tarfile.open(fileobj=source, mode="r:gz") as archive:
                    return unpacked(archive, self.path)
            target = self.path / "payload"
            with target.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        return target

    def save_sync(self, data: Path | str | bytes) -> None:
        began, started_at = time.perf_counter(), time.time()
        kind = self._check(data)
        store = objects()
        handle, name = tempfile.mkstemp(prefix="checkpoint-", dir=_beside(store))
        try:
            with open(handle, "wb") as file:
                file.write(os.urandom(_HEAD_BYTES))
                _write(file, data, kind)
                size = file.tell() - _HEAD_BYTES
            digest = store.put_file(name, is_ours=True)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
        last = self._saved[-1] if self._saved else ""
        outputs = encode_values([digest, kind, size, self._owner, last], _NAMES, store)
        took = time.perf_counter() - began
        # Told at once: who is killed the next moment has saved it.
        self._action.port.traced("checkpoint", CHECKPOINT_KEY, 1, started_at, took, True, b"", outputs)
        self._saved.append(digest)
        for old in self._saved[:-2]:
            _remove(store, old)
        del self._saved[:-2]

    def forget(self) -> None:
        """The action succeeded: nobody continues it."""
        for digest in self._saved:
            _remove(objects(), digest)
        self._saved.clear()


def _write(file: Any, data: Path | str | bytes, kind: str) -> None:
    if isinstance(data, bytes):
        file.write(data)
    elif kind == "directory":
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            archive.add(data, arcname=".")
    else:
        with open(data, "rb") as source:
            shutil.copyfileobj(source, file, 1 << 20)


def _beside(store: Any) -> Path:
    """A folder on the store's file system, so that what is written there is linked and not copied."""
    folder = Path(store.root) / "tmp"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _remove(store: Any, digest: str) -> None:
    with contextlib.suppress(OSError):
        store.path(digest).unlink()
