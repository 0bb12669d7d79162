"""Where the container engine is, as the docker client finds it: DOCKER_HOST, a context, the usual sockets."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

#: What helps who has set it and sees no effect.
HOW_TO_NAME = "flytenb's engine has that of the shell that started it: flytenb engine restart"
DEFAULT = "unix:///var/run/docker.sock"


@dataclass(frozen=True)
class Address:
    """An engine's address and who named it.

    Attributes:
        url: "unix:///…", "tcp://…", "ssh://…" or "npipe://…".
        named_by: "DOCKER_HOST", "context NAME", or "" for the usual place.
        certificates: folder with ca.pem, cert.pem and key.pem, "" without TLS.
        is_verified: whether the engine's certificate is checked.
    """

    url: str
    named_by: str = ""
    certificates: str = ""
    is_verified: bool = True

    @property
    def socket(self) -> Path | None:
        """The Unix socket behind the address."""
        return Path(self.url.removeprefix("unix://")) if self.url.startswith("unix://") else None


def find_address(named: str = "") -> Address:
    """The engine that the docker client would use here.

    Raises:
        LookupError: the context that is named does not exist; the text names it.
    """
    if named:
        return Address(named)
    host = os.environ.get("DOCKER_HOST", "")
    if host:
        is_verified = bool(os.environ.get("DOCKER_TLS_VERIFY"))
        folder = os.environ.get("DOCKER_CERT_PATH", "")
        if is_verified and not folder:
            folder = str(_config_folder())
        return Address(host, "DOCKER_HOST", folder, is_verified)
    context = os.environ.get("DOCKER_CONTEXT") or _current_context()
    if context and context != "default":
        return _of_context(context)
    return Address(next((f"unix://{path}" for path in _usual_sockets() if path.exists()), DEFAULT))


def docker_words() -> str:
    """Where this process looks for the engine, and who says so: `unix:///run/docker.sock (DOCKER_HOST)`."""
    try:
        found = find_address()
    except LookupError as error:
        return f'no engine: the Docker context "{error.args[0]}" does not exist'
    return f"{found.url} ({found.named_by})" if found.named_by else found.url


def _config_folder() -> Path:
    named = os.environ.get("DOCKER_CONFIG")
    return Path(named) if named else Path.home() / ".docker"


def _current_context() -> str:
    try:
        return str(json.loads((_config_folder() / "config.json").read_bytes()).get("currentContext") or "")
    except (OSError, ValueError, AttributeError):
        return ""


def _of_context(name: str) -> Address:
    ident = sha256(name.encode()).hexdigest()
    contexts = _config_folder() / "contexts"
    try:
        meta: dict[str, Any] = json.loads((contexts / "meta" / ident / "meta.json").read_bytes())
        endpoint = meta["Endpoints"]["docker"]
        url = str(endpoint["Host"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LookupError(name) from error
    certificates = contexts / "tls" / ident / "docker"
    folder = str(certificates) if certificates.is_dir() else ""
    return Address(url, f'context "{name}"', folder, not endpoint.get("SkipTLSVerify"))


def _usual_sockets() -> list[Path]:
    """Of the machine's engine, of a rootless one, of Docker Desktop."""
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    home = Path.home()
    return [
        Path("/var/run/docker.sock"),
        Path(runtime) / "docker.sock",
        home / ".docker" / "run" / "docker.sock",
        home / ".docker" / "desktop" / "docker.sock",
    ]
