"""What layers of Python packages ask for, as requirements to compare with an environment.

Text in, plain data out. What cannot be compared with an installed version (an address, a folder, wheels) is said so:
then a virtual environment is made instead of using what is there.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from flytenb.errors import ImageBuildError
from flytenb.images import manifests
from flytenb.images.layers import title
from flytenb.model.image import FileSpec, LayerSpec


@dataclass(slots=True)
class Asked:
    """What a layer asks for."""

    #: Requirements as PEP 508 text.
    requirements: list[str] = field(default_factory=list)
    #: Requirements that only count where a distribution is there anyway.
    constraints: list[str] = field(default_factory=list)
    #: The Python versions it allows: ">=3.10".
    python: str = ""
    #: What cannot be compared with installed versions, in words.
    unclear: list[str] = field(default_factory=list)


Read = Callable[[str], bytes]
_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTIONS = re.compile(r"\s+--(hash|config-settings|global-option|install-option)[=\s]")
_ADDRESS = re.compile(r"^([a-z+]+://|git\+|\.{0,2}/|[A-Za-z]:\\)|\.(whl|zip|tar\.gz)$")
_INCLUDE = re.compile(r"^(?:-r|-c|--requirement|--constraint)(?:\s+|=)\s*(?P<file>.+)$|^-[rc](?P<near>[^\s-].*)$")


def asked(layer: LayerSpec, read: Read, python: tuple[int, ...] = ()) -> Asked:
    """What a layer asks for.

    Args:
        layer: one of `layers.PACKAGE_KINDS`.
        read: contents by digest.
        python: the version that markers are for, where the layer's tool needs to know.

    Raises:
        ImageBuildError: a file of it cannot be read, or says nothing that can be installed.
    """
    found = Asked()
    if layer.kind == "pip":
        _add_all(found, layer.values)
    elif layer.kind == "requirements":
        texts = {one.path: read(one.digest).decode("utf-8-sig", "replace") for one in layer.files}
        _read_lines(layer, texts, layer.files[0].path, found, (), is_limit=False)
    elif layer.kind == "uv-script":
        header = manifests.script_header(layer.files[0].path, read(layer.files[0].digest))
        found.python = header.requires_python
        _add_all(found, header.requirements)
    elif layer.kind in ("uv-project", "poetry-project"):
        _add_all(found, lines_of(locked(layer, read, python)))
        found.unclear += ["the project itself"] if installs_project(layer) else []
        found.unclear += [f"the options {value}" for name, value in layer.options if name == "extra_args"]
    else:
        found.unclear.append(f"wheels of {' '.join(layer.values)}")
    return found


def locked(layer: LayerSpec, read: Read, python: tuple[int, ...]) -> str:
    """The dependencies of a project as text of a requirements file."""
    files = {name: read(one.digest) for name, one in project_files(layer).items()}
    if layer.kind == "uv-project":
        return manifests.uv_requirements(files, python)
    return manifests.poetry_requirements(files, python)


def project_files(layer: LayerSpec) -> dict[str, FileSpec]:
    """Manifest and lock of a project by the names that its tool wants."""
    lock = "uv.lock" if layer.kind == "uv-project" else "poetry.lock"
    found: dict[str, FileSpec] = {}
    for one in layer.files:
        name = {".toml": "pyproject.toml", ".lock": lock}.get(posixpath.splitext(one.path)[1], "")
        if name and "/" not in one.path and (name not in found or one.path == name):
            found[name] = one
    return found


def installs_project(layer: LayerSpec) -> bool:
    """Whether the project itself is installed, not only what it depends on."""
    return ("install_mode", "install_project") in layer.options


def _add_all(found: Asked, texts: Iterable[str]) -> None:
    for text in texts:
        line = _OPTIONS.split(text)[0].strip()
        if line.startswith("-") or _ADDRESS.search(line.partition(";")[0].strip()) or " @ " in line:
            found.unclear.append(line)
        elif line:
            found.requirements.append(line)


def _read_lines(
    layer: LayerSpec, texts: Mapping[str, str], path: str, found: Asked, above: tuple[str, ...], *, is_limit: bool
) -> None:
    if path in above:
        raise ImageBuildError(f'layer "{title(layer)}": "{path}" includes itself ({" > ".join((*above, path))})')
    if path not in texts:
        raise ImageBuildError(f'layer "{title(layer)}": "{above[-1]}" includes "{path}", which is not beside it')
    for line in lines_of(texts[path]):
        nested = included(line)
        if nested:
            inner = posixpath.normpath(posixpath.join(posixpath.dirname(path), nested))
            limits = is_limit or line.startswith(("-c", "--constraint"))
            _read_lines(layer, texts, inner, found, (*above, path), is_limit=limits)
        elif line.startswith(("-e", "--editable")):
            found.unclear.append(line)
        elif line.startswith("-"):
            continue  # where packages come from, not which
        elif is_limit:
            found.constraints.append(_OPTIONS.split(line)[0].strip())
        else:
            _add_all(found, [line])


def lines_of(text: str) -> list[str]:
    """The lines of a requirements file: continued ones joined, without comments."""
    return [line for raw in joined(text).splitlines() if (line := _COMMENT.sub("", raw).strip())]


def joined(text: str) -> str:
    """The text with continued lines made one."""
    return re.sub(r"[ \t]*\\\r?\n\s*", " ", text)


def included(line: str) -> str:
    """The file that a line of a requirements file includes, "" for none."""
    match = _INCLUDE.match(line)
    return (match["file"] or match["near"] or "").strip().strip("\"'") if match is not None else ""
