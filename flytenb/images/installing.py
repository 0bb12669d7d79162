"""What uv or pip is called with for a layer of Python packages, and what its failure means."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flytenb.errors import ImageBuildError
from flytenb.images import manifests, settings
from flytenb.images.layers import options_of, title
from flytenb.images.requirements import Read, asked, installs_project, joined, locked
from flytenb.images.words import without_credentials
from flytenb.model.image import FileSpec, LayerSpec

#: (what the output says, what to do).
_FIXES = (
    (r"No space left on device|os error 28", "make room on the disk and run again"),
    (r"dns error|Name or service not known|Temporary failure in name resolution|Connection refused|timed out|"
     r"Failed to (fetch|connect)|Network is unreachable|ProxyError|tunnel error",
     "check the network, the proxy and the package index (pip config list)"),
    (r"invalid peer certificate|CERTIFICATE_VERIFY_FAILED",
     "give the company's certificates with SSL_CERT_FILE or pip's cert setting"),
    (r"401|403 Forbidden|Unauthorized", "give the index user and password (netrc, index_url or a secret)"),
    (r"Failed to build|build backend|error: subprocess-exited|command .*gcc",
     "take a version with a wheel for this Python, or install what the build needs"),
    (r"", "check names and versions, and the package index (pip config list)"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Install:
    """One call of `uv pip install` or `pip install`."""

    title: str
    words: tuple[str, ...]
    #: Indexes of the layer: they may hold a password, so they are never on a command line.
    variables: tuple[tuple[str, str], ...] = ()
    #: Distributions that are asked for, for the error.
    names: tuple[str, ...] = ()


def installs(layer: LayerSpec, read: Read, folder: Path, python: tuple[int, ...]) -> list[Install]:
    """The calls that a layer needs; files that they name are written into `folder`.

    Raises:
        ImageBuildError: a file of the layer cannot be read.
    """
    options = options_of(layer)
    flags = ("--pre",) if options.get("pre") == ("True",) else ()
    extra = tuple(word for text in options.get("extra_args", ()) for word in shlex.split(text))
    names = tuple(asked(layer, read, python).requirements)
    words: tuple[str, ...] = layer.values
    variables = _indexes(options)
    if layer.kind == "requirements":
        _write(layer.files, read, folder)
        for one in layer.files:  # uv reads no continued lines inside of a requirement, pip does
            path = folder / one.path
            path.write_text(joined(path.read_text("utf-8-sig", "replace")))
        words = ("-r", str(folder / layer.files[0].path))
    elif layer.kind == "uv-script":
        header = manifests.script_header(layer.files[0].path, read(layer.files[0].digest))
        words = (*header.options, *header.requirements) if header.requirements else ()
    elif layer.kind in ("uv-project", "poetry-project"):
        text = locked(layer, read, python)
        extra = tuple(word for word in extra if not text.strip())  # options of uv sync and poetry, not of pip
        (folder / "locked.txt").write_text(text)
        words = ("-r", str(folder / "locked.txt")) if text.strip() else ()
    elif layer.kind == "wheels":
        _write(layer.files, read, folder / "wheels")
        words = ("--find-links", str(folder / "wheels"), *layer.values)
    found = [Install(title(layer), (*flags, *extra, *words), variables, names)] if words else []
    if installs_project(layer):
        _write(layer.files, read, folder / "project")
        found.append(Install(f"{title(layer)} itself", ("--no-deps", str(folder / "project")), variables))
    return found


def _indexes(options: dict[str, tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    if "index_url" in options:
        url = options["index_url"][-1]
        found += [("PIP_INDEX_URL", url), ("UV_DEFAULT_INDEX", url)]
    if "extra_index_urls" in options:
        urls = " ".join(options["extra_index_urls"])
        found += [("PIP_EXTRA_INDEX_URL", urls), ("UV_EXTRA_INDEX_URL", urls)]
        found.append(("UV_INDEX_STRATEGY", "unsafe-best-match"))
    return tuple(found)


def _write(files: Sequence[FileSpec], read: Read, folder: Path) -> None:
    for one in files:
        path = folder / one.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(read(one.digest))
        path.chmod(0o755 if one.is_executable else 0o644)


def machine_settings(folder: Path) -> settings.Settings:
    """This person's indexes, proxies and certificates for uv and pip on this machine; writes a file of certificates."""
    found = settings.person_settings(str(folder), str(folder))
    (folder / "ca.pem").write_bytes(found.files["ca.pem"]) if "ca.pem" in found.files else None
    for name in ("NETRC", "UV_CONFIG_FILE", "APT_CONFIG", "UV_LINK_MODE", "PIP_BREAK_SYSTEM_PACKAGES"):
        found.variables.pop(name, None)  # of a container; here uv and pip find their own
    return found


def failed(install: Install, lines: Sequence[str], image: str) -> ImageBuildError:
    """The error of a call that failed: which requirement, what to do, and the last lines of output."""
    output = without_credentials("\n".join(lines))
    guilty = [name for name in install.names if _is_named(name, output)]
    of = f': "{guilty[0]}" cannot be had' if len(guilty) == 1 or (guilty and len(guilty) < len(install.names)) else ""
    fix = next(fix for pattern, fix in _FIXES if re.search(pattern, output))
    last = "\n".join(f"  {line.rstrip()}" for line in output.splitlines()[-12:])
    return ImageBuildError(
        f'layer "{without_credentials(install.title)}" of the image "{image}" cannot be installed into a virtual '
        f"environment{of}; {fix}\n{last}"
    )


def _is_named(requirement: str, output: str) -> bool:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return match is not None and re.search(rf"(?i)(?<![\w.-]){re.escape(match[0])}(?![\w-])", output) is not None
