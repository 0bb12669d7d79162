"""A result that finds no room on the disk waits for some: the work that made it is not thrown away."""

from __future__ import annotations

import errno
from types import TracebackType
from typing import Any

#: Seconds between tries.
AGAIN_S = 1.0
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))


class Wait:
    """Around each further try: swallows that there is still no room.

    Args:
        error: what the first try said.
        log: the action's, where it is told once.

    Raises:
        OSError: the error, when it is another one.
    """

    def __init__(self, error: OSError, log: Any) -> None:
        if error.errno not in _FULL:
            raise error
        if log is not None:
            log.write(
                "log",
                f"there is no room for the result ({error.strerror}): the action waits; free some disk space, then it "
                "goes on by itself\n",
            )

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        return isinstance(error, OSError) and error.errno in _FULL
