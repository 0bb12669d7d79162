"""`flyte.storage`: files on this machine and behind any address that fsspec knows."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Generator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from flytenb.codec import places
from flytenb.codec.files import AsyncHandle, Dir, File

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

    #: The protocols that a configuration is of; "" = every one.
    protocols: ClassVar[tuple[str, ...]] = ("",)

    def use(self) -> None:
        """Reach stores in this process like this; other processes take FLYTE_AWS_ENDPOINT and the like."""
        os.environ["FLYTE_STORAGE_RETRIES"] = str(self.retries)

        def options(protocol: str) -> dict[str, Any]:
            given = places.from_environment(protocol)
            return {**given, **self.get_fsspec_kwargs()} if protocol in self.protocols else given

        places.configure(options)


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
        given: dict[str, Any] = {
            "endpoint_url": self.endpoint,
            "key": self.access_key_id,
            "secret": self.secret_access_key,
            "client_kwargs": {"region_name": self.region} if self.region else None,
            "config_kwargs": {"s3": {"addressing_style": self.addressing_style}} if self.addressing_style else None,
        }
        return super().get_fsspec_kwargs(anonymous, **{k: v for k, v in given.items() if v}, **kwargs)

    protocols: ClassVar[tuple[str, ...]] = ("s3", "s3a")


@dataclass(frozen=True)
class GCS(Storage):
    """Google Cloud Storage."""

    gsutil_parallelism: bool = False

    protocols: ClassVar[tuple[str, ...]] = ("gs", "gcs")

    def get_fsspec_kwargs(self, anonymous: bool = False, **kwargs: Any) -> dict[str, Any]:
        """Arguments for gcsfs."""
        return {"token": "anon", **kwargs} if anonymous else kwargs


@dataclass(frozen=True)
class ABFS(Storage):
    """Azure Blob Storage."""

    account_name: str | None = None
    account_key: str | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = None

    protocols: ClassVar[tuple[str, ...]] = ("abfs", "abfss", "az")

    @classmethod
    def auto(cls) -> ABFS:
        """From AZURE_STORAGE_ACCOUNT_NAME and _KEY, and AZURE_TENANT_ID, _CLIENT_ID and _CLIENT_SECRET."""
        env = os.environ.get
        return cls(
            account_name=env("AZURE_STORAGE_ACCOUNT_NAME"),
            account_key=env("AZURE_STORAGE_ACCOUNT_KEY"),
            tenant_id=env("AZURE_TENANT_ID"),
            client_id=env("AZURE_CLIENT_ID"),
            client_secret=env("AZURE_CLIENT_SECRET"),
        )

    def get_fsspec_kwargs(self, anonymous: bool = False, **kwargs: Any) -> dict[str, Any]:
        """Arguments for adlfs."""
        names = ("account_name", "account_key", "tenant_id", "client_id", "client_secret")
        return super().get_fsspec_kwargs(
            anonymous, **{name: getattr(self, name) for name in names if getattr(self, name)}, **kwargs
        )


def is_remote(path: str | Path) -> bool:
    """Whether it is an address of another place."""
    return places.is_remote(str(path))


def join(*paths: str) -> str:
    """One path from parts."""
    return "/".join(part.rstrip("/") if i == 0 else part.strip("/") for i, part in enumerate(paths) if part)


def get_random_local_path(file_path_or_file_name: str | Path | None = None) -> Path:
    """A path that does not exist yet, with the given name's ending."""
    name = uuid4().hex if file_path_or_file_name is None else f"{uuid4().hex}/{Path(file_path_or_file_name).name}"
    path = Path(tempfile.mkdtemp(prefix="flytenb-")) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def get_random_local_directory() -> Path:
    """A new empty directory."""
    path = get_random_local_path()
    path.mkdir()
    return path


def get_configured_fsspec_kwargs(protocol: str | None = None, anonymous: bool = False) -> dict[str, Any]:
    """Arguments for the file system of a protocol, from the environment."""
    given = places.from_environment(protocol or "")
    return {"anon": True, **given} if anonymous else given


def get_underlying_filesystem(protocol: str | None = None, anonymous: bool = False, path: str | None = None) -> Any:
    """The fsspec file system of a protocol, or of a path."""
    address = path if path is not None else f"{protocol or 'file'}://"
    filesystem, _ = places.filesystem_of(address, **({"anon": True} if anonymous else {}))
    return filesystem


def exists_sync(path: str, **kwargs: Any) -> bool:
    """Whether there is something at a path."""
    return places.exists(path)


async def exists(path: str, **kwargs: Any) -> bool:
    """`exists_sync`, awaitable."""
    return await asyncio.to_thread(exists_sync, path, **kwargs)


async def get(from_path: str, to_path: str | Path | None = None, recursive: bool = False, **kwargs: Any) -> str:
    """Copy to this machine; the path of the copy."""
    target = str(to_path) if to_path is not None else str(get_random_local_path(from_path))
    source: Dir[Any] | File[Any] = Dir(path=from_path) if recursive else File(path=from_path)
    return await asyncio.to_thread(source.download_sync, target)


async def put(from_path: str, to_path: str | None = None, recursive: bool = False, **kwargs: Any) -> str:
    """Copy from this machine; the address of the copy."""
    target = to_path if to_path is not None else str(get_random_local_path(from_path))
    await asyncio.to_thread(places.copy_out, from_path, target)
    return target


async def put_stream(
    data_iterable: AsyncIterable[bytes] | bytes, *, name: str | None = None, to_path: str | None = None, **kwargs: Any
) -> str:
    """Write pieces of bytes; the address of the file."""
    target = to_path if to_path is not None else str(get_random_local_path(name))
    async with open(target, "wb", **kwargs) as file:
        if isinstance(data_iterable, bytes):
            await file.write(data_iterable)
        else:
            async for piece in data_iterable:
                await file.write(piece)
    return target


async def get_stream(path: str, chunk_size: int = 10 << 20, **kwargs: Any) -> AsyncIterator[bytes]:
    """Pieces of a file."""
    async with open(path, "rb", **kwargs) as file:
        while piece := await file.read(chunk_size):
            yield piece


class _Handle(AsyncHandle):
    """An open file that closes itself."""

    def __init__(self, handle: Any, manager: Any) -> None:
        super().__init__(handle)
        self._manager = manager

    async def close(self) -> None:
        """Close; what was written is there."""
        await self._manager.__aexit__(None, None, None)

    async def __aenter__(self) -> _Handle:
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._manager.__aexit__(*error)


class _Opening:
    """A file to be opened: awaited, or entered with `async with`."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def __await__(self) -> Generator[Any, None, _Handle]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> _Handle:
        opened: AsyncHandle = await self._manager.__aenter__()
        return _Handle(opened._handle, self._manager)

    async def __aexit__(self, *error: Any) -> None:
        await self._manager.__aexit__(*error)


def open(path: str, mode: str = "rb", **kwargs: Any) -> _Opening:  # noqa: A001  Flyte's name
    """A file with awaitable `read`, `write` and `close`.

    Example:
        async with flyte.storage.open("s3://bucket/key") as file:
            data = await file.read()
    """
    return _Opening(File(path=path).open(mode, **kwargs))
