"""An image as plain data: what an environment's software is made of."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec


class SecretSpec(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A secret by name; its value is never part of a declaration."""

    key: str
    group: str = ""
    #: The environment variable it becomes, "" for none.
    variable: str = ""
    #: The directory it becomes a file in, "" for none.
    mount: str = ""

    @property
    def outside(self) -> str:
        """The environment variable that holds the value where a run is started: its own, else `[GROUP_]KEY`."""
        return self.variable or "_".join(filter(None, (self.group, self.key))).replace("-", "_").upper()


class FileSpec(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A file that a layer needs, by content."""

    #: Relative to the layer's own folder, "/" between parts.
    path: str
    #: Digest (hex) of its content in the object store.
    digest: str
    is_executable: bool = False


class LayerSpec(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One step of an image, as `sdk.layers.Layer` describes it, with its files by content."""

    kind: str
    values: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    files: tuple[FileSpec, ...] = ()
    dst: str = ""
    secrets: tuple[SecretSpec, ...] = ()


class ImageSpec(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What software an environment needs. Equal specs are one image.

    A spec without base, Dockerfile and layers stands for the caller's own environment.
    """

    #: What a person reads: "python:3.11-slim-bookworm + pip pandas".
    text: str = ""
    #: Name of an image to begin with, "" for a Dockerfile.
    base: str = ""
    #: A Dockerfile and all of its folder; the Dockerfile is the first.
    dockerfile: tuple[FileSpec, ...] = ()
    #: Version of Python, as far as it was said.
    python: tuple[int, ...] = ()
    #: The base is Debian with that Python, which a machine without Docker may stand in for.
    is_debian: bool = False
    name: str = ""
    registry: str = ""
    platform: tuple[str, ...] = ()
    layers: tuple[LayerSpec, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing that the caller's own environment does not say."""
        return not self.base and not self.dockerfile and not self.layers


_encode = msgspec.msgpack.Encoder().encode
#: What Debian with a Python is, unless `FLYTENB_BASE_IMAGE` names another base.
DEBIAN = "python:{version}-slim-bookworm"


def debian_base(python: tuple[int, ...], template: str = "") -> str:
    """The image that stands for Debian with this Python: a mirror's, by a template with "{version}", or a local one."""
    return (template or DEBIAN).replace("{version}", ".".join(map(str, python)))


def image_digest(spec: ImageSpec) -> str:
    """Identity (32 hex digits) of what a spec makes; its name, registry and wording do not count."""
    counted = msgspec.structs.replace(spec, text="", name="", registry="")
    return blake2b(b"flytenb.image/1\0" + _encode(_values(counted)), digest_size=16).hexdigest()


def _values(part: Any) -> Any:
    """All fields in order: msgspec leaves defaults out by identity, and empty tuples are not always the same object."""
    if isinstance(part, msgspec.Struct):
        return [_values(getattr(part, name)) for name in part.__struct_fields__]
    return [_values(one) for one in part] if isinstance(part, tuple) else part
