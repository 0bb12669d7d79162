"""From an `Image` to an `ImageSpec`: its files by content, so that any process can build it later."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from flytenb.model.image import FileSpec, ImageSpec, LayerSpec, debian_base
from flytenb.sdk.layers import NOISE, Layer, existing
from flytenb.sdk.secret import secret_spec

if TYPE_CHECKING:
    from flytenb.sdk.image import Image


class Store(Protocol):
    """Where contents of files go."""

    def put_file(self, path: Path | str) -> str:
        """Digest of a file's content, which is kept."""


_INCLUDE = re.compile(r"\s*(?:-r|-c|--requirement|--constraint)[\s=]*(?P<file>[^#]+?)\s*(?:\s#.*)?$")
#: What `flyte.init(base_image=…)` said; weaker is `FLYTENB_BASE_IMAGE`.
base_template = ""


def image_spec(image: Image, store: Store, *, also_plain: bool = False) -> ImageSpec | None:
    """What the image is made of, None when it stands for the caller's own environment.

    Args:
        image: what was declared.
        store: where contents of its files go.
        also_plain: what a plain image would be, too.

    Raises:
        FileNotFoundError: a file that counts is not there.
    """
    if image.is_plain and not also_plain:
        return None
    base = _base(image)
    ignored = _ignored(image)
    dockerfile: tuple[FileSpec, ...] = ()
    if image.dockerfile is not None:
        folder = existing(image.dockerfile).parent
        others = tuple(one for one in _folder(folder, ignored, store) if one.path != image.dockerfile.name)
        dockerfile = (_file(image.dockerfile, image.dockerfile.name, store), *others)
    return ImageSpec(
        text=str(image).replace(image.base_image or "", base, 1),
        base=base,
        dockerfile=dockerfile,
        python=tuple(image.python_version) if image.is_debian else (),
        is_debian=image.is_debian,
        name=image.name or "",
        registry=image.registry or "",
        platform=tuple(image.platform),
        layers=tuple(_layer(one, ignored, store) for one in image.layers if one.kind not in ("dockerignore", "code")),
    )


def _base(image: Image) -> str:
    named = image.base_image or ""
    if not image.is_debian or named != debian_base(image.python_version):
        return named
    return debian_base(image.python_version, base_template or os.environ.get("FLYTENB_BASE_IMAGE", ""))


def _layer(layer: Layer, ignored: Any, store: Store) -> LayerSpec:
    files: list[FileSpec] = []
    for path in layer.files:
        if layer.kind == "requirements":
            files += _with_included(path, store)
        elif existing(path).is_dir():
            files += _folder(path, ignored, store)
        else:
            files.append(_file(path, path.name, store))
    options: list[tuple[str, str]] = []
    for name, value in layer.options:
        values = value if isinstance(value, (tuple, list)) else (value,)
        options += [(name, str(one)) for one in values if one is not None]
    return LayerSpec(
        kind=layer.kind,
        values=layer.values,
        options=tuple(options),
        files=tuple(files),
        dst=layer.dst,
        secrets=tuple(secret_spec(one) for one in layer.secrets),
    )


def _with_included(path: Path, store: Store) -> list[FileSpec]:
    """A requirements file and those that it includes, as they lie to each other; itself is the first."""
    found: dict[Path, None] = {}
    waiting = [existing(path).resolve()]
    while waiting:
        one = waiting.pop(0)
        if one in found or not one.is_file():
            continue  # what is not there is told when it is needed, with the file that names it
        found[one] = None
        lines = one.read_text("utf-8-sig", "replace").splitlines()
        waiting += [
            (one.parent / match["file"].strip("\"' ")).resolve() for match in map(_INCLUDE.match, lines) if match
        ]
    root = Path(os.path.commonpath([one.parent for one in found]))
    return [_file(one, one.relative_to(root).as_posix(), store) for one in found]


def _file(path: Path, name: str, store: Store) -> FileSpec:
    return FileSpec(path=name, digest=store.put_file(path), is_executable=os.access(path, os.X_OK))


def _folder(folder: Path, ignored: Any, store: Store) -> Iterator[FileSpec]:
    for path in sorted(folder.rglob("*")):
        relative = PurePosixPath(path.relative_to(folder))
        if path.is_file() and not NOISE.intersection(relative.parts) and not (ignored and ignored.match_file(relative)):
            yield _file(path, str(relative), store)


def _ignored(image: Image) -> Any:
    """The patterns of the last `with_dockerignore`, else of a `.dockerignore` beside the Dockerfile or script."""
    named = [layer.files[0] for layer in image.layers if layer.kind == "dockerignore"]
    folder = image.dockerfile.parent if image.dockerfile is not None else Path.cwd()
    path = named[-1] if named else folder / ".dockerignore"
    if not named and not path.exists():
        return None
    from pathspec import PathSpec  # only images with patterns pay for it

    return PathSpec.from_lines("gitwildmatch", existing(path).read_text().splitlines())
