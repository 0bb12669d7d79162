"""Where content lies: local paths, and addresses of stores that fsspec knows.

Stores are reached with retries; what stands in the way is said in one sentence.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import posixpath
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from flytenb import errors

T = TypeVar("T")

#: Protocol → the package that knows it, where fsspec alone does not, and our extra that installs it.
PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), ("s3fs", "s3")),
    **dict.fromkeys(("gs", "gcs"), ("gcsfs", "gcs")),
    **dict.fromkeys(("abfs", "abfss", "az", "adl", "wasb", "wasbs"), ("adlfs", "azure")),
    **dict.fromkeys(("http", "https"), ("aiohttp", "")),
    **dict.fromkeys(("sftp", "ssh"), ("paramiko", "")),
    "hf": ("huggingface_hub", ""),
}
#: Waits before the second, third, … try; `FLYTE_STORAGE_RETRIES` says how many.
_WAITS_S = (0.2, 0.8, 2.0, 5.0)
#: By name, because their libraries are loaded by their users only. Also any ConnectionError and TimeoutError.
_TRANSIENT = frozenset(
    {
        *("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError", "gaierror"),
        *("ClientConnectorError", "ClientConnectionError", "ServerDisconnectedError", "ClientOSError"),
        *("ServiceRequestError", "ServiceResponseError", "TransportError", "SlowDown", "FSTimeoutError"),
    }
)
_REFUSED = frozenset({"NoCredentialsError", "PartialCredentialsError", "ClientAuthenticationError", "RefreshError"})
_TRANSIENT_NUMBERS = frozenset(
    {errno.EBUSY, errno.ECONNRESET, errno.ECONNREFUSED, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH}
)


class MissingPackageError(errors.FlytenbError, ImportError):
    """An address needs a package that is not installed here."""


class StoreUnreachableError(errors.FlytenbError, ConnectionError):
    """A store does not answer."""


class StoreRefusedError(errors.FlytenbError, PermissionError):
    """A store answers, and refuses."""


class NoSuchPlaceError(errors.FlytenbError, FileNotFoundError):
    """Nothing lies at an address."""


# ---- addresses ---------------------------------------------------------------------------------------------------
def is_remote(path: str) -> bool:
    """Whether a path has a protocol other than `file:`."""
    protocol, separator, _ = path.partition("://")
    # A local file may hold "://" in its name; a protocol is one short word.
    return bool(separator) and protocol not in ("file", "local") and protocol.replace("+", "").isalnum()


def without_scheme(path: str) -> str:
    """The path without `file://`."""
    for scheme in ("file://", "local://"):
        if path.startswith(scheme):
            return path[len(scheme) :]
    return path


def join(base: str, *parts: str) -> str:
    """A path under a local or remote base."""
    return posixpath.join(base, *parts) if is_remote(base) else os.path.join(base, *parts)


def safe_name(name: str, what: str) -> str:
    """A relative path that stays below its folder.

    Raises:
        ValueError: it is absolute or leads out.
    """
    steps = name.replace(os.sep, "/").split("/")
    if not name or name.startswith(("/", os.sep)) or ".." in steps or is_remote(name) or "\0" in name:
        raise ValueError(f"{name!r} is not a name below {what}; give a relative path without '..'")
    return name


def file_name(name: str) -> str:
    """The last part of a name, as a file can have it."""
    base = os.path.basename(name)
    return "data" if base in ("", ".", "..") or "\0" in base else base


def from_environment(protocol: str) -> dict[str, Any]:
    """Arguments for a protocol's file system, from FLYTE_AWS_ENDPOINT and the like."""
    if protocol not in ("s3", "s3a"):
        return {}
    env = os.environ.get
    style = env("FLYTE_AWS_S3_ADDRESSING_STYLE")
    given = {
        "endpoint_url": env("FLYTE_AWS_ENDPOINT"),
        "key": env("FLYTE_AWS_ACCESS_KEY_ID"),
        "secret": env("FLYTE_AWS_SECRET_ACCESS_KEY"),
        # Its own patience adds up to minutes; `tried` repeats instead.
        "config_kwargs": {
            "connect_timeout": 10,
            "retries": {"max_attempts": 1},
            **({"s3": {"addressing_style": style}} if style else {}),
        },
    }
    return {name: value for name, value in given.items() if value}


#: Protocol → arguments of its file system; `configure` installs others.
_options: Callable[[str], Mapping[str, Any]] = from_environment


def configure(options: Callable[[str], Mapping[str, Any]] | None) -> None:
    """Install what gives the arguments of file systems in this process; None restores the environment's."""
    global _options
    _options = options or from_environment


def filesystem_of(address: str, **given: Any) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path inside it.

    Raises:
        MissingPackageError: the file system's package is not installed.
        ValueError: no file system has that protocol.
    """
    import fsspec

    if not is_remote(address):
        return fsspec.filesystem("file"), without_scheme(address)
    protocol = address.partition("://")[0]
    package, extra = PACKAGES.get(protocol, ("", ""))
    try:
        filesystem, path = fsspec.core.url_to_fs(address, **{**_options(protocol), **given})
    except ImportError as error:
        package = package or str(error.name or protocol)
        fix = f'pip install {package}"' + (f' (or "pip install flytenb[{extra}]")' if extra else "")
        raise MissingPackageError(
            f'{address} needs the package {package}, which is not installed here; run "{fix}, and add it to the image '
            "of tasks that read it"
        ) from error
    except ValueError as error:
        if "rotocol" not in str(error):
            raise
        raise ValueError(
            f'no file system is known for "{protocol}://" ({address}); use a path, s3://, gs://, abfs://, https:// or '
            "another protocol of fsspec"
        ) from None
    return filesystem, str(path)


# ---- tries -------------------------------------------------------------------------------------------------------
def _names(error: BaseException) -> Iterator[str]:
    seen: BaseException | None = error
    while seen is not None:
        yield from (kind.__name__ for kind in type(seen).__mro__)
        seen = seen.__cause__


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, (ConnectionError, TimeoutError)) or not _TRANSIENT.isdisjoint(_names(error)):
        return True
    status = getattr(error, "status", getattr(error, "code", None))
    return getattr(error, "errno", None) in _TRANSIENT_NUMBERS or (isinstance(status, int) and 500 <= status < 600)


def tried(address: str, doing: str, call: Callable[[], T]) -> T:
    """What `call` returns, tried again while the store does not answer.

    Args:
        address: for messages.
        doing: "read", "written", "listed".
        call: may run several times.

    Raises:
        StoreUnreachableError: it did not answer in any try.
        StoreRefusedError: it refuses.
        NoSuchPlaceError: nothing is there.
    """
    if not is_remote(address):
        return call()
    count = 1 + max(0, int(os.environ.get("FLYTE_STORAGE_RETRIES") or "3"))
    for number in range(count):
        try:
            return call()
        except errors.FlytenbError:
            raise
        except FileNotFoundError as error:
            hint = "memory:// belongs to one process" if address.startswith("memory:") else "check the address"
            raise NoSuchPlaceError(f"{address} cannot be {doing}: there is nothing; {hint}") from error
        except Exception as error:  # every store has errors of its own
            reason = (" ".join(str(error).split()) or type(error).__name__)[:200]
            if isinstance(error, PermissionError) or not _REFUSED.isdisjoint(_names(error)):
                raise StoreRefusedError(
                    f"{address} cannot be {doing}: the store refuses ({reason}); check the credentials in this "
                    "process's environment and the rights they have"
                ) from error
            if not _is_transient(error):
                raise
            if number == count - 1:
                tries = "one try" if count == 1 else f"{count} tries"
                raise StoreUnreachableError(
                    f"{address} cannot be {doing}: the store did not answer in {tries} ({reason}); check the network "
                    "and the store's endpoint, then run again"
                ) from error
            time.sleep(_WAITS_S[min(number, len(_WAITS_S) - 1)])
    raise AssertionError("unreachable")


# ---- content -----------------------------------------------------------------------------------------------------
def exists(address: str) -> bool:
    """Whether something lies at an address."""
    if not is_remote(address):
        return os.path.exists(without_scheme(address))
    filesystem, path = filesystem_of(address)
    return tried(address, "looked at", lambda: bool(filesystem.exists(path)))


@contextlib.contextmanager
def opened(address: str, mode: str, compression: str | None = None, **given: Any) -> Iterator[Any]:
    """A remote file, or a local one with compression; what is written is there whole when closed, or not at all."""
    text = {key: given.pop(key) for key in ("encoding", "errors", "newline") if key in given}
    kind = mode.replace("t", "").replace("b", "")
    filesystem, path = filesystem_of(address)
    is_written = kind != "r"
    word = "written" if is_written else "read"
    binary = tried(address, word, lambda: _open(filesystem, path, kind + "b", is_written=is_written, **given))
    handle: Any = binary
    try:
        if compression is not None:
            handle = _compressed(handle, path, compression, kind)
        if "b" not in mode:
            handle = io.TextIOWrapper(handle, **text)
        yield handle
    except BaseException:
        if is_written and hasattr(binary, "discard"):
            with contextlib.suppress(Exception):
                binary.discard()
        raise
    else:
        if handle is not binary:
            handle.close()
        tried(address, word, binary.close)
        if is_written and not getattr(binary, "autocommit", True):
            tried(address, word, binary.commit)
    finally:
        if not is_written:
            with contextlib.suppress(Exception):
                binary.close()


def _open(filesystem: Any, path: str, mode: str, *, is_written: bool, **given: Any) -> Any:
    if is_written and mode != "ab":
        with contextlib.suppress(TypeError, NotImplementedError):
            return filesystem.open(path, mode, autocommit=False, **given)
    return filesystem.open(path, mode, **given)


def _compressed(handle: Any, path: str, compression: str, kind: str) -> Any:
    from fsspec.compression import compr
    from fsspec.utils import infer_compression

    name = infer_compression(path) if compression == "infer" else compression
    if name is None:
        return handle
    if name not in compr:
        known = ", ".join(sorted(word for word in compr if word))
        raise ValueError(f'compression "{name}" is not known here; use one of {known}')
    return compr[name](handle, mode=kind + "b")


def copy_in(address: str, target: str) -> None:
    """A local copy of a remote file, whole or not at all."""
    filesystem, path = filesystem_of(address)
    partial = f"{target}.{os.getpid()}.partial"
    try:
        tried(address, "read", lambda: filesystem.get_file(path, partial))
        os.replace(partial, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)


def copy_out(source: str, destination: str) -> None:
    """Copy a local file or folder to a local or remote destination."""
    if is_remote(destination):
        filesystem, path = filesystem_of(destination)
        if os.path.isdir(source):
            for local, relative in files_below(source):
                place = posixpath.join(path, relative)
                tried(f"{destination}/{relative}", "written", lambda a=local, b=place: _put(filesystem, a, b))  # type: ignore[misc]
        else:
            tried(destination, "written", lambda: _put(filesystem, source, path))
        return
    target = without_scheme(destination)
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    if os.path.isdir(source):
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        partial = f"{target}.{os.getpid()}.partial"
        try:
            shutil.copyfile(source, partial)
            os.replace(partial, target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(partial)


def _put(filesystem: Any, source: str, path: str) -> None:
    filesystem.makedirs(filesystem._parent(path), exist_ok=True)
    filesystem.put_file(source, path)


def files_below(top: str) -> Iterator[tuple[str, str]]:
    """Path and relative path (with `/`) of every file of a folder, links followed, in order.

    Raises:
        OSError: a link leads nowhere or back to a folder above it, or something is neither file nor folder.
    """
    for path, relative, is_folder in below(top):
        if not is_folder:
            yield path, relative


def below(top: str) -> Iterator[tuple[str, str, bool]]:
    """Path, relative path and whether it is a folder, of all there is below a folder."""
    yield from _below(top, "", (os.path.realpath(top),))


def _below(folder: str, prefix: str, above: tuple[str, ...]) -> Iterator[tuple[str, str, bool]]:
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        relative = prefix + entry.name
        if entry.is_dir():
            real = os.path.realpath(entry.path)
            if entry.is_symlink() and any(real == one or one.startswith(real + os.sep) for one in above):
                raise OSError(f"{entry.path} is a link to a folder that it lies in ({real}); remove the link")
            yield entry.path, relative, True
            yield from _below(entry.path, relative + "/", (*above, real))
        elif entry.is_file():
            yield entry.path, relative, False
        elif entry.is_symlink():
            raise OSError(f"{entry.path} is a link to {os.readlink(entry.path)!r}, which is not there; remove the link")
        else:
            raise OSError(f"{entry.path} is neither a file nor a folder (a pipe, socket or device); remove it")


def temporary_folder() -> str:
    """A fresh folder for a copy that a task downloads."""
    return tempfile.mkdtemp("-flytenb")
