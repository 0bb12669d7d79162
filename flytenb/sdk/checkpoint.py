"""Checkpoints: what one attempt leaves for the next, as a file, a directory or bytes under a path."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PAYLOAD = "payload"
_SCHEMES = ("file://",)


@dataclass(frozen=True)
class CheckpointPaths:
    """Where the last attempt's checkpoint is, and where this one's goes."""

    prev_checkpoint_path: str | None = None
    checkpoint_path: str | None = None


class BaseCheckpoint(ABC):
    """What a checkpoint can do."""

    @property
    @abstractmethod
    def path(self) -> Path:
        """A directory of this attempt to work in."""

    @abstractmethod
    def prev_exists(self) -> bool:
        """Whether an earlier attempt left something."""

    @abstractmethod
    def load_sync(self) -> Path | None:
        """What the earlier attempt left; None when it left nothing."""

    @abstractmethod
    def save_sync(self, data: Path | str | bytes) -> None:
        """Leave a file, a directory or bytes for the next attempt."""

    async def load(self) -> Path | None:
        """`load_sync`, awaitable."""
        found: Path | None = await _in_thread(self.load_sync)
        return found

    async def save(self, data: Path | str | bytes) -> None:
        """`save_sync`, awaitable."""
        await _in_thread(self.save_sync, data)


async def _in_thread(func: Callable[..., Any], *args: Any) -> Any:
    import asyncio  # who awaits has it loaded

    return await asyncio.to_thread(func, *args)


class Checkpoint(BaseCheckpoint):
    """A checkpoint in a place of the file system.

    Args:
        checkpoint_dest: where this attempt leaves it: a path or file:// address.
        checkpoint_src: where the earlier attempt left its own.

    Example:
        checkpoint = flyte.Checkpoint("/data/run1/2", "/data/run1/1"); previous = checkpoint.load_sync()
    """

    def __init__(self, checkpoint_dest: str, checkpoint_src: str | None = None) -> None:
        self._dest, self._src = checkpoint_dest, checkpoint_src or None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    @property
    def remote_destination(self) -> str:
        """Where this attempt's goes."""
        return self._dest

    @property
    def remote_source(self) -> str | None:
        """Where the earlier attempt's is."""
        return self._src

    @property
    def path(self) -> Path:
        if self._directory is None:
            self._directory = tempfile.TemporaryDirectory(prefix="flytenb-checkpoint-")
        return Path(self._directory.name)

    def prev_exists(self) -> bool:
        return self._src is not None and _size(_local(self._src)) > 0

    def load_sync(self) -> Path | None:
        if self._src is None or not self.prev_exists():
            return None
        source = _local(self._src)
        if tarfile.is_tarfile(source):
            with tarfile.open(source) as archive:
                return unpacked(archive, self.path)
        return Path(shutil.copyfile(source, self.path / _PAYLOAD))

    def save_sync(self, data: Path | str | bytes) -> None:
        target = _local(self._dest)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".partial")
        kind = self._check(data)
        if isinstance(data, bytes):
            partial.write_bytes(data)
        elif kind == "directory":
            with tarfile.open(partial, "w:gz") as archive:
                archive.add(data, arcname=".")
        else:
            shutil.copyfile(data, partial)
        partial.replace(target)  # whole or not at all

    @staticmethod
    def _check(data: Path | str | bytes) -> str:
        """ "bytes", "directory" or "file".

        Raises:
            TypeError, FileNotFoundError: it is none of these.
        """
        if isinstance(data, (bytes, bytearray, memoryview)):
            return "bytes"
        if not isinstance(data, (str, Path)):
            raise TypeError(f"checkpoint: cannot save a {type(data).__name__}; save a file, a directory or bytes")
        if not Path(data).exists():
            raise FileNotFoundError(f'checkpoint: "{data}" does not exist; save a file, a directory or bytes')
        return "directory" if Path(data).is_dir() else "file"


def unpacked(archive: tarfile.TarFile, target: Path) -> Path:
    """Unpack our own archive."""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(target, filter="data")
    else:
        archive.extractall(target)  # on a Python before the filters
    return target


def _local(address: str) -> Path:
    for scheme in _SCHEMES:
        address = address.removeprefix(scheme)
    if "://" in address:
        raise ValueError(f'checkpoint "{address}" is not on this machine; give a path')
    return Path(address)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def latest_checkpoint(
    root: str | Path, glob_pattern: str = "**/last.ckpt", *, key: Callable[[Path], Any] | None = None
) -> Path | None:
    """The newest file below a directory that fits a pattern; `key` sorts otherwise than by time of change."""
    found = [path for path in Path(root).glob(glob_pattern) if path.is_file()]
    return max(found, key=key or (lambda path: path.stat().st_mtime), default=None)
