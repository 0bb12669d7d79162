"""In a Jupyter server: the engine's API below `<base>flytenb/`, with the server's own authentication and XSRF check."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from flytenb.lab import notebooks
from flytenb.lab.feed import Feed
from flytenb.lab.relay import MOST_BYTES, Answer, refusal, relay
from flytenb.wire import paths

#: Below the server's base; the front end has the same word.
NAMESPACE = "flytenb"
#: Parameters that are the Jupyter server's.
_NOT_OURS = ("token", "_", "_xsrf")
#: Bytes that may wait for a slow tab before its connection is ended; it comes back and asks for the whole.
MOST_UNSENT = 16 << 20


class ApiHandler(APIHandler):
    """`<base>flytenb/api/v1/…`: the engine's answers."""

    auth_resource = NAMESPACE

    @web.authenticated
    async def get(self, path: str) -> None:
        """A question."""
        await self._pass_on("GET", path)

    @web.authenticated
    async def post(self, path: str) -> None:
        """A command; the server has compared the XSRF cookie by now."""
        await self._pass_on("POST", path)

    async def _pass_on(self, method: str, path: str) -> None:
        body = self.request.body or b""
        if len(body) > MOST_BYTES:
            answer = refusal(413, "TooLarge", f"a request of {len(body)} bytes is over the limit of {MOST_BYTES}")
        else:
            answer = await asyncio.to_thread(relay, paths.home(), method, "/api/v1/" + path, self._query(), body)
        self._finish(answer)

    def _query(self) -> str:
        """The question without what was meant for this server or, as the time of now, for caches on the way."""
        pairs = parse_qsl(self.request.query, keep_blank_values=True)
        return urlencode([pair for pair in pairs if pair[0] not in _NOT_OURS and not pair[0].isdecimal()])

    def _finish(self, answer: Answer) -> None:
        self.set_status(answer.status)
        self.set_header("Content-Type", answer.content_type)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.finish(answer.body)


class NotebookHandler(APIHandler):
    """`<base>flytenb/api/v1/notebooks/…`: batches and exports of files that this server serves."""

    auth_resource = NAMESPACE

    @web.authenticated
    async def get(self, what: str) -> None:
        """What a batch of `?path=` can be given."""
        if what != "parameters":
            raise web.HTTPError(405)
        await self._do(lambda: notebooks.parameters(self._file(self.get_query_argument("path", ""))))

    @web.authenticated
    async def post(self, what: str) -> None:
        """`batch` begins one, `export` writes a script."""
        if what == "parameters":
            raise web.HTTPError(405)
        asked = self.get_json_body() or {}
        if not isinstance(asked, dict):
            raise web.HTTPError(400)

        def work() -> dict[str, Any]:
            path = self._file(str(asked.get("path", "")))
            if what == "export":
                return notebooks.export(path, str(asked.get("target", "flytenb")))
            given = asked.get("parameters")
            pairs = {str(key): str(value) for key, value in given.items()} if isinstance(given, dict) else {}
            return notebooks.start_batch(paths.home(), path, pairs, Path(str(asked.get("output") or "")).name)

        await self._do(work)

    def _file(self, path: str) -> Path:
        """The file of a path as pages name it; the server's own check keeps it below its root."""
        find = getattr(self.contents_manager, "_get_os_path", None)
        if find is None:
            raise notebooks.NotebookRefused("this server's notebooks are no files of its machine")
        file = Path(find(path.strip("/")))
        if not file.is_file():
            raise notebooks.NotebookRefused(f"there is no file {path!r}")
        return file

    async def _do(self, work: Callable[[], dict[str, Any]]) -> None:
        try:
            answer = Answer(200, json.dumps(await asyncio.to_thread(work)).encode())
        except notebooks.NotebookRefused as refused:
            answer = refusal(400, "NotebookRefused", str(refused))
        self.set_status(answer.status)
        self.set_header("Content-Type", answer.content_type)
        self.set_header("Cache-Control", "no-store")
        self.finish(answer.body)


class FeedHandler(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """`<base>flytenb/api/v1/ws`: one connection a tab."""

    auth_resource = NAMESPACE
    _feed: Feed | None = None

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """The handshake. A foreign origin is refused by the server's own check."""
        if not self.current_user:
            raise web.HTTPError(403)
        await super().get(*args, **kwargs)

    def open(self, *args: Any, **kwargs: Any) -> None:
        """The tab is connected."""
        super().open(*args, **kwargs)
        self._feed = Feed(paths.home(), self._push, self.close)

    def on_message(self, message: str | bytes) -> None:
        """The tab says something."""
        if self._feed is not None:
            self._feed.on_message(message)

    def on_close(self) -> None:
        """The tab is gone."""
        super().on_close()
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    def get_compression_options(self) -> dict[str, Any] | None:
        """Small messages on a short way: none."""
        return None

    def _push(self, text: str) -> None:
        connection: Any = self.ws_connection
        stream = getattr(connection, "stream", None)
        if stream is not None and stream._write_buffer and len(stream._write_buffer) > MOST_UNSENT:
            self.close(1013, "too slow")
            return
        with contextlib.suppress(WebSocketClosedError):
            self.write_message(text)


def install(app: Any) -> None:
    """Add the handlers to a running Jupyter server."""
    base = app.web_app.settings["base_url"]
    app.web_app.add_handlers(
        ".*$",
        [
            (url_path_join(base, NAMESPACE, "api", "v1", "ws"), FeedHandler),
            (url_path_join(base, NAMESPACE, "api", "v1", "notebooks", "(parameters|batch|export)"), NotebookHandler),
            (url_path_join(base, NAMESPACE, "api", "v1", "(.+)"), ApiHandler),
        ],
    )
    app.log.info("flytenb: live views are served below %s", url_path_join(base, NAMESPACE))
