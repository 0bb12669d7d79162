"""Where papermill reads and writes: every address that fsspec knows, and local files that are always whole."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from papermill.iorw import LocalHandler, papermill_io
from papermill.utils import chdir

#: Protocols that papermill has no handler for.
_LACKING = (
    *("file", "memory", "az", "abfs", "abfss", "s3a", "gcs", "sftp", "ssh", "smb", "ftp", "webdav", "webhdfs", "hf"),
    *("oss", "oci", "r2", "dbfs"),
)
#: Protocols whose handler in papermill needs a package that may be absent.
_NEEDING = {"s3": "boto3", "gs": "gcsfs", "abs": "azure.storage.blob", "hdfs": "pyarrow"}


class FsspecHandler:
    """Reads and writes notebooks through fsspec, with the options of `flyte.init(storage=…)`."""

    def read(self, path: str) -> str:
        """The text of a file."""
        from flytenb.codec.places import opened

        with opened(path, "rb") as file:
            return bytes(file.read()).decode("utf-8")

    def write(self, text: str, path: str) -> None:
        """Write a file, whole or not at all."""
        from flytenb.codec.places import opened

        with opened(path, "wb") as file:
            file.write(text.encode("utf-8"))

    def listdir(self, path: str) -> list[str]:
        """Addresses of what lies in a folder."""
        from flytenb.codec.places import filesystem_of

        filesystem, inside = filesystem_of(path)
        return [filesystem.unstrip_protocol(name) for name in filesystem.ls(inside, detail=False)]

    def pretty_path(self, path: str) -> str:
        """The address."""
        return path


def register() -> None:
    """Add what papermill lacks."""
    have = {scheme for scheme, _ in papermill_io._handlers}
    handler = FsspecHandler()
    for protocol in _LACKING:
        if f"{protocol}://" not in have:
            papermill_io.register(f"{protocol}://", handler)
    for protocol, package in _NEEDING.items():
        if not _is_there(package) and _is_there("fsspec"):
            papermill_io.register(f"{protocol}://", handler)


def prefer_fsspec() -> None:
    """From now on S3 and GCS are read with this process's storage options, where fsspec's packages are installed."""
    for protocol, package in (("s3", "s3fs"), ("gs", "gcsfs")):
        used = next((one for scheme, one in papermill_io._handlers if scheme == f"{protocol}://"), None)
        if _is_there(package) and not isinstance(used, FsspecHandler):
            papermill_io.register(f"{protocol}://", FsspecHandler())


def write_whole_files() -> None:
    """From now on papermill's local files are whole at any time."""
    for scheme, local in papermill_io._handlers:
        if scheme == "local" and type(local) is LocalHandler:
            local.write = _WholeWriter(local)


class _WholeWriter:
    """Stands for `LocalHandler.write`."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def __call__(self, text: str, path: str) -> None:
        from flytenb.batches.outputs import write_whole

        with chdir(self._handler._cwd):
            folder = os.path.dirname(path)
            if folder and not os.path.exists(folder):
                raise FileNotFoundError(f"output folder {folder} doesn't exist.")  # papermill's words
            write_whole(path, text)


def _is_there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False
