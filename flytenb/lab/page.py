"""`flytenb open`: the views on a page of their own, without a Jupyter server.

A process of its own serves it on loopback, one for each state directory, and ends when no page has been open for a
while. Who has the token that `flytenb open` gives may look and command; it travels in the address's fragment, never in
a cookie, and `Host` and `Origin` must be this page's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flytenb.lab.feed import Feed
from flytenb.lab.relay import MOST_BYTES, refusal, relay
from flytenb.views.reports import POLICY

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

HERE = Path(__file__).resolve().parent
STATIC = HERE.parent / "static"
#: Seconds without a connected page after which the process ends.
IDLE_S = 600.0
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; frame-src 'self' blob: data:; font-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
#: The page's own policy forbids scripts in its lines, and frames without an address inherit it: this one has its own.
_FRAME_POLICY = f"sandbox allow-scripts; frame-ancestors 'self'; {POLICY}"
_FRAME = (
    '<!doctype html><meta charset="utf-8"><script>addEventListener("message",e=>{'
    "if(e.source===parent&&e.data.flytenbPage){document.open();document.write(e.data.flytenbPage);document.close()}"
    '},{once:true});parent.postMessage({flytenbReady:1},"*")</script>'
)
_OWN = ("page.css", "page.js", "page.svg")
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".map": "application/json"}


def info_path(home: Path) -> Path:
    """JSON that tells where the page is served: pid, port, token. Readable by the user only."""
    return home / "page.json"


class Page:
    """What the process serves."""

    def __init__(self, home: Path, token: str) -> None:
        self._home, self._token = home, token
        self.open_count = 0
        self.is_changed = asyncio.Event()

    def app(self) -> Any:
        """The ASGI application."""
        from starlette.applications import Starlette
        from starlette.routing import Route, WebSocketRoute

        return Starlette(
            routes=[
                Route("/", self._html),
                Route("/runs/{run}", self._html),
                Route("/static/{name}", self._static),
                Route("/frame", self._frame),
                Route("/api/v1/{path:path}", self._api, methods=["GET", "POST"]),
                WebSocketRoute("/api/v1/ws", self._socket),
            ]
        )

    async def _html(self, request: Request) -> Response:
        from starlette.responses import Response

        if not _is_near(request.headers.get("host", "")):
            return Response("the Host header is not this machine", 403)
        return Response((HERE / "page.html").read_bytes(), media_type="text/html", headers=_headers())

    async def _frame(self, request: Request) -> Response:
        """What a report is written into: it knows nothing, and may run scripts that reach nothing."""
        from starlette.responses import Response

        headers = _headers() | {"content-security-policy": _FRAME_POLICY}
        return Response(_FRAME, media_type="text/html", headers=headers)

    async def _static(self, request: Request) -> Response:
        from starlette.responses import Response

        name = request.path_params["name"]
        folder = HERE if name in _OWN else STATIC
        known = {file.name: file for file in folder.iterdir() if file.suffix in _KINDS} if folder.is_dir() else {}
        if name not in known:
            return Response("there is no such file", 404)
        return Response(known[name].read_bytes(), media_type=_KINDS[known[name].suffix], headers=_headers())

    async def _api(self, request: Request) -> Response:
        from starlette.responses import Response

        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        told = self._refusal(request.headers, shown if scheme.lower() == "bearer" else "")
        body = await _body_of(request) if not told else b""
        if told:
            answer = refusal(403, "Forbidden", told)
        elif len(body) > MOST_BYTES:
            answer = refusal(413, "TooLarge", f"a request of more than {MOST_BYTES} bytes is over the limit")
        else:
            path = "/api/v1/" + request.path_params["path"]
            answer = await asyncio.to_thread(relay, self._home, request.method, path, request.url.query, body)
        return Response(answer.body, answer.status, media_type=answer.content_type, headers=_headers())

    async def _socket(self, socket: WebSocket) -> None:
        from starlette.websockets import WebSocketDisconnect

        if self._refusal(socket.headers, socket.query_params.get("token", "")):
            await socket.close(4403)
            return
        await socket.accept()
        waiting: asyncio.Queue[str] = asyncio.Queue(maxsize=256)

        def push(text: str) -> None:
            with contextlib.suppress(asyncio.QueueFull):  # a slow page asks for the whole again
                waiting.put_nowait(text)

        async def write() -> None:
            while True:
                await socket.send_text(await waiting.get())

        feed = Feed(self._home, push, lambda: None)
        writer = asyncio.create_task(write())
        self.open_count += 1
        self.is_changed.set()
        try:
            while True:
                feed.on_message(await socket.receive_text())
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            writer.cancel()
            feed.close()
            self.open_count -= 1
            self.is_changed.set()

    def _refusal(self, headers: Any, shown: str) -> str:
        host = headers.get("host", "")
        if not _is_near(host):
            return "the Host header is not this machine"
        origin = headers.get("origin")
        if origin and origin.split("//", 1)[-1] != host:
            return "requests from other origins are refused"
        if not hmac.compare_digest(shown.encode(), self._token.encode()):
            return "this page was opened without its token: run `flytenb open` again"
        return ""


async def _body_of(request: Request) -> bytes:
    """What a request carries, as far as it may."""
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > MOST_BYTES:
            break
    return bytes(found)


def _is_near(host: str) -> bool:
    return host.rsplit(":", 1)[0] in ("127.0.0.1", "localhost", "[::1]")


def _headers() -> dict[str, str]:
    return {
        "content-security-policy": _POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }


async def serve(home: Path, ready: int | None = None, idle_s: float = IDLE_S) -> None:
    """Serve until no page has been open for a while.

    Args:
        ready: descriptor that gets a line when the page can be opened.
    """
    import uvicorn

    token = secrets.token_urlsafe(24)
    page = Page(home, token)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    _tell(home, {"pid": os.getpid(), "port": listener.getsockname()[1], "token": token})
    config = uvicorn.Config(page.app(), log_config=None, lifespan="off", access_log=False, ws_max_size=1 << 20)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    if ready is not None:
        os.write(ready, b"ready\n")
        os.close(ready)
    try:
        while True:
            page.is_changed.clear()
            try:
                await asyncio.wait_for(page.is_changed.wait(), None if page.open_count else idle_s)
            except (TimeoutError, asyncio.TimeoutError):
                break
    finally:
        server.should_exit = True
        with contextlib.suppress(OSError):
            if json.loads(info_path(home).read_text()).get("pid") == os.getpid():
                info_path(home).unlink()
        await task


def _tell(home: Path, facts: dict[str, object]) -> None:
    path = info_path(home)
    new = path.with_suffix(f".{os.getpid()}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(facts, file)
    new.replace(path)


def main() -> None:
    """`python -m flytenb.lab.page HOME [READY]`."""
    home = Path(sys.argv[1])
    asyncio.run(serve(home, int(sys.argv[2]) if len(sys.argv) > 2 else None))


if __name__ == "__main__":
    main()
