"""The doctor's look at Jupyter: is the front end here, of this version, enabled, and does the server serve it?

Only files and running servers are looked at; Jupyter itself is not loaded beyond its list of folders.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from flytenb.client.finding import Finding
from flytenb.model.version import VERSION

_SERVER_EXTENSION = "flytenb.lab"
_REINSTALL = "pip install --force-reinstall --no-deps flytenb, where Jupyter is installed, then reload the page"
#: Earlier kernels lose output of threads.
_OLDEST_KERNEL = (6, 29)
#: Seconds that a server may take to answer.
_PATIENCE_S = 2.0


def examine() -> list[Finding]:
    """Kernel, front end, server extension, kernel spec, running servers."""
    found = [_ipykernel()]
    try:
        from jupyter_core import paths
    except ImportError:
        text = "not in this environment; where it is, install flytenb too: pip install flytenb"
        return [*found, Finding("jupyter", True, text, is_optional=True)]
    data, config = [Path(one) for one in paths.jupyter_path()], [Path(one) for one in paths.jupyter_config_path()]
    found.append(_kernel_spec(data))
    if _has("jupyterlab"):
        found += [_front_end(data, config), _server_extension(config)]
    else:
        text = "no JupyterLab in this environment: views are redrawn by the kernel (VS Code, Colab, consoles)"
        found.append(Finding("front end", True, text, is_optional=True))
    return [*found, *_servers(Path(paths.jupyter_runtime_dir()))]


def _ipykernel() -> Finding:
    found = _version("ipykernel")
    if not found:
        text = "not installed (only needed for notebooks: flytenb[notebook])"
        return Finding("ipykernel", True, text, is_optional=True)
    if tuple(int(part) for part in found.split(".")[:2] if part.isdigit()) < _OLDEST_KERNEL:
        text = f"{found} is older than {'.'.join(map(str, _OLDEST_KERNEL))}: views may stop moving"
        return Finding("ipykernel", False, text, "pip install -U ipykernel, then restart the kernel")
    return Finding("ipykernel", True, f"{found}; interrupts get through an await while flytenb is loaded")


def _kernel_spec(data: list[Path]) -> Finding:
    place = next((one for folder in data if (one := folder / "kernels" / "flytenb" / "kernel.json").exists()), None)
    if place is None:
        text = 'the kernel "Python 3 (flytenb)" is not installed; every Python kernel does with %load_ext flytenb'
        return Finding("kernel spec", True, text, is_optional=True)
    return Finding("kernel spec", True, str(place.parent))


def _front_end(data: list[Path], config: list[Path]) -> Finding:
    lab = f"JupyterLab {_version('jupyterlab')}"
    place = next((one for folder in data if (one := folder / "labextensions" / "flytenb").is_dir()), None)
    if place is None:
        return Finding("front end", False, f"flytenb's part of {lab} is not installed", _REINSTALL)
    there = str(_read(place / "package.json").get("version", "?"))
    if there != VERSION:
        text = f"{place} has version {there}, this package is {VERSION}"
        return Finding("front end", False, text, _REINSTALL)
    for folder in config:
        disabled = _read(folder / "labconfig" / "page_config.json").get("disabledExtensions")
        if isinstance(disabled, dict) and disabled.get("flytenb"):
            text = f"disabled in {folder / 'labconfig' / 'page_config.json'}"
            return Finding("front end", False, text, "jupyter labextension enable flytenb, then reload the page")
    own = _read(Path(__file__).parents[1] / "labextension" / "build-info.json").get("sources")
    if own and own != _read(place / "build-info.json").get("sources"):
        text = f"{place} is another build than this checkout's; pip install -e . copies it"
        return Finding("front end", True, text, is_optional=True)
    return Finding("front end", True, f"version {there} for {lab} ({place})")


def _server_extension(config: list[Path]) -> Finding:
    told: dict[str, bool] = {}
    for folder in reversed(config):  # the first one has the last word
        files = [*sorted((folder / "jupyter_server_config.d").glob("*.json")), folder / "jupyter_server_config.json"]
        for file in files:
            section = _read(file).get("ServerApp")
            enabled = section.get("jpserver_extensions") if isinstance(section, dict) else None
            told |= enabled if isinstance(enabled, dict) else {}
    if told.get(_SERVER_EXTENSION):
        return Finding("server part", True, f"{_SERVER_EXTENSION} is enabled")
    what = "disabled" if _SERVER_EXTENSION in told else "not enabled"
    fix = f"jupyter server extension enable {_SERVER_EXTENSION}, then restart the server"
    return Finding("server part", False, f"{_SERVER_EXTENSION} is {what}: views in JupyterLab would stand still", fix)


def _servers(runtime: Path) -> Iterator[Finding]:
    """Those that run here: does each answer for flytenb below its base URL?"""
    import psutil

    for file in sorted(runtime.glob("jpserver-*.json"))[:5]:
        told = _read(file)
        pid, url = told.get("pid"), str(told.get("url", ""))
        if not isinstance(pid, int) or not psutil.pid_exists(pid) or not url.startswith(("http://", "https://")):
            continue
        base = str(told.get("base_url") or "/")
        hub = f", behind JupyterHub at {prefix}" if (prefix := os.environ.get("JUPYTERHUB_SERVICE_PREFIX")) else ""
        status = _status(f"{url.rstrip('/')}/flytenb/api/v1/runs?limit=1", str(told.get("token") or ""))
        if status == 404:
            text = f"{url} (process {pid}, base URL {base}{hub}) runs without flytenb"
            yield Finding("server", False, text, "install flytenb where it is installed, and restart the server")
        elif not status:
            yield Finding("server", True, f"{url} (process {pid}) does not answer here", is_optional=True)
        else:
            yield Finding("server", True, f"{url} (process {pid}, base URL {base}{hub}) serves flytenb")


def _status(url: str, token: str) -> int:
    """The status of an answer, 0 for none. This machine alone is shown the token: a server logs each stranger."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from ssl import create_default_context
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.scheme == "https":
        connection: HTTPConnection = HTTPSConnection(
            parts.netloc, timeout=_PATIENCE_S, context=create_default_context()
        )
    else:
        connection = HTTPConnection(parts.netloc, timeout=_PATIENCE_S)
    try:
        is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
        headers = {"Authorization": f"token {token}"} if token and is_here else {}
        connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


def _read(place: Path) -> dict[str, Any]:
    try:
        found = json.loads(place.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _has(package: str) -> bool:
    return bool(_version(package))
