"""`Dir`: a folder as a value. Local content is taken by value: every file an object, the listing names the folder."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import os
import posixpath
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

from flytenb.codec import leaves, places
from flytenb.codec.current import objects as current_objects
from flytenb.codec.file import File
from flytenb.codec.objects import ObjectStore
from flytenb.codec.places import is_remote, join, safe_name, without_scheme
from flytenb.codec.reference import Reference, T, raw_data_folder


class Dir(Reference[T]):
    """A folder. `Dir(path=…)` is a reference only; `from_local` takes the content.

    Example:
        folder = await Dir.from_local("images")
        async for file in folder.walk():
            print(file.name)
    """

    _fields = ("path", "name", "format", "hash", "content")
    _code = leaves.DIR

    def __init__(
        self,
        path: str = "",
        name: str | None = None,
        format: str = "",  # noqa: A002
        hash: str | None = None,  # noqa: A002
    ) -> None:
        self.path = os.fspath(path)
        self.name = name or posixpath.basename(self.path.rstrip("/"))
        self.format = format
        self.hash = hash
        #: Digest of the listing in the object store, "" for a reference.
        self.content = ""
        #: Made to be written to; its content is taken when it is returned or passed on.
        self.is_new = False
        #: Digests of a stored folder's files by relative path, read when they are first asked for.
        self._digests: dict[str, str] | None = None

    # ---- making ----------------------------------------------------------------------------------------------
    @classmethod
    def from_local_sync(
        cls,
        local_path: str | os.PathLike[str],
        remote_destination: str | None = None,
        dir_cache_key: str | None = None,
        batch_size: int | None = None,
        chunk_size: int | None = None,
        max_concurrency: int | None = None,
    ) -> Dir[Any]:
        """Take a local folder's content, links followed.

        Args:
            local_path: the folder.
            remote_destination: where to copy it instead of the object store.
            dir_cache_key: stands for the content in cache keys.
            batch_size: accepted, not needed.
            chunk_size: accepted, not needed.
            max_concurrency: accepted, not needed.

        Raises:
            NotADirectoryError: there is no such folder.
        """
        source = os.fspath(local_path)
        if not os.path.isdir(source):
            raise NotADirectoryError(
                f"{source!r} is not a folder here ({os.getcwd()}); give the path of an existing one"
            )
        made: Dir[Any] = cls(path=source, name=os.path.basename(os.path.abspath(source)), hash=dir_cache_key)
        if remote_destination:
            places.copy_out(source, remote_destination)
            made.path = remote_destination
        else:
            made.take(current_objects())
        return made

    @classmethod
    async def from_local(
        cls,
        local_path: str | os.PathLike[str],
        remote_destination: str | None = None,
        dir_cache_key: str | None = None,
        batch_size: int | None = None,
        chunk_size: int | None = None,
        max_concurrency: int | None = None,
    ) -> Dir[Any]:
        """`from_local_sync` in a thread."""
        return await asyncio.to_thread(cls.from_local_sync, local_path, remote_destination, dir_cache_key)

    @classmethod
    def from_existing_remote(cls, remote_path: str, dir_cache_key: str | None = None) -> Dir[Any]:
        """A reference, without reading anything; the key stands for its content in cache keys."""
        return cls(path=remote_path, hash=dir_cache_key)

    @classmethod
    def new_remote(cls, dir_name: str | None = None, hash: str | None = None) -> Dir[Any]:  # noqa: A002
        """A fresh folder to write to. Its content is taken when the folder is returned or passed on."""
        name = safe_name(dir_name, "the run's data") if dir_name else uuid.uuid4().hex
        made: Dir[Any] = cls(path=join(raw_data_folder(), uuid.uuid4().hex, name), name=name, hash=hash)
        made.is_new = True
        if not is_remote(made.path):
            os.makedirs(without_scheme(made.path), exist_ok=True)
        return made

    @classmethod
    def empty(cls) -> Dir[Any]:
        """A folder with nothing in it."""
        return cls()

    @property
    def is_empty(self) -> bool:
        """Whether it holds no file."""
        return not self.path or next(self.walk_sync(), None) is None

    def take(self, store: ObjectStore) -> None:
        """Put the local content into the store and point to it there."""
        files: list[tuple[str, str]] = []
        folders: list[str] = []
        for path, relative, is_folder in places.below(without_scheme(self.path)):
            if not is_folder:
                files.append((relative, store.put_file(path, is_ours=self.is_new)))
            elif not os.listdir(path):
                folders.append(relative)
        self.content = store.put(leaves.pack([1, files, folders]))
        self.path = os.fspath(store.tree(self.content, files, folders))
        self.is_new = False

    def restore(self, store: ObjectStore) -> None:
        """Make the folder of a stored listing again, in this store."""
        _version, files, folders = leaves.unpack(store.get(self.content), store)
        self._digests = dict(files)
        self.path = os.fspath(store.tree(self.content, self._digests.items(), folders))

    def _digest(self, relative: str) -> str:
        """The digest of a stored file, "" where the folder is a reference."""
        if not self.content:
            return ""
        if self._digests is None:
            store = current_objects()
            self._digests = dict(leaves.unpack(store.get(self.content), store)[1]) if self.content in store else {}
        return self._digests.get(relative, "")

    # ---- reading ---------------------------------------------------------------------------------------------
    def walk_sync(
        self, recursive: bool = True, file_pattern: str = "*", max_depth: int | None = None
    ) -> Iterator[File[Any]]:
        """Its files.

        Args:
            recursive: whether to look into folders below.
            file_pattern: only names like this (`*.csv`).
            max_depth: how many levels of folders to look at; 1 = only this one.
        """
        if not self.path:
            return
        for relative in self._files(1 if not recursive else max_depth):
            name = posixpath.basename(relative)
            if fnmatch.fnmatch(name, file_pattern):
                yield self._file(relative)

    def _file(self, relative: str) -> File[Any]:
        file: File[Any] = File(path=join(self.path, relative), name=posixpath.basename(relative))
        file.content = self._digest(relative)
        return file

    def _files(self, depth: int | None) -> Iterator[str]:
        """Relative paths of the files, a folder's own before those below it."""
        if is_remote(self.path):
            yield from self._remote_files(depth)
            return
        top = without_scheme(self.path)
        if not os.path.isdir(top):
            raise places.NoSuchPlaceError(
                f"folder {self.name!r} is not at {top} any more: it was moved or removed; make it again, or pass it on "
                "with Dir.from_local"
            )
        waiting = [("", 1)]
        while waiting:
            prefix, level = waiting.pop(0)
            below: list[tuple[str, int]] = []
            for name in sorted(os.listdir(os.path.join(top, prefix))):
                path = os.path.join(top, prefix, name)
                if os.path.isdir(path):
                    below.append((f"{prefix}{name}/", level + 1))
                elif os.path.isfile(path):
                    yield prefix + name
            if depth is None or level < depth:
                waiting[:0] = below

    def _remote_files(self, depth: int | None) -> Iterator[str]:
        filesystem, path = places.filesystem_of(self.path)
        top = path.rstrip("/") + "/"
        found = places.tried(self.path, "listed", lambda: filesystem.find(path, maxdepth=depth))
        for place in sorted(found, key=lambda one: (one.count("/"), one)):
            relative = place[len(top) :] if place.startswith(top) else posixpath.basename(place)
            if relative and not relative.endswith("/"):
                yield relative

    async def walk(
        self, recursive: bool = True, max_depth: int | None = None, file_pattern: str = "*"
    ) -> AsyncIterator[File[Any]]:
        """`walk_sync` without blocking the loop."""
        files = self.walk_sync(recursive, file_pattern, max_depth)
        while (file := await asyncio.to_thread(next, files, None)) is not None:
            yield file

    def list_files_sync(self) -> list[File[Any]]:
        """The files directly in it."""
        return list(self.walk_sync(recursive=False))

    async def list_files(self) -> list[File[Any]]:
        """`list_files_sync` in a thread."""
        return await asyncio.to_thread(self.list_files_sync)

    def get_file_sync(self, file_name: str) -> File[Any] | None:
        """The file with this relative path, None if there is none."""
        file = self._file(safe_name(file_name, f"the folder {self.name!r}"))
        if is_remote(self.path):
            return file if file.exists_sync() else None
        return file if os.path.isfile(without_scheme(file.path)) else None

    async def get_file(self, file_name: str) -> File[Any] | None:
        """`get_file_sync` in a thread."""
        return await asyncio.to_thread(self.get_file_sync, file_name)

    def download_sync(self, local_path: str | os.PathLike[str] | None = None) -> str:
        """A local copy; its path. None = a new temporary folder, or the folder itself where it is a local reference."""
        if local_path is None and not is_remote(self.path) and not self.content:
            return without_scheme(self.path)
        target = (
            os.fspath(local_path)
            if local_path is not None
            else os.path.join(places.temporary_folder(), places.file_name(self.name))
        )
        os.makedirs(target, exist_ok=True)
        if is_remote(self.path):
            for relative in self._remote_files(None):
                place = os.path.join(target, safe_name(relative, f"the folder {self.path}"))
                os.makedirs(os.path.dirname(place), exist_ok=True)
                places.copy_in(join(self.path, relative), place)
        elif self.path:
            shutil.copytree(without_scheme(self.path), target, dirs_exist_ok=True, copy_function=_copy_writable)
        return target

    async def download(self, local_path: str | os.PathLike[str] | None = None) -> str:
        """`download_sync` in a thread."""
        return await asyncio.to_thread(self.download_sync, local_path)

    def exists_sync(self) -> bool:
        """Whether the folder can be read."""
        if not is_remote(self.path):
            return os.path.isdir(without_scheme(self.path))
        return places.exists(self.path)

    async def exists(self) -> bool:
        """`exists_sync` in a thread."""
        return await asyncio.to_thread(self.exists_sync)


def _copy_writable(source: str, target: str) -> str:
    """Content without the store's read-only mode."""
    shutil.copyfile(source, target)
    with contextlib.suppress(OSError):
        os.utime(target, ns=(os.stat(source).st_atime_ns, os.stat(source).st_mtime_ns))
    return target
