"""Requests of a web page, passed on to the engine's HTTP API over its Unix socket. Blocking: callers use a thread."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flytenb.client.session import session
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.lab import local

#: Bytes of a request's body that are passed on.
MOST_BYTES = 8 << 20
#: Seconds that an answer may take: explanations read the past.
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine answered."""

    status: int
    body: bytes
    content_type: str = "application/json"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def relay(home: Path, method: str, path: str, query: str = "", body: bytes = b"") -> Answer:
    """The engine's answer to `method path?query`; the engine is started when there is none.

    Args:
        path: below the API's root, with its slash: "/api/v1/runs".
        query: as it stands in the address, without tokens.
    """
    own = local.find(path) if method == "GET" else None
    if own is not None:
        return _own(own)
    target = f"{path}?{query}" if query else path
    headers = {"content-type": "application/json"} if body else {}
    error: Exception | None = None
    for _ in range(2):  # an engine that has just ended leaves its socket for a moment
        try:
            place = session(home).query("web")["http_socket"]
            connection = _UnixConnection(place)
            try:
                connection.request(method, target, body=body or None, headers=headers)
                answer = connection.getresponse()
                kind = answer.headers.get_content_type()
                return Answer(answer.status, answer.read(), kind)
            finally:
                connection.close()
        except (http.client.InvalidURL, UnicodeError):
            return refusal(400, "BadQuery", "an address has letters, digits and signs of ASCII only, the rest quoted")
        except (OSError, http.client.HTTPException) as broken:
            error = broken
        except (FlytenbError, BaseRuntimeError) as refused:
            return refusal(503, "EngineError", str(refused))
    return refusal(502, "Unreachable", f"the engine of {home} does not answer: {error}; see `flytenb engine logs`")


def _own(answer: Callable[[], tuple[bytes, str]]) -> Answer:
    try:
        body, kind = answer()
    except BaseRuntimeError as missing:
        return refusal(404, str(getattr(missing, "code", "NotFound")), str(missing))
    except FlytenbError as error:
        return refusal(503, "EngineError", str(error))
    return Answer(200, body, kind)


def refusal(status: int, code: str, message: str) -> Answer:
    """An answer of ours, in the form of the engine's own refusals."""
    import json

    return Answer(status, json.dumps({"code": code, "message": message}).encode())
