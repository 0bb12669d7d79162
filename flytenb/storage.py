"""`flyte.storage`: files on this machine and behind any address that fsspec knows."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

__all__ = [
    "ABFS",
    "GCS",
    "S3",
    "Storage",
    "exists",
    "exists_sync",
    "get",
    "get_configured_fsspec_kwargs",
    "get_random_local_directory",
    "get_random_local_path",
    "get_stream",
    "get_underlying_filesystem",
    "is_remote",
    "join",
    "open",
    "put",
    "put_stream",
]


@dataclass(frozen=True)
class Storage:
    """How storage is reached; the values of environment variables are taken by `auto()`."""

    retries: int = 3
    backoff: timedelta = timedelta(seconds=5)
    enable_debug: bool = False
    attach_execution_metadata: bool = True

    @classmethod
    def auto(cls) -> Storage:
        """From FLYTE_STORAGE_RETRIES."""
        return cls(retries=int(os.environ.get("FLYTE_STORAGE_RETRIES", "3")))

    def get_fsspec_kwargs(self, anonymous: bool = False, **kwargs: Any) -> dict[str, Any]:
        """Arguments for the file system."""
        return {"anon": True, **kwargs} if anonymous else kwargs


@dataclass(frozen=True)
class S3(Storage):
    """Amazon S3 and what speaks like it."""

    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    region: str | None = None
    addressing_style: str | None = None

    @classmethod
    def auto(cls, region: str | None = None) -> S3:
        """From FLYTE_AWS_ENDPOINT, FLYTE_AWS_ACCESS_KEY_ID, FLYTE_AWS_SECRET_ACCESS_KEY."""
        env = os.environ
        return cls(
            endpoint=env.get("FLYTE_AWS_ENDPOINT"),
            access_key_id=env.get("FLYTE_AWS_ACCESS_KEY_ID"),
            secret_access_key=env.get("FLYTE_AWS_SECRET_ACCESS_KEY"),
            region=region,
            addressing_style=env.get("FLYTE_AWS_S3_ADDRESSING_STYLE"),
        )

    @classmethod
    def for_sandbox(cls) -> S3:
        """A MinIO on this machine."""
        return cls(endpoint="http://localhost:4566", access_key_id="minio", secret_access_key="miniostorage")

    def get_fsspec_kwargs(self, anonymous: bool = False, **kwargs: Any) -> dict[str, Any]:
        """Arguments for s3fs."""
        given = {"endpoint_url": self.endpoint, "key": self.access_key_id, "secret": self.secret_access_key}
        return super().get_fsspec_kwargs(anonymous, **{k: v for k, v in given.items() if v}, **kwargs)


@dataclass(frozen=True)
class GCS(Storage):
    """Google Cloud Storage."""

    gsutil_parallelism: bool = False


@dataclass(frozen=True)
class ABFS(Storage):
    """Azure Blob Storage."""

    account_name: str | None = None
    account_key: str | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = None


def is_remote(path: str | Path) -> bool:
    """Whether it is an address of another place."""
    scheme, has_scheme, _ = str(path).partition("://")
    return bool(has_scheme) and scheme not in ("file", "local")


def join(*paths: str) -> str:
    """One path from parts."""
    return "/".join(part.rstrip("/") if i == 0 else part.strip("/") for i, part in enumerate(paths) if part)


def get_random_local_path(file_path_or_file_name: str | Path | None = None) -> Path:
    """A path that does not exist yet, with the given name's ending."""
    name = uuid4().hex if file_path_or_file_name is None else f"{uuid4().hex}/{Path(file_path_or_file_name).name}"
    path = Path(tempfile.gettempdir()) / "flytenb" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def get_random_local_directory() -> Path:
    """A new empty directory."""
    path = get_random_local_path()
    path.mkdir()
    return path


def get_configured_fsspec_kwargs(protocol: str | None = None, anonymous: bool = False) -> dict[str, Any]:
    """Arguments for the file system of a protocol, from the environment."""
    config = S3.auto() if protocol == "s3" else Storage.auto()
    return config.get_fsspec_kwargs(anonymous)


def get_underlying_filesystem(protocol: str | None = None, anonymous: bool = False, path: str | None = None) -> Any:
    """The fsspec file system of a protocol, or of a path."""
    import fsspec

    if protocol is None:
        protocol = str(path).partition("://")[0] if path is not None and is_remote(path) else "file"
    return fsspec.filesystem(protocol, **get_configured_fsspec_kwargs(protocol, anonymous))


def exists_sync(path: str, **kwargs: Any) -> bool:
    """Whether there is something at a path."""
    return bool(get_underlying_filesystem(path=path).exists(path, **kwargs))


async def exists(path: str, **kwargs: Any) -> bool:
    """`exists_sync`, awaitable."""
    return await asyncio.to_thread(exists_sync, path, **kwargs)


async def get(from_path: str, to_path: str | Path | None = None, recursive: bool = False, **kwargs: Any) -> str:
    """Copy to this machine; the path of the copy."""
    target = Path(to_path) if to_path is not None else get_random_local_path(from_path)
    files = get_underlying_filesystem(path=from_path)
    await asyncio.to_thread(files.get, from_path, str(target), recursive=recursive, **kwargs)
    return str(target)


async def put(from_path: str, to_path: str | None = None, recursive: bool = False, **kwargs: Any) -> str:
    """Copy from this machine; the address of the copy."""
    target = to_path if to_path is not None else str(get_random_local_path(from_path))
    files = get_underlying_filesystem(path=target)
    await asyncio.to_thread(files.put, from_path, target, recursive=recursive, **kwargs)
    return target


async def put_stream(
    data_iterable: AsyncIterable[bytes] | bytes, *, name: str | None = None, to_path: str | None = None, **kwargs: Any
) -> str:
    """Write pieces of bytes; the address of the file."""
    target = to_path if to_path is not None else str(get_random_local_path(name))
    files = get_underlying_filesystem(path=target)
    with await asyncio.to_thread(files.open, target, "wb") as file:
        if isinstance(data_iterable, bytes):
            await asyncio.to_thread(file.write, data_iterable)
        else:
            async for piece in data_iterable:
                await asyncio.to_thread(file.write, piece)
    return target


async def get_stream(path: str, chunk_size: int = 10 << 20, **kwargs: Any) -> AsyncIterator[bytes]:
    """Pieces of a file."""
    files = get_underlying_filesystem(path=path)
    with await asyncio.to_thread(files.open, path, "rb") as file:
        while piece := await asyncio.to_thread(file.read, chunk_size):
            yield piece


class _Opened:
    """A file whose methods are awaited."""

    def __init__(self, file: Any) -> None:
        self._file = file

    async def read(self, size: int = -1) -> Any:
        """Read."""
        return await asyncio.to_thread(self._file.read, size)

    async def write(self, data: Any) -> Any:
        """Write."""
        return await asyncio.to_thread(self._file.write, data)

    async def close(self) -> None:
        """Close."""
        await asyncio.to_thread(self._file.close)

    async def __aenter__(self) -> _Opened:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def open(path: str, mode: str = "rb", **kwargs: Any) -> _Opened:  # noqa: A001  Flyte's name
    """A file with awaitable `read`, `write` and `close`."""
    files = get_underlying_filesystem(path=path)
    return _Opened(await asyncio.to_thread(files.open, path, mode, **kwargs))
