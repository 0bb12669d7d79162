"""What project files and script headers ask for, as lines of a requirements file. Plain text in, plain text out."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flytenb.errors import ImageBuildError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The PEP 723 header of a script."""

    requirements: tuple[str, ...] = ()
    requires_python: str = ""
    #: Words for pip and uv: its own indexes.
    options: tuple[str, ...] = ()


def toml(name: str, data: bytes) -> dict[str, Any]:
    """A TOML file's content.

    Raises:
        ImageBuildError: it is no TOML.
    """
    try:
        found: dict[str, Any] = tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ImageBuildError(f'"{name}" cannot be read ({error}); mend the file') from error
    return found


def script_header(name: str, source: bytes) -> Header:
    """What a script's `# /// script` block asks for.

    Raises:
        ImageBuildError: there is none, or more than one, or it is no TOML.
    """
    blocks = _blocks(source, "script")
    if len(blocks) != 1:
        many = "more than one" if blocks else "no"
        raise ImageBuildError(
            f'script "{name}" has {many} header; write "# /// script", "# dependencies = [\\"pandas\\"]", "# ///"'
        )
    data = toml(f"{name} (its header)", blocks[0].encode())
    return Header(
        requirements=tuple(data.get("dependencies", ())),
        requires_python=str(data.get("requires-python", "")),
        options=tuple(_indexes(data.get("tool", {}).get("uv", {}))),
    )


def pixi_manifest(name: str, source: bytes) -> str:
    """A pixi manifest from a script: its `# /// pixi` block, or made from its `# /// script` block."""
    own = _blocks(source, "pixi")
    if own:
        return own[0]
    header = script_header(name, source)
    lines = [
        "[workspace]",
        'name = "script"',
        'channels = ["conda-forge"]',
        'platforms = ["linux-64", "linux-aarch64"]',
    ]
    lines += ["[dependencies]", f'python = "{header.requires_python or "*"}"', "[pypi-dependencies]"]
    for requirement in header.requirements:
        match = re.match(r"([A-Za-z0-9._-]+)\s*([^;\[]*)", requirement)
        if match is not None:
            lines.append(f'{match[1]} = "{match[2].strip() or "*"}"')
    return "\n".join((*lines, ""))


def uv_requirements(files: Mapping[str, bytes], python: tuple[int, ...]) -> str:
    """The dependencies of a uv project: those of its lock, or what its pyproject asks for when it has none."""
    if "uv.lock" not in files or "pyproject.toml" not in files:
        return _declared(files)
    from flytenb.images.uvlock import exported  # needs the uv program

    return exported(files["pyproject.toml"], files["uv.lock"])


def poetry_requirements(files: Mapping[str, bytes], python: tuple[int, ...]) -> str:
    """The dependencies of a Poetry project as its lock has them: the main group and all below it."""
    if "poetry.lock" not in files or "pyproject.toml" not in files:
        return _declared(files)
    packages: dict[str, list[dict[str, Any]]] = {}
    for package in toml("poetry.lock", files["poetry.lock"]).get("package", ()):
        packages.setdefault(normal(package["name"]), []).append(package)
    chosen: dict[str, dict[str, Any]] = {}
    queue = list(_poetry_roots(toml("pyproject.toml", files["pyproject.toml"])).items())
    seen: set[tuple[str, frozenset[str]]] = set()
    while queue:
        name, extras = queue.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for package in packages.get(name, ()):
            chosen[f"{name}=={package['version']}"] = package
            queue += _poetry_below(package, extras, python)
    has_hashes = all("source" not in one or one["source"].get("type") == "legacy" for one in chosen.values())
    return "".join(f"{_poetry_line(chosen[key], has_hashes)}\n" for key in sorted(chosen))


def normal(name: str) -> str:
    """A distribution's name as indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _blocks(source: bytes, kind: str) -> list[str]:
    text = source.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    return [
        "\n".join(line[2:] if line.startswith("# ") else line[1:] for line in match["content"].splitlines())
        for match in _BLOCK.finditer(text if text.endswith("\n") else text + "\n")
        if match["type"] == kind
    ]


def _indexes(uv: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for key, flag in (("index-url", "--index-url"), ("extra-index-url", "--extra-index-url")):
        urls = uv.get(key, ())
        words += [word for url in ((urls,) if isinstance(urls, str) else urls) for word in (flag, url)]
    for index in uv.get("index", ()):
        words += ["--index-url" if index.get("default") else "--extra-index-url", index["url"]]
    return words


def _declared(files: Mapping[str, bytes]) -> str:
    if "pyproject.toml" not in files:
        raise ImageBuildError("the project has no pyproject.toml; give the path of that file")
    data = toml("pyproject.toml", files["pyproject.toml"])
    if "dependencies" in data.get("project", {}).get("dynamic", ()):
        raise ImageBuildError("the project's dependencies are found out by its build; lock it, with uv lock")
    return "".join(f"{one}\n" for one in data.get("project", {}).get("dependencies", ()))


def _poetry_roots(data: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Name → extras of what the project itself asks for."""
    found: dict[str, frozenset[str]] = {}
    for text in data.get("project", {}).get("dependencies", ()):
        match = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:\[([^]]*)\])?", text)
        if match is not None:
            found[normal(match[1])] = frozenset(one.strip() for one in (match[2] or "").split(",") if one.strip())
    for name, asked in data.get("tool", {}).get("poetry", {}).get("dependencies", {}).items():
        if name == "python" or (isinstance(asked, dict) and asked.get("optional")):
            continue
        extras = asked.get("extras", ()) if isinstance(asked, dict) else ()
        found[normal(name)] = found.get(normal(name), frozenset()) | frozenset(extras)
    return found


def _poetry_line(package: Mapping[str, Any], has_hashes: bool) -> str:
    name, source = package["name"], package.get("source", {})
    if source.get("type") == "git":
        return f"{name} @ git+{source['url']}@{source.get('resolved_reference', source.get('reference', ''))}"
    if source.get("type") == "url":
        return f"{name} @ {source['url']}"
    if source.get("type") in ("file", "directory"):
        raise ImageBuildError(f'poetry.lock has {name} from "{source.get("url", "")}", which an image cannot have')
    marker = package.get("markers", "")
    if isinstance(marker, dict):  # one per group
        marker = marker.get("main", "")
    hashes = sorted({one["hash"] for one in package.get("files", ())}) if has_hashes else ()
    words = [
        f"{name}=={package['version']}",
        *([f"; {marker}"] if marker else ()),
        *(f"--hash={one}" for one in hashes),
    ]
    return " ".join(words)


def _poetry_below(
    package: Mapping[str, Any], extras: frozenset[str], python: tuple[int, ...]
) -> list[tuple[str, frozenset[str]]]:
    """What a locked package needs on Linux with this Python."""
    given = package.get("extras", {})
    of_extras = {normal(re.split(r"[ (\[;]", one)[0]) for name in extras for one in given.get(name, ())}
    found: list[tuple[str, frozenset[str]]] = []
    for name, asked in package.get("dependencies", {}).items():
        for one in asked if isinstance(asked, list) else [asked]:
            table = one if isinstance(one, dict) else {}
            if table.get("optional") and normal(name) not in of_extras:
                continue
            if _applies(str(table.get("markers", "")), python):
                found.append((normal(name), frozenset(table.get("extras", ()))))
    return found


def _applies(marker: str, python: tuple[int, ...]) -> bool:
    if not marker or "extra ==" in marker:
        return True
    from packaging.markers import InvalidMarker, Marker

    version = ".".join(map(str, python[:2] or sys.version_info[:2]))
    target = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "extra": "",
              "python_version": version, "python_full_version": f"{version}.0"}  # fmt: skip
    try:
        return Marker(marker).evaluate(target)
    except InvalidMarker:
        return True
