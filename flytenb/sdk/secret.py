"""Secrets: named, never valued, in a declaration."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import msgspec

from flytenb.model.image import SecretSpec

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
MOUNT = "/etc/flyte/secrets"


class Secret(msgspec.Struct):
    """A secret that a task needs.

    Args:
        key: its name in the secret store.
        group: where the name is looked up, if the store has groups.
        mount: `/etc/flyte/secrets` to have it as a file.
        as_env_var: the environment variable; default `[GROUP_]KEY` in capitals.

    Raises:
        ValueError: another mount, or a name that is no environment variable.
    """

    key: str
    group: str | None = None
    mount: Path | str | None = None
    as_env_var: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not self.key:
            raise ValueError(f"Secret(key={self.key!r}) must be the secret's name")
        if self.mount is not None and str(self.mount) != MOUNT:
            raise ValueError(f'Secret(mount={str(self.mount)!r}) is not possible; the only mount is "{MOUNT}"')
        if self.mount is None and self.as_env_var is None:
            self.as_env_var = "_".join(filter(None, (self.group, self.key))).replace("-", "_").upper()
        if self.as_env_var is not None and not _VARIABLE.fullmatch(self.as_env_var):
            raise ValueError(
                f'secret "{self.key}": "{self.as_env_var}" is no environment variable; give as_env_var= in capitals'
            )

    def stable_hash(self) -> str:
        """Of the declaration, the same in every process."""
        parts = (self.key, self.group or "", str(self.mount or ""), self.as_env_var or "")
        return sha256("|".join(parts).encode()).hexdigest()

    def __hash__(self) -> int:
        return int(self.stable_hash()[:16], 16)


SecretRequest: TypeAlias = str | Secret | list[str | Secret]


def secrets_of(request: SecretRequest | None) -> list[Secret]:
    """From the `secrets=` of an environment or task."""
    if request is None:
        return []
    many = [request] if isinstance(request, (str, Secret)) else list(request)
    return [Secret(one) if isinstance(one, str) else one for one in many]


def check_secrets(request: object) -> None:
    """Raises TypeError unless it is a `SecretRequest` or None."""
    many = request if isinstance(request, (list, tuple)) else [] if request is None else [request]
    for one in many:
        if not isinstance(one, (str, Secret)):
            raise TypeError(f"secrets={request!r} must be a name, a flyte.Secret or a list of these")


def secret_spec(secret: Secret) -> SecretSpec:
    """A secret by name."""
    return SecretSpec(
        key=secret.key,
        group=secret.group or "",
        variable=secret.as_env_var or "",
        mount=str(secret.mount or ""),
    )
