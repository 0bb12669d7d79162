"""Layers that are applied when a worker starts: variables, a working directory, copied files."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec.structs import replace

from flytenb.images.layers import LAUNCH_KINDS
from flytenb.images.plan import make_plan
from flytenb.images.requirements import Read
from flytenb.model.image import ImageSpec

_encode = msgspec.msgpack.Encoder().encode


def launch_layers(spec: ImageSpec, home: Path, read: Read) -> tuple[dict[str, str], str]:
    """Variables and working directory of an image's workers outside a container; "" where no directory is said.

    The files of an image are laid out once, under a folder that stands for the container's root. They are not writable:
    all workers of the image share them.
    """
    layers = tuple(one for one in spec.layers if one.kind in LAUNCH_KINDS)
    plan = make_plan(replace(spec, base="", dockerfile=(), layers=layers), read)
    if not any(one.kind in ("copy", "workdir") for one in layers):
        return dict(plan.env), ""
    counted = _encode(tuple(one for one in layers if one.kind != "env"))
    folder = home / "environments" / f"files-{blake2b(counted, digest_size=16).hexdigest()}"
    workdir = folder / plan.workdir.strip("/")
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".files-", dir=folder.parent))
        (made / plan.workdir.strip("/")).mkdir(parents=True, exist_ok=True)
        for copy in (one for step in plan.steps for one in step.copies):
            path = made / copy.path.strip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                path.unlink()  # a later layer's file wins, and earlier ones are not writable
            path.write_bytes(read(copy.digest) if copy.digest else copy.data)
            path.chmod(0o555 if copy.is_executable else 0o444)
        try:
            made.rename(folder)
        except OSError:  # somebody was faster
            shutil.rmtree(made, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.utime(folder)
    return dict(plan.env), str(workdir)
