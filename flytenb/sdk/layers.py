"""Layers of an image: what each adds, and what of it makes two images different."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from flytenb.errors import ImageBuildError
from flytenb.sdk.secret import SecretRequest, secrets_of

NOISE = frozenset({"__pycache__", ".git", ".venv", ".ipynb_checkpoints", "node_modules"})


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an image, as declared."""

    #: "pip", "apt", "commands", "env", "workdir", "copy", "requirements", "uv-project" …
    kind: str
    #: What was said, in words that a person wrote.
    values: tuple[str, ...] = ()
    #: Options that count, as (name, value).
    options: tuple[tuple[str, Any], ...] = ()
    #: Files and directories whose content counts.
    files: tuple[Path, ...] = ()
    #: Where copied files go.
    dst: str = ""
    secrets: tuple[Any, ...] = ()

    def update_hash(self, hasher: Any) -> None:
        """Feed all that makes this layer different.

        Raises:
            FileNotFoundError: a file of it does not exist.
        """
        hasher.update(repr((self.kind, self.values, self.options, self.dst)).encode())
        for secret in self.secrets:
            hasher.update(secret.stable_hash().encode())
        for path in self.files:
            for name, content in _contents(path):
                hasher.update(f"\0{name}\0".encode())
                hasher.update(content)

    def validate(self) -> None:
        """Raises FileNotFoundError when a file of it does not exist."""
        for path in self.files:
            existing(path)

    def __str__(self) -> str:
        files = tuple(path.name for path in self.files)
        return " ".join((self.kind, *self.values, *files))


def existing(path: Path) -> Path:
    """Raises FileNotFoundError, which says from where the path was looked for."""
    if not path.exists():
        raise FileNotFoundError(f'image layer: "{path}" does not exist; paths are relative to {os.getcwd()}')
    return path


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    if not existing(path).is_dir():
        yield path.name, path.read_bytes()
        return
    for file in sorted(path.rglob("*")):
        relative = file.relative_to(path)
        if file.is_file() and not NOISE.intersection(relative.parts):
            yield relative.as_posix(), file.read_bytes()


def pip_options(
    index_url: str | None, extra_index_urls: str | list[str] | tuple[str, ...] | None, pre: bool, extra_args: str | None
) -> tuple[tuple[str, Any], ...]:
    """The options of pip that were given."""
    urls = (extra_index_urls,) if isinstance(extra_index_urls, str) else tuple(extra_index_urls or ())
    given = (("index_url", index_url), ("extra_index_urls", urls), ("pre", pre), ("extra_args", extra_args))
    return tuple((name, value) for name, value in given if value)


def words(what: str, values: tuple[Any, ...]) -> tuple[str, ...]:
    """Refuses a list where words are expected one by one."""
    for value in values:
        if not isinstance(value, str):
            raise TypeError(f"{what}({value!r}): give the names one by one, {what}(*names)")
    return values


def mounts(secret_mounts: SecretRequest | None) -> tuple[Any, ...]:
    """Secrets of a build step."""
    return tuple(secrets_of(secret_mounts))


def with_suffix(path: str | Path, suffix: str, what: str) -> Path:
    """Refuses a file of another kind."""
    path = Path(path)
    if path.suffix != suffix:
        raise ValueError(f'{what}("{path}"): the file must end in {suffix}')
    return path


def project_files(
    what: str, manifest: str | Path, lock: str | Path | None, lock_name: str, install_mode: str
) -> tuple[Path, ...]:
    """Files that count for a project: manifest and lock, or the whole directory when it is installed."""
    if install_mode not in ("dependencies_only", "install_project"):
        raise ValueError(
            f'{what}(project_install_mode={install_mode!r}): write "dependencies_only" or "install_project"'
        )
    manifest = Path(manifest)
    if install_mode == "install_project":
        return (manifest.parent,)
    lock = Path(lock) if lock is not None else manifest.parent / lock_name
    return (manifest, lock) if lock.exists() or lock.name == "poetry.lock" else (manifest,)


def python_wheels(*, wheel_dir: Path, package_name: str) -> Layer:
    """Wheels of a directory, as Flyte's `PythonWheels`."""
    return Layer(kind="wheels", values=(package_name,), files=(Path(wheel_dir),))


def digest_of(*parts: bytes, layers: tuple[Layer, ...]) -> str:
    """The tag of an image: MD5 as Flyte's, over the base and then each layer."""
    hasher = hashlib.md5(usedforsecurity=False)
    for part in parts:
        hasher.update(part)
    try:
        for layer in layers:
            layer.update_hash(hasher)
    except PermissionError as error:
        raise ImageBuildError(f"image layer: {error.filename!r} cannot be read; change its permissions") from error
    return hasher.hexdigest()
