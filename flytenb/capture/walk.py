"""What the parts of the walk ask of the graph that they fill."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Protocol

from flytenb.capture.items import Item, Space
from flytenb.errors import CaptureError


class Walk(Protocol):
    """The graph, as seen by those who describe its items."""

    modules: dict[str, ModuleType]
    objects: dict[int, Item]
    patches: list[tuple[Any, str, Any]]
    widened: set[int]

    def space(self, globals_: dict[str, Any]) -> Space:
        """The space of a globals dictionary."""

    def name(self, space: Space, name: str) -> Item | None:
        """What a global name means now; None for a builtin."""

    def attempt(self, space: Space, name: str) -> Item | None:
        """The same with all that it reaches; None when it cannot travel."""

    def new(self, kind: str, space: Space, name: str, obj: Any, label: str) -> Item:
        """A new item."""

    def item_of(self, obj: Any, user: Item) -> Item | None:
        """The item of something that goes by reference, None for data."""

    def feed(self, item: Item, value: Any, *, what: str = "") -> str:
        """Fingerprint of a value that an item holds; what it refers to becomes a hard edge."""

    def refusal(self, item: Item, why: str, fix: str, what: str = "") -> CaptureError:
        """The error that names a variable and its cell."""
