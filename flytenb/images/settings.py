"""What a person's machine says of indexes, proxies and certificates: for the commands of a build, never in an image.

Read from the environment (`PIP_*`, `UV_*`, proxies, certificate bundles) and from pip's, uv's and the netrc's files.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Options of pip that say how to reach packages; others could change what is installed.
_PIP = ("index-url", "extra-index-url", "find-links", "trusted-host", "cert", "client-cert", "proxy", "timeout",
        "retries", "no-index", "prefer-binary", "only-binary", "no-binary")  # fmt: skip
_UV = re.compile(
    r"UV_(DEFAULT_INDEX|INDEX(_URL|_STRATEGY|_\w+_(USERNAME|PASSWORD))?|EXTRA_INDEX_URL|FIND_LINKS|INSECURE_HOST|NATIVE_TLS"
    r"|HTTP_TIMEOUT|NO_INDEX)"
)
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY")
_BUNDLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NIX_SSL_CERT_FILE")
#: Where systems keep their certificates; a company's own are among them.
_SYSTEM_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem",
                   "/opt/homebrew/etc/ca-certificates/cert.pem")  # fmt: skip


@dataclass(slots=True)
class Settings:
    """For the commands of a build; files are named by where they lie below `{work}`."""

    variables: dict[str, str] = field(default_factory=dict)
    #: Name → content. Public: certificates, apt's settings.
    files: dict[str, bytes] = field(default_factory=dict)
    #: The same with credentials in them: a netrc, uv's settings.
    private_files: dict[str, bytes] = field(default_factory=dict)
    #: Folders of this machine that are indexes or links to wheels, to be seen under the same path.
    folders: tuple[str, ...] = ()
    #: What cannot be handed on, in words.
    notes: tuple[str, ...] = ()


def person_settings(work: str, private: str, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this person on this machine.

    Args:
        work: where `files` will be when a command runs.
        private: where `private_files` will be.
        environ: the process's environment by default.
    """
    env = os.environ if environ is None else environ
    home = Path(env.get("HOME") or Path.home())
    found = Settings()
    pip = _pip_options(env, home)
    bundle = _bundle(env, pip)
    for name in ("cert", "client-cert"):
        pip.pop(name, None)
    folders: set[str] = set()
    for name, value in pip.items():
        found.variables["PIP_" + name.replace("-", "_").upper()] = value
        if name in ("index-url", "extra-index-url", "find-links"):
            folders.update(_folders(value))
    found.variables.update(_uv_variables(env, pip))
    for name in ("UV_FIND_LINKS", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_EXTRA_INDEX_URL"):
        folders.update(_folders(found.variables.get(name, "").replace(",", " ")))
    found.folders = tuple(sorted(folders))
    for name in _PROXIES:
        proxy = env.get(name) or env.get(name.lower())
        if proxy:
            found.variables[name] = found.variables[name.lower()] = proxy
    if bundle:
        found.files["ca.pem"] = bundle
        for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
                     "NODE_EXTRA_CA_CERTS"):  # fmt: skip
            found.variables[name] = f"{work}/ca.pem"
    apt = _apt_lines(found.variables, work if bundle else "")
    if apt:
        found.files["apt.conf"] = apt.encode()
        found.variables["APT_CONFIG"] = f"{work}/apt.conf"
    netrc = Path(env.get("NETRC") or home / ".netrc")
    uv_file = Path(env.get("UV_CONFIG_FILE") or home / ".config/uv/uv.toml")
    for name, path, variable in (("netrc", netrc, "NETRC"), ("uv.toml", uv_file, "UV_CONFIG_FILE")):
        data = _read(path)
        if data:
            found.private_files[name] = data
            found.variables[variable] = f"{private}/{name}"
    found.variables |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_ROOT_USER_ACTION": "ignore",
                        "PIP_BREAK_SYSTEM_PACKAGES": "1", "UV_LINK_MODE": "copy"}  # fmt: skip
    return found


def merged(settings: Settings, variables: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The settings with those of a layer, which win; a layer's further indexes add to the person's."""
    found = dict(settings.variables)
    for name, value in variables:
        if name in ("PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL") and name in found:
            value = f"{value} {found[name]}"
        if name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
            found.pop("PIP_NO_INDEX", None)
            found.pop("UV_INDEX_URL", None)
        found[name] = value
    return found


def without_folders(settings: Settings) -> Settings:
    """For an engine on another machine, which does not see the folders of this one."""
    if not settings.folders:
        return settings
    variables = {}
    for name, value in settings.variables.items():
        separator = "," if name == "UV_FIND_LINKS" else " "
        kept = [one for one in value.split(separator) if not _folders(one)]
        if kept or not value:
            variables[name] = separator.join(kept)
    note = f"package folders of this machine ({', '.join(settings.folders)}) are not seen by an engine on another one"
    return Settings(variables, settings.files, settings.private_files, (), (*settings.notes, note))


def _pip_options(env: Mapping[str, str], home: Path) -> dict[str, str]:
    """What pip's files and variables say, later ones over earlier ones, as pip reads them."""
    found: dict[str, str] = {}
    named = env.get("PIP_CONFIG_FILE")
    if named != os.devnull:
        config = Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf"
        paths: list[str | Path] = [
            "/etc/xdg/pip/pip.conf",
            "/etc/pip.conf",
            home / ".pip/pip.conf",
            config,
            Path(sys.prefix, "pip.conf"),
        ]
        for path in (*paths, *([named] if named else [])):
            found.update(_pip_file(Path(path)))
    for name in _PIP:
        said = env.get("PIP_" + name.replace("-", "_").upper())
        if said is not None:
            found[name] = said
    return {name: " ".join(value.split()) for name, value in found.items() if value.strip()}


def _pip_file(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text())
    except (OSError, UnicodeDecodeError, configparser.Error):
        return {}
    found: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            options = {name.replace("_", "-"): value for name, value in parser.items(section)}
            found.update({name: options[name] for name in _PIP if name in options})
    return found


def _uv_variables(env: Mapping[str, str], pip: Mapping[str, str]) -> dict[str, str]:
    """uv's own variables, and pip's said in its words where it has no own."""
    own = {name: value for name, value in env.items() if _UV.fullmatch(name) and value}
    said: dict[str, str] = {}
    if "index-url" in pip and not {"UV_INDEX_URL", "UV_DEFAULT_INDEX"} & own.keys():
        said["UV_DEFAULT_INDEX"] = pip["index-url"]
    if "extra-index-url" in pip and not {"UV_EXTRA_INDEX_URL", "UV_INDEX"} & own.keys():
        said["UV_EXTRA_INDEX_URL"] = pip["extra-index-url"]
        said["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if "find-links" in pip:
        said["UV_FIND_LINKS"] = pip["find-links"].replace(" ", ",")
    if "trusted-host" in pip:
        said["UV_INSECURE_HOST"] = pip["trusted-host"]
    if pip.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        said["UV_NO_INDEX"] = "1"
    return {**said, **own}


def _folders(value: str) -> set[str]:
    """Folders of this machine that indexes and links name; an index's files may lie beside its pages."""
    found: set[str] = set()
    for word in value.split():
        parts = urlsplit(word)
        path = unquote(parts.path) if parts.scheme == "file" else word if word.startswith(("/", "~")) else ""
        if not path:
            continue
        folder = Path(path).expanduser()
        if folder.name == "simple":
            folder = folder.parent
        if folder.is_dir():
            found.add(str(folder))
    return found


def _bundle(env: Mapping[str, str], pip: Mapping[str, str]) -> bytes:
    named = [pip.get("cert", ""), *(env.get(name, "") for name in _BUNDLES)]
    for path in (*named, *_SYSTEM_BUNDLES):
        data = _read(Path(path)) if path else b""
        if data:
            return data
    return b""


def _apt_lines(variables: Mapping[str, str], work: str) -> str:
    lines = [f'Acquire::https::CAInfo "{work}/ca.pem";'] if work else []
    for scheme in ("http", "https"):
        proxy = variables.get(f"{scheme}_proxy")
        if proxy:
            lines.append(f'Acquire::{scheme}::Proxy "{proxy}";')
    return "".join(f"{line}\n" for line in lines)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""
