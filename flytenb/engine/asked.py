"""What may be asked with a question. One struct: the HTTP API reads its parameters from it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

#: What the store can count with, and a time that is one.
Number = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Parameters of every query; each method reads those it knows."""

    run: str = ""
    action: str = ""
    attempt: Number | None = None
    limit: Number = 100
    after: Number = 0
    before: str = ""
    in_phase: str = ""
    task_name: str = ""
    io: bool = False
    logs: bool = True
    traces: bool = True
    reason: str = "stopped by the user"
    #: Of a condition: the answer, who gives it, and from where. Of what is aborted: the group.
    value: Any = None
    who: str = ""
    origin: str = ""
    group: str = ""
    digest: str = ""
    force: bool = False
    #: Of what is aborted: not the runs that its actions have started.
    alone: bool = False
    #: Of a container: its name, its id, or RUN/ACTION.
    name: str = ""
    #: Of what is kept: seconds since it was made or ended, seconds since it was used; pinned or not; only say what.
    older_s: Seconds | None = None
    unused_s: Seconds | None = None
    is_on: bool = True
    is_dry: bool = False
    #: Of what is marked on a run; what is not given stays as it is. Tags are parted by commas.
    is_pinned: bool | None = None
    tags: str | None = None
    note: str | None = None
    #: Of builds: an image, the number of one, and what was seen of it.
    spec: bytes = b""
    build: Number = 0
    version: Number = 0
    seen: Number = 0
    since: Seconds = 0.0
    #: Of the past: keys of results, and bytes that outputs hold.
    keys: tuple[bytes, ...] = ()
    needle: bytes = b""
