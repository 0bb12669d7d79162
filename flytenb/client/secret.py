"""Secrets that are stored in the state directory, as a person handles them. Values go in and never come out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, Literal

from flytenb.client.twin import class_twin
from flytenb.errors import SecretNotFoundError
from flytenb.vault import Entry, Vault
from flytenb.wire import paths

SecretTypes = Literal["regular", "image_pull"]


class Secret:
    """A stored secret, without its value.

    Example:
        flyte.remote.Secret.create("api-key", value="…")
        env = flyte.TaskEnvironment("calls", secrets="api-key")  # os.environ["API_KEY"] in its tasks
    """

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    @class_twin
    def create(
        cls,
        name: str,
        value: str | bytes,
        type: SecretTypes = "regular",  # noqa: A002  Flyte's name
        cluster_pool: str | None = None,
        *,
        group: str = "",
    ) -> None:
        """Store a secret, in place of one of that name.

        Args:
            name: its key.
            value: text or bytes.
            type: "regular", or "image_pull" for the credentials of an image registry.
            cluster_pool: recorded nowhere: there is one pool, this machine.
            group: the group it is looked up in.

        Raises:
            ValueError: no name, or another type.
        """
        _vault().write(name, value.encode() if isinstance(value, str) else value, group, type)

    @class_twin
    def get(cls, name: str, *, group: str = "") -> Secret:
        """A secret by its name.

        Raises:
            SecretNotFoundError: there is none.
        """
        entry = _vault().entry(name, group)
        if entry is None:
            raise _not_stored(name, group)
        return Secret(entry)

    @class_twin
    def listall(cls, limit: int = 10) -> Iterator[Secret]:
        """Stored secrets by name."""
        return iter([Secret(entry) for entry in _vault().entries()[:limit]])

    @class_twin
    def delete(cls, name: str, *, group: str = "") -> None:
        """Forget a secret.

        Raises:
            SecretNotFoundError: there is none.
        """
        if not _vault().remove(name, group):
            raise _not_stored(name, group)

    @property
    def name(self) -> str:
        """Its key."""
        return self._entry.key

    @property
    def group(self) -> str:
        """The group it is looked up in, "" for none."""
        return self._entry.group

    @property
    def type(self) -> str:
        """ "regular" or "image_pull"."""
        return self._entry.type

    @property
    def created_at(self) -> datetime:
        """When it was stored."""
        return datetime.fromtimestamp(self._entry.created_at, timezone.utc)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, without the value."""
        return {
            "name": self.name,
            "group": self.group,
            "type": self.type,
            "created_at": self.created_at.isoformat(),
            "size_bytes": self._entry.size_bytes,
        }

    def __repr__(self) -> str:
        return f"<secret {self.name}{f' of group {self.group}' if self.group else ''}>"


def _vault() -> Vault:
    return Vault(paths.home())


def _not_stored(name: str, group: str) -> SecretNotFoundError:
    of = f" of group {group!r}" if group else ""
    return SecretNotFoundError(f"no secret {name!r}{of} is stored in {paths.home()}; 'flytenb secret ls' lists them")
