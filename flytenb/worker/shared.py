"""The object store beside others who may remove what nothing names: what is stored again is young again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from flytenb.codec.objects import Buffer, ObjectStore

#: Seconds until an object that is stored once more is touched again.
_FRESH_S = 60.0


class SharedObjects(ObjectStore):
    """An object store of a home; `flytenb.store.sweep` tells what touching is for."""

    def put(self, data: Buffer | Iterable[Buffer]) -> str:
        parts = data if isinstance(data, (bytes, bytearray, memoryview)) else list(data)
        while True:
            digest = super().put(parts)
            if self._touch(digest):
                return digest

    def put_file(self, path: Path | str, *, is_ours: bool = False) -> str:
        while True:
            digest = super().put_file(path, is_ours=is_ours)
            if self._touch(digest):
                return digest

    def _touch(self, digest: str) -> bool:
        """Make it young; False when it was removed since it was found."""
        place = self._path(digest)
        try:
            stat = os.stat(place)
            now = time.time_ns()
            if now - stat.st_ctime_ns > _FRESH_S * 1e9:
                os.utime(place, ns=(now, stat.st_mtime_ns))
        except FileNotFoundError:
            return False
        except OSError:  # another user's: who may not touch it may not remove it either
            return True
        return True
