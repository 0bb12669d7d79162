"""The object store: immutable bytes named by their content, one file each, shared by every process of a home.

Writers never lock: a temporary file is renamed into place, and two writers of the same content write the same file.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import threading
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from flytenb import errors

Buffer = bytes | bytearray | memoryview

_CHUNK_BYTES = 1 << 20
_serial = count()


class MissingObjectError(errors.FlytenbError, LookupError):
    """A value's content is not in the store."""

    def __init__(self, digest: str, root: str) -> None:
        self.digest, self.root = digest, root
        super().__init__(
            f"object {digest[:12]}… is not in {root}: it was removed or belongs to another FLYTENB_HOME; "
            "run the task that made it again"
        )

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.digest, self.root)


class ObjectStore:
    """Content-addressed files under one folder.

    Example:
        digest = ObjectStore(Path("objects")).put(b"content")
    """

    def __init__(self, root: Path | str, *, is_durable: bool = True) -> None:
        self.root = Path(root)
        self._root = os.fspath(self.root)
        #: Whether a put is on disk (fsync) when it returns; tests turn it off.
        self.is_durable = is_durable
        #: What reads leaves from this store, kept here by `leaves.unpack`.
        self.leaf_hook: Any = None

    def __repr__(self) -> str:
        return f"ObjectStore({self._root!r})"

    def path(self, digest: str) -> Path:
        """Where the object with this digest is, or would be."""
        return Path(self._path(digest))

    def __contains__(self, digest: str) -> bool:
        return os.path.exists(self._path(digest))

    def put(self, data: Buffer | Iterable[Buffer]) -> str:
        """Store bytes (or buffers one after the other); the digest in hex."""
        parts = [data] if isinstance(data, (bytes, bytearray, memoryview)) else list(data)
        hasher = hashlib.sha256()
        for part in parts:
            hasher.update(part)
        digest = hasher.hexdigest()
        if digest not in self:
            with self._writing() as (file, name):
                for part in parts:
                    file.write(part)
                self._keep(file, name, digest)
        return digest

    def put_file(self, path: Path | str) -> str:
        """Store a file's content, read once in pieces; the digest in hex."""
        hasher = hashlib.sha256()
        with open(path, "rb") as source, self._writing() as (file, name):
            while chunk := source.read(_CHUNK_BYTES):
                hasher.update(chunk)
                file.write(chunk)
            digest = hasher.hexdigest()
            if digest not in self:
                self._keep(file, name, digest)
        return digest

    def get(self, digest: str) -> bytes:
        """The object's bytes.

        Raises:
            MissingObjectError: there is no such object.
        """
        try:
            with open(self._path(digest), "rb") as file:
                return file.read()
        except FileNotFoundError:
            raise MissingObjectError(digest, self._root) from None

    def size(self, digest: str) -> int:
        """The object's length in bytes."""
        try:
            return os.stat(self._path(digest)).st_size
        except FileNotFoundError:
            raise MissingObjectError(digest, self._root) from None

    def view(self, digest: str) -> Any:
        """The object's bytes as a private, writable mapping: pages are shared until someone writes to them."""
        try:
            with open(self._path(digest), "rb") as file:
                if os.fstat(file.fileno()).st_size == 0:
                    return bytearray()
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except FileNotFoundError:
            raise MissingObjectError(digest, self._root) from None

    def named(self, digest: str, name: str) -> Path:
        """A path with this file name to the object's content, for libraries that look at extensions. Read-only."""
        folder = os.path.join(self._root, "named", digest)
        target = os.path.join(folder, os.path.basename(name) or "data")
        if not os.path.exists(target):
            if digest not in self:
                raise MissingObjectError(digest, self._root)
            self._make_folder(folder)
            _link(self._path(digest), target)
        return Path(target)

    def tree(self, digest: str, files: Iterable[tuple[str, str]], folders: Iterable[str] = ()) -> Path:
        """A folder of links to objects, named by the digest of its listing. Read-only.

        Args:
            digest: hex digest of the listing.
            files: relative path (with `/`) and digest of each file.
            folders: relative paths of empty folders.
        """
        target = os.path.join(self._root, "trees", digest)
        if not os.path.isdir(target):
            work = self._temporary("tree")
            try:
                self._make_folder(work)
                for relative in folders:
                    os.makedirs(os.path.join(work, relative), exist_ok=True)
                for relative, content in files:
                    place = os.path.join(work, relative)
                    os.makedirs(os.path.dirname(place), exist_ok=True)
                    _link(self._path(content), place)
                self._make_folder(os.path.dirname(target))
                # Another process may have been faster; its tree is the same.
                with contextlib.suppress(OSError):
                    os.rename(work, target)
            finally:
                import shutil  # a writer that died is rare

                shutil.rmtree(work, ignore_errors=True)
        return Path(target)

    def _path(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}"

    def _temporary(self, kind: str) -> str:
        return os.path.join(self._root, "tmp", f"{kind}-{os.getpid()}-{threading.get_ident()}-{next(_serial)}")

    def _make_folder(self, folder: str) -> None:
        if not os.path.isdir(folder):
            # The mode holds for the last folder only, and the root is the one that keeps others out.
            os.makedirs(self._root, mode=0o700, exist_ok=True)
            os.makedirs(folder, mode=0o700, exist_ok=True)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[tuple[BinaryIO, str]]:
        name = self._temporary("put")
        self._make_folder(os.path.dirname(name))
        try:
            with open(name, "xb", buffering=0 if self.is_durable else -1) as file:
                yield file, name
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)

    def _keep(self, file: BinaryIO, name: str, digest: str) -> None:
        target = self._path(digest)
        folder = os.path.dirname(target)
        self._make_folder(folder)
        file.flush()
        os.fchmod(file.fileno(), 0o444)
        if self.is_durable:
            os.fsync(file.fileno())
        os.replace(name, target)
        if self.is_durable:
            _sync_folder(folder)


def _link(source: str, target: str) -> None:
    """A second name for a file; a copy where the file system has no links."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        partial = f"{target}.{os.getpid()}.partial"
        import shutil  # loads every compression format: only who stores files pays for it

        shutil.copyfile(source, partial)
        os.replace(partial, target)


def _sync_folder(folder: str) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
