"""The home's own store of secrets: one private file each. Written by people, read by the engine; values never leave it
through any listing.

A file's name is the secret's (`group@key`, quoted), so that a look-up is one `open`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec

#: "regular", or "image_pull": credentials of an image registry.
KINDS = ("regular", "image_pull")


class _Kept(msgspec.Struct):
    value: bytes
    type: str = "regular"


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Kept).decode


@dataclass(frozen=True)
class Entry:
    """A secret without its value."""

    key: str
    group: str
    type: str
    #: Seconds since the epoch.
    created_at: float
    size_bytes: int


class Vault:
    """The secrets of one state directory.

    Args:
        home: the state directory.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / "secrets"

    def _path(self, key: str, group: str) -> Path:
        if not key:
            raise ValueError("a secret needs a name")
        names = [quote(part, safe="").replace(".", "%2E") for part in (group, key) if part]
        return self.folder / "@".join(names)

    def write(self, key: str, value: bytes, group: str = "", kind: str = "regular") -> None:
        """Store a value, in one step, readable by the user only.

        Raises:
            ValueError: no name, or another kind.
        """
        if kind not in KINDS:
            raise ValueError(f"type={kind!r} of secret {key!r} must be one of {', '.join(KINDS)}")
        path = self._path(key, group)
        for folder in (self.folder.parent, self.folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        part = self.folder / f".{os.getpid()}"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_encode(_Kept(value, kind)))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def read(self, key: str, group: str = "") -> bytes | None:
        """The value; None when there is none."""
        try:
            return _decode(self._path(key, group).read_bytes()).value
        except (FileNotFoundError, NotADirectoryError):
            return None

    def values(self) -> list[bytes]:
        """All values, for who takes them out of what is shown."""
        paths = self.folder.iterdir() if self.folder.is_dir() else ()
        return [_decode(path.read_bytes()).value for path in paths if not path.name.startswith(".")]

    def entries(self) -> list[Entry]:
        """All secrets by name, without values."""
        paths = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        return [self._entry(path) for path in paths if not path.name.startswith(".")]

    def entry(self, key: str, group: str = "") -> Entry | None:
        """One secret without its value."""
        path = self._path(key, group)
        return self._entry(path) if path.exists() else None

    def _entry(self, path: Path) -> Entry:
        group, _, key = path.name.rpartition("@")
        kept = _decode(path.read_bytes())
        return Entry(unquote(key), unquote(group), kept.type, path.stat().st_mtime, len(kept.value))

    def remove(self, key: str, group: str = "") -> bool:
        """Forget a secret; False when there is none."""
        try:
            self._path(key, group).unlink()
        except FileNotFoundError:
            return False
        return True
