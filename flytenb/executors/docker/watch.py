"""One thread that hears of the end of every container of a home, as the engine tells it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from flytenb.containers.client import Docker
from flytenb.containers.labels import HOME

_log = logging.getLogger(__name__)
#: Seconds between tries to reach an engine that went away: it gives no event when it comes back.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 2.0


class Watch:
    """Reads the engine's events.

    Args:
        docker: the engine.
        home: `home_id` of the containers to hear of.
        on_end: called in the thread with a container's id.
        on_return: called in the thread when the engine is back after it went away: ends may have been missed.
    """

    def __init__(self, docker: Docker, home: str, on_end: Callable[[str], None], on_return: Callable[[], None]) -> None:
        self._docker, self._home, self._on_end, self._on_return = docker, home, on_end, on_return
        self._stream: Any = None
        self._is_closed = threading.Event()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="flytenb-docker-events", daemon=True)

    def start(self) -> None:
        """Begin; returns when ends are heard. Blocking."""
        self._thread.start()
        self._begun.wait(30)

    def close(self) -> None:
        """Hear no more."""
        self._is_closed.set()
        with contextlib.suppress(Exception):  # it may break in the very moment
            if self._stream is not None:
                self._stream.close()

    def _serve(self) -> None:
        since = int(time.time())
        wait_s, is_first = _FIRST_WAIT_S, True
        while not self._is_closed.is_set():
            try:
                self._stream = self._docker.api.events(
                    decode=True,
                    since=since,
                    filters={"type": "container", "event": "die", "label": f"{HOME}={self._home}"},
                )
                self._begun.set()
                if not is_first:
                    self._on_return()
                is_first, wait_s = False, _FIRST_WAIT_S
                for event in self._stream:
                    since = int(event.get("time", since))
                    self._on_end(event["Actor"]["ID"])
            except Exception as error:  # docker, requests and urllib3 share no class
                _log.info("the events of Docker ended: %s", error)
            self._begun.set()
            if self._is_closed.wait(wait_s):
                return
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
