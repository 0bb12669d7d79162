"""`File`: one file as a value. Local content is taken by value into the object store; remote content is a reference."""

from __future__ import annotations

import asyncio
import contextlib
import os
import posixpath
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

from flytenb import context, errors
from flytenb.codec import leaves, places
from flytenb.codec.current import objects as current_objects
from flytenb.codec.objects import ObjectStore
from flytenb.codec.places import is_remote, join, safe_name, without_scheme
from flytenb.codec.reference import HashFunction, Hashing, Reference, T, hash_of, raw_data_folder


class ChangedFileError(errors.FlytenbError, OSError):
    """A file that was passed by reference has other content than it had then."""


class File(Reference[T]):
    """One file. `File(path=…)` is a reference only; `from_local` takes the content.

    Example:
        file = await File.from_local("data.csv")
        async with file.open() as handle:
            text = await handle.read()
    """

    _fields = ("path", "name", "format", "hash", "content")
    _code = leaves.FILE

    def __init__(
        self,
        path: str = "",
        name: str | None = None,
        format: str = "",  # noqa: A002
        hash: str | None = None,  # noqa: A002
        hash_method: HashFunction | str | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self.name = name or posixpath.basename(self.path)
        self.format = format
        self.hash = hash or (hash_method if isinstance(hash_method, str) else None)
        self.hash_method = hash_method
        #: Digest of the content in the object store, "" for a reference.
        self.content = ""
        #: Made to be written to; its content is taken when it is returned or passed on.
        self.is_new = False
        #: Written by the attempts of one action in turn, so that its content is copied.
        self.is_named = False
        #: Time of change and size of a local reference when it was passed on.
        self.state: tuple[int, int] | None = None

    # ---- making ----------------------------------------------------------------------------------------------
    @classmethod
    def from_local_sync(
        cls,
        local_path: str | os.PathLike[str],
        remote_destination: str | None = None,
        hash_method: HashFunction | str | None = None,
        chunk_size: int | None = None,
        max_concurrency: int | None = None,
    ) -> File[Any]:
        """Take a local file's content.

        Args:
            local_path: the file.
            remote_destination: where to copy it instead of the object store.
            hash_method: a hash given, or a function of the content, that stands for it in cache keys.
            chunk_size: accepted, not needed.
            max_concurrency: accepted, not needed.

        Raises:
            FileNotFoundError: there is no such file.
        """
        source = os.fspath(local_path)
        if not os.path.isfile(source):
            raise FileNotFoundError(f"{source!r} is not a file here ({os.getcwd()}); give the path of an existing one")
        made: File[Any] = cls(path=source, name=os.path.basename(source))
        if hash_method:
            made.hash = hash_of(source, hash_method)
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
        hash_method: HashFunction | str | None = None,
        chunk_size: int | None = None,
        max_concurrency: int | None = None,
    ) -> File[Any]:
        """`from_local_sync` in a thread."""
        return await asyncio.to_thread(
            cls.from_local_sync, local_path, remote_destination, hash_method, chunk_size, max_concurrency
        )

    @classmethod
    def new_remote(cls, file_name: str | None = None, hash_method: HashFunction | str | None = None) -> File[Any]:
        """A fresh path to write to. Its content is taken when the file is returned or passed on."""
        name = safe_name(file_name, "the run's data") if file_name else uuid.uuid4().hex
        made: File[Any] = cls(path=join(raw_data_folder(), uuid.uuid4().hex, name), name=name, hash_method=hash_method)
        made.is_new = True
        return made

    @classmethod
    def named_remote(cls, name: str) -> File[Any]:
        """The path with this name in the run's data: the same in every attempt.

        Raises:
            ValueError: not inside a task.
        """
        action = context.current_action.get()
        if action is None:
            raise ValueError("File.named_remote needs a run to belong to; call it inside a task")
        safe_name(name, "the run's data")
        made: File[Any] = cls(path=join(raw_data_folder(), action.run_name, "named", name), name=name)
        made.is_new = made.is_named = True
        return made

    @classmethod
    def from_existing_remote(cls, remote_path: str, file_cache_key: str | None = None) -> File[Any]:
        """A reference, without reading anything; the key stands for its content in cache keys."""
        return cls(path=remote_path, hash=file_cache_key)

    def take(self, store: ObjectStore) -> None:
        """Put the local content into the store and point to it there."""
        path = without_scheme(self.path)
        if self.hash_method is not None and not self.hash:
            self.hash = hash_of(path, self.hash_method)
        self.content = store.put_file(path, is_ours=self.is_new and not self.is_named)
        self.path = os.fspath(store.named(self.content, self.name))
        self.is_new = False

    # ---- reading ---------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def open_sync(
        self,
        mode: str = "rb",
        block_size: int | None = None,
        cache_type: str = "readahead",
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """The file, opened; a context manager. Writing is for files of `new_remote`."""
        is_written = any(letter in mode for letter in "wax+")
        if is_written:
            self._refuse_write()
        if is_remote(self.path):
            given = {"block_size": block_size, "cache_type": cache_type, "cache_options": cache_options}
            kwargs.update({key: value for key, value in given.items() if value and not is_written})
        else:
            path = without_scheme(self.path)
            if is_written:
                os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            else:
                self._check_state()
            if compression is None:
                with open(path, mode, **kwargs) as handle:
                    yield handle
                return
        with places.opened(self.path, mode, compression, **kwargs) as remote:
            if is_written and hasattr(self.hash_method, "update") and not self.hash:
                remote = Hashing(remote, self.hash_method)
            yield remote
        if isinstance(remote, Hashing):
            self.hash = remote.result()

    def _check_state(self) -> None:
        """Refuse a local file that is gone or was changed since it was passed on."""
        path = without_scheme(self.path)
        try:
            now = os.stat(path)
        except FileNotFoundError:
            gone = "it was moved or removed" if self.state else "nothing was there when it was passed on"
            why = "its content was removed from the store" if self.content else gone
            raise places.NoSuchPlaceError(
                f"file {self.name!r} is not at {path}: {why}; make it again, or pass it on with File.from_local"
            ) from None
        if self.state is not None and self.state != (now.st_mtime_ns, now.st_size):
            raise ChangedFileError(
                f"{path} was changed after it was passed on by reference, so this action would not compute what its "
                "key says; run again, or pass it on with File.from_local, which takes the content"
            )

    def _refuse_write(self) -> None:
        if self.content:
            raise PermissionError(
                f"file {self.name!r} is stored by its content and cannot be written; write to File.new_remote() instead"
            )

    @contextlib.asynccontextmanager
    async def open(
        self,
        mode: str = "rb",
        block_size: int | None = None,
        cache_type: str = "readahead",
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AsyncHandle]:
        """The file, opened, with awaitable `read` and `write`; an async context manager."""
        manager = self.open_sync(mode, block_size, cache_type, cache_options, compression, **kwargs)
        handle = await asyncio.to_thread(manager.__enter__)
        try:
            yield AsyncHandle(handle)
        except BaseException as error:
            if not await asyncio.to_thread(manager.__exit__, type(error), error, error.__traceback__):
                raise
        else:
            await asyncio.to_thread(manager.__exit__, None, None, None)

    def download_sync(self, local_path: str | os.PathLike[str] | None = None) -> str:
        """A local copy; its path.

        Args:
            local_path: file or existing folder to copy to; None = a new temporary folder, or the file itself where it
                is a local reference.
        """
        remote = is_remote(self.path)
        if not remote:
            self._check_state()
            if local_path is None and not self.content:
                return without_scheme(self.path)
        name = places.file_name(self.name)
        target = os.fspath(local_path) if local_path is not None else os.path.join(places.temporary_folder(), name)
        if os.path.isdir(target):
            target = os.path.join(target, name)
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        if remote:
            places.copy_in(self.path, target)
        else:
            source = without_scheme(self.path)
            if os.path.abspath(source) != os.path.abspath(target):
                shutil.copyfile(source, target)
        return target

    async def download(self, local_path: str | os.PathLike[str] | None = None) -> str:
        """`download_sync` in a thread."""
        return await asyncio.to_thread(self.download_sync, local_path)

    def exists_sync(self) -> bool:
        """Whether the content can be read."""
        return places.exists(self.path)

    async def exists(self) -> bool:
        """`exists_sync` in a thread."""
        return await asyncio.to_thread(self.exists_sync)


class AsyncHandle:
    """An open file whose `read` and `write` are awaited; everything else is the file's own."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    async def read(self, size: int = -1) -> Any:
        """Up to `size` bytes or characters; all with -1."""
        return await asyncio.to_thread(self._handle.read, size)

    async def readline(self) -> Any:
        """One line."""
        return await asyncio.to_thread(self._handle.readline)

    async def write(self, data: Any) -> Any:
        """Write; how many were written."""
        return await asyncio.to_thread(self._handle.write, data)

    async def seek(self, offset: int, whence: int = 0) -> int:
        """Move; the new position."""
        return int(await asyncio.to_thread(self._handle.seek, offset, whence))

    def __aiter__(self) -> AsyncHandle:
        return self

    async def __anext__(self) -> Any:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)
