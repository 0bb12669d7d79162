"""The nodes of the live graph: one `Item` for everything a task reaches, in the name space where it was found."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from flytenb.capture.cells import Definition


class Space:
    """A module-like dictionary of globals."""

    __slots__ = ("globals", "is_project", "module", "prefix", "ships")

    def __init__(self, globals_: dict[str, Any], prefix: str, module: str, ships: bool, is_project: bool) -> None:
        self.globals = globals_
        #: Before the names in labels: "" for the root's own globals, else "module:".
        self.prefix = prefix
        #: Name under which a worker can import it, "" when it cannot.
        self.module = module
        #: Its definitions travel as source; otherwise its file does.
        self.ships = ships
        #: A file of the user, not of a library.
        self.is_project = is_project


class Item:
    """Something reached: a definition, an import, a value.

    `kind`: "function", "class", "module", "from", "value", "alias", "replay", "attribute", "environment", "opaque",
    "undefined".
    """

    __slots__ = (
        "after", "by_value", "closure", "defaults", "definition", "deleted", "doubts", "future", "hard", "is_anonymous",
        "is_calling", "is_recursive", "kind", "label", "line", "name", "names", "obj", "part", "soft", "space",
        "submodules", "task", "where",
    )  # fmt: skip

    def __init__(self, kind: str, name: str, label: str, space: Space, obj: Any) -> None:
        self.kind, self.name, self.label, self.space, self.obj = kind, name, label, space, obj
        self.part = ""
        self.definition: Definition | None = None
        self.where, self.line = "", 0
        #: Items that must exist before its statement runs, and items used later.
        self.hard: dict[Item, None] = {}
        self.soft: dict[Item, None] = {}
        #: Label of a name that its text reads → what the name means.
        self.names: dict[str, Item] = {}
        #: Its statement calls something.
        self.is_calling = False
        #: The task object whose function this is.
        self.task: Any = None
        #: Free variable → value, and parameters whose default must be written from the live value.
        self.closure: dict[str, Any] = {}
        self.defaults: dict[str, Any] = {}
        #: Attribute → value, assigned after the statement.
        self.after: dict[str, Any] = {}
        #: Attributes taken off after the statement.
        self.deleted: list[str] = []
        #: A nested function that calls itself: it needs an enclosing scope again.
        self.is_recursive = False
        self.future = False
        #: Not bound to a global name; its name is made up.
        self.is_anonymous = False
        self.doubts: tuple[str, ...] = ()
        self.submodules: set[str] = set()
        #: A function without source: it travels pickled.
        self.by_value = False

    def __repr__(self) -> str:
        return f"<{self.kind} {self.label}>"

    @property
    def place(self) -> str:
        """For messages: "Cell In[4], line 8" or ""."""
        return f"{self.where}, line {self.line}" if self.where else ""

    def reaches(self) -> dict[Item, None]:
        """Direct neighbours."""
        return {**self.hard, **self.soft}


def digest(*words: str) -> str:
    """Digest of some words."""
    return blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def anonymous(user: Item, obj: Any) -> str:
    """A module-level name for something without one."""
    base = getattr(obj, "__name__", "value")
    base = base if base.isidentifier() else "lambda"
    owner = user.name.replace(".", "_").lstrip("_")
    return f"_{owner}_{base}"
