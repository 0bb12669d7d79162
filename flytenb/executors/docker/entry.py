"""What the executor knows of one worker's container."""

from __future__ import annotations

import asyncio

from flytenb.executors.docker.stream import Stream
from flytenb.model import Grant, Launch


class Entry:
    """One worker's container, from before it exists until it is gone."""

    def __init__(self, worker: str, launch: Launch, grant: Grant, image: str, python: str) -> None:
        self.worker, self.launch, self.grant, self.image, self.python = worker, launch, grant, image, python
        self.name = self.ident = ""
        self.is_killed = self.is_ending = False
        #: It runs, or has run: only then can it have ended.
        self.is_started = False
        #: Its link closed before its container was known here.
        self.has_left = False
        #: Of a container that sees nothing of this machine; set when it has ended.
        self.stream: Stream | None = None
        self.stream_ended = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
