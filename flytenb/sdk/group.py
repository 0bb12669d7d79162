"""Groups: children made inside a `with` are shown together."""

from __future__ import annotations

from flytenb.sdk.scope import Entered


class group(Entered):  # a context manager that reads as a function
    """Children made inside belong to a group of this name; nothing happens outside tasks.

    Example:
        with flyte.group("fits"): scores = await asyncio.gather(*(fit(c) for c in cs))
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"group({name!r}): a group has a name")
        super().__init__(group=name)
