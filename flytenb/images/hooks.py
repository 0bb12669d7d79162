"""What the process around builds does for them. Cheap to import: the engine hooks itself in when it starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from flytenb.images.words import given
from flytenb.model.image import SecretSpec

if TYPE_CHECKING:
    from flytenb.images.progress import Progress


def from_environment(secret: SecretSpec) -> str | None:
    """The value of a secret that this process's environment has."""
    names = (secret.variable, secret.key, secret.key.upper().replace("-", "_"))
    return given(next((os.environ[name] for name in names if name and name in os.environ), None))


class Hooks:
    """What the process around builds does for them."""

    def __init__(self) -> None:
        #: Called in the loop with a build that began, changed or ended.
        self.on_change: Callable[[Progress], None] = lambda progress: None
        #: Value of a secret that a layer names.
        self.reveal: Callable[[SecretSpec], str | None] = from_environment


#: Of this process.
hooks = Hooks()
