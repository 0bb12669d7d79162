"""The object store: immutable bytes named by their content, one file each, shared by every process of a home.

Writers never lock: a temporary file is renamed into place, and two writers of the same content write the same file.
Readers check the content against its name, once per process and file; what differs is moved aside, so that it can be
made again. A *seal* beside a large one says how its writer left it, so that a value just handed on is not read twice.
A large file of the same file system is not copied but cloned or linked; its seal tells when the owner changes it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import mmap
import os
import threading
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from flytenb import errors
from flytenb.codec import seals, writing
from flytenb.codec.copying import clone, copy_file, hash_file, identity, link, may_link, sync_folder
from flytenb.model.sizes import size_words

Buffer = bytes | bytearray | memoryview

#: From here on bytes are hashed beside the write, in a second thread.
_BESIDE_BYTES = 2 << 20
#: From here on a seal lies beside an object.
_SEALED_BYTES = 1 << 20
#: From here on a user's file is linked rather than copied, and a seal holds whatever its age.
LARGE_BYTES = 256 << 20
_serial = count()
#: Process numbers begin anew in every container.
_PROCESS = os.urandom(4).hex()


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


class CorruptedObjectError(errors.FlytenbError, ValueError):
    """A value's content is not what was stored: the disk or somebody changed it."""

    def __init__(self, digest: str, root: str, origin: str = "") -> None:
        self.digest, self.root, self.origin = digest, root, origin
        if origin:
            text = (
                f"{origin} was changed in place after it was passed on (object {digest[:12]}…, which shares "
                "its blocks, has the new content too); restore the file, or run again with the file as it is now"
            )
        else:
            text = (
                f"object {digest[:12]}… in {root} is corrupted: its content no longer has the hash it is named by, so "
                "it was moved to the folder corrupted/ there; run the task that made it again with overwrite_cache=True"
            )
        super().__init__(text)

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.digest, self.root, self.origin)


class StoreFullError(errors.FlytenbError, OSError):
    """A value does not fit on the disk that holds the store; nothing of it was kept."""

    def __init__(self, root: str, size: int) -> None:
        super().__init__(
            f"the disk of {root} is full: a value of {size_words(size)} could not be written and nothing of it was "
            "kept; free space there, or set FLYTENB_HOME to a folder on a larger disk"
        )
        self.errno = errno.ENOSPC


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
        #: Files whose content this process has compared with their name.
        self._checked: dict[str, tuple[int, int, int, int]] = {}
        #: Large files that it has linked, as they were.
        self._files: dict[tuple[int, int, int, int], str] = {}
        #: By samples: large values that this process has stored or read; passed on they are neither hashed nor written.
        self._samples: dict[bytes, str] = {}

    def __repr__(self) -> str:
        return f"ObjectStore({self._root!r})"

    def path(self, digest: str) -> Path:
        """Where the object with this digest is, or would be."""
        return Path(self._path(digest))

    def __contains__(self, digest: str) -> bool:
        return is_digest(digest) and os.path.exists(self._path(digest))

    # ---- writing ---------------------------------------------------------------------------------------------
    def put(self, data: Buffer | Iterable[Buffer]) -> str:
        """Store bytes (or buffers one after the other); the digest in hex.

        Raises:
            StoreFullError: there is no room; nothing was kept.
        """
        given = [data] if isinstance(data, (bytes, bytearray, memoryview)) else data
        parts = [memoryview(part).cast("B") if part else memoryview(b"") for part in given]
        size = sum(part.nbytes for part in parts)
        if size < _BESIDE_BYTES:
            hasher = hashlib.sha256()
            _hash(hasher, parts)
            if (digest := hasher.hexdigest()) not in self:
                with self._telling(size), self._writing() as (file, name):
                    writing.write(file, parts, size, is_large=False)
                    self._settle(file)
                    self._place(file, name, digest)
            return digest
        key = seals.sample(parts)
        digest = self._samples.get(key, "")
        if not digest or not self._is_stored(digest, parts):
            digest = self._put_large(parts, size)
            self._remember(key, digest)
        return digest

    def _put_large(self, parts: list[memoryview], size: int) -> str:
        """Written and synced, and hashed beside that."""
        hasher = hashlib.sha256()
        with self._telling(size), self._writing() as (file, name):
            beside = threading.Thread(target=_hash, args=(hasher, parts), daemon=True)
            beside.start()
            try:
                writing.write(file, parts, size, is_large=True)
                self._settle(file)
            finally:
                beside.join()
            if (digest := hasher.hexdigest()) not in self:
                self._place(file, name, digest)
        return digest

    def _is_stored(self, digest: str, parts: list[memoryview]) -> bool:
        try:
            with self._reading(digest) as file:
                self._check(digest, file, None)
                return writing.is_same(parts, file)
        except (MissingObjectError, CorruptedObjectError):
            return False

    def _remember(self, key: bytes, digest: str) -> None:
        if len(self._samples) > 10_000:
            self._samples.clear()
        self._samples[key] = digest

    def put_file(self, path: Path | str, *, is_ours: bool = False) -> str:
        """Store a file's content; the digest in hex.

        Small files are copied. Large ones are cloned where the file system can, linked where it cannot; then the two
        share their blocks, and a later change in place is found by the reader.

        Args:
            path: the file.
            is_ours: it was made for the store and is not written to again: linked whatever its size.
        """
        source = os.fspath(path)
        stat = os.stat(source)
        known = self._files.get(identity(stat), "")
        if known and known in self:
            return known
        self._make_folder(os.path.join(self._root, "tmp"))
        name = self._temporary("put")
        try:
            if (is_ours or stat.st_size >= LARGE_BYTES) and not clone(source, name) and may_link(stat, self._root):
                return self._put_link(source, name, is_ours=is_ours)
            with self._telling(stat.st_size):
                if not os.path.exists(name):
                    copy_file(source, name)
                digest = hash_file(name)
                if digest not in self:
                    with open(name, "rb") as file:
                        self._settle(file)
                        self._place(file, name, digest)
            return digest
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)

    def _put_link(self, source: str, name: str, *, is_ours: bool) -> str:
        os.link(source, name)
        before = identity(os.stat(name))
        digest = hash_file(name)
        if identity(os.stat(name)) != before:
            raise OSError(f"{source} was written to while it was read; wait until it is complete and pass it on again")
        if digest not in self:
            origin = "" if is_ours else os.path.abspath(source)
            with open(name, "rb") as file:
                self._settle(file, origin)
                self._place(file, name, digest, origin)
        if len(self._files) < 10_000:
            self._files[before] = digest
        return digest

    # ---- reading ---------------------------------------------------------------------------------------------
    def get(self, digest: str) -> bytes:
        """The object's bytes.

        Raises:
            MissingObjectError: there is no such object.
            CorruptedObjectError: its content is not what was stored.
        """
        with self._reading(digest) as file:
            data = file.read()
            self._check(digest, file, data)
            return data

    def size(self, digest: str) -> int:
        """The object's length in bytes."""
        try:
            return os.stat(self._path(digest)).st_size
        except FileNotFoundError:
            raise MissingObjectError(digest, self._root) from None

    def view(self, digest: str) -> Any:
        """The object's bytes as a private, writable mapping: pages are shared until someone writes to them."""
        with self._reading(digest) as file:
            if os.fstat(file.fileno()).st_size == 0:
                return bytearray()
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            if len(view) >= _BESIDE_BYTES:  # who passes it on as it is need not write it again
                self._remember(seals.sample([memoryview(view)]), digest)
            self._check(digest, file, None)  # by reading: faulting in every page of the mapping takes longer
            return view

    def checked(self, digest: str) -> str:
        """The path of an object whose content was compared with its name."""
        with self._reading(digest) as file:
            self._check(digest, file, None)
        return self._path(digest)

    @contextlib.contextmanager
    def _reading(self, digest: str) -> Iterator[BinaryIO]:
        try:
            file = open(self._path(digest), "rb")  # noqa: SIM115  closed below
        except FileNotFoundError:
            raise MissingObjectError(digest, self._root) from None
        with file:
            yield file

    def _check(self, digest: str, file: BinaryIO, content: Any) -> None:
        stat = os.fstat(file.fileno())
        now = identity(stat)
        if self._checked.get(digest) == now:
            return
        seal = seals.read(self._root, digest) if now[2] >= _SEALED_BYTES else {}
        if not seals.holds(seal, stat, is_large=now[2] >= LARGE_BYTES):
            found = hash_file(self._path(digest)) if content is None else hashlib.sha256(content).hexdigest()
            if found != digest:
                origin = (seal or seals.read(self._root, digest)).get("origin", "")
                aside = os.path.join(self._root, "corrupted")
                self._make_folder(aside)
                with contextlib.suppress(FileNotFoundError):
                    os.rename(self._path(digest), os.path.join(aside, digest))
                raise CorruptedObjectError(digest, self._root, origin)
        self._checked[digest] = now

    def named(self, digest: str, name: str) -> Path:
        """A path with this file name to the object's content, for libraries that look at extensions. Read-only."""
        base = os.path.basename(name)
        folder = os.path.join(self._root, "named", digest)
        target = os.path.join(folder, "data" if base in ("", ".", "..") else base)
        source = self.checked(digest)
        with contextlib.suppress(FileNotFoundError):
            if identity(os.stat(target)) != identity(os.stat(source)) and os.stat(target).st_nlink > 1:
                os.unlink(target)  # a link to content that was found corrupted since
        if not os.path.exists(target):
            self._make_folder(folder)
            link(source, target)
        return Path(target)

    def tree(self, digest: str, files: Iterable[tuple[str, str]], folders: Iterable[str] = ()) -> Path:
        """A folder of links to objects, named by the digest of its listing. Read-only.

        Args:
            digest: hex digest of the listing.
            files: relative path (with `/`) and digest of each file.
            folders: relative paths of empty folders.

        Raises:
            ValueError: a path of the listing leads out of the folder.
        """
        target = os.path.join(self._root, "trees", digest)
        if not os.path.isdir(target):
            work = self._temporary("tree")
            try:
                self._make_folder(work)
                for relative in folders:
                    os.makedirs(_inside(work, relative), exist_ok=True)
                for relative, content in files:
                    place = _inside(work, relative)
                    os.makedirs(os.path.dirname(place), exist_ok=True)
                    link(self.checked(content), place)
                self._make_folder(os.path.dirname(target))
                # Another process may have been faster; its tree is the same.
                with contextlib.suppress(OSError):
                    os.rename(work, target)
            finally:
                import shutil  # a writer that died is rare

                shutil.rmtree(work, ignore_errors=True)
        return Path(target)

    # ---- files -----------------------------------------------------------------------------------------------
    def _path(self, digest: str) -> str:
        if not is_digest(digest):  # a value may say anything of where its content is
            raise MissingObjectError(str(digest), self._root)
        return f"{self._root}/{digest[:2]}/{digest}"

    def _temporary(self, kind: str) -> str:
        name = f"{kind}-{_PROCESS}-{os.getpid()}-{threading.get_ident()}-{next(_serial)}"
        return os.path.join(self._root, "tmp", name)

    def _make_folder(self, folder: str) -> None:
        if not os.path.isdir(folder):
            # The mode holds for the last folder only, and the root is the one that keeps others out.
            os.makedirs(self._root, mode=0o700, exist_ok=True)
            os.makedirs(folder, mode=0o700, exist_ok=True)

    @contextlib.contextmanager
    def _telling(self, size: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in writing.FULL:
                raise
            raise StoreFullError(self._root, size) from None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[tuple[BinaryIO, str]]:
        name = self._temporary("put")
        self._make_folder(os.path.dirname(name))
        try:
            with open(name, "xb", buffering=0) as file:
                yield file, name
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)

    def _settle(self, file: BinaryIO, origin: str = "") -> None:
        """Nobody writes to it any more, and it is on disk."""
        if not origin:  # a linked file is its owner's, who may write to it
            os.fchmod(file.fileno(), 0o444)
        if self.is_durable:
            os.fsync(file.fileno())

    def _place(self, file: BinaryIO, name: str, digest: str, origin: str = "") -> None:
        target = self._path(digest)
        folder = os.path.dirname(target)
        self._make_folder(folder)
        os.replace(name, target)
        stat = os.fstat(file.fileno())
        self._checked[digest] = identity(stat)
        if stat.st_size >= _SEALED_BYTES:
            self._make_folder(os.path.join(self._root, "seals"))
            seals.write(self._root, digest, stat, f"{name}-seal", origin)
        if self.is_durable:
            sync_folder(folder)


def is_digest(text: object) -> bool:
    """Whether it can be an object's name; anything else might be a path that leads elsewhere."""
    return type(text) is str and len(text) == 64 and text.isascii() and text.isalnum()


def _hash(hasher: hashlib._Hash, parts: list[memoryview]) -> None:
    for part in parts:
        hasher.update(part)


def _inside(folder: str, relative: str) -> str:
    place = os.path.normpath(os.path.join(folder, relative))
    if not place.startswith(os.path.join(folder, "")):
        raise ValueError(f"a stored folder names {relative!r}, which lies outside of it; it is not restored")
    return place
