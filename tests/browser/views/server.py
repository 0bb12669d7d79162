"""A small server that answers like the engine, from recorded runs: the views are looked at and tested with it.

python -m tests.browser.views.server [PORT]        # then open /?run=failed&theme=dark
"""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket

from flytenb.rules.usage import GpuLook, Series

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RUNS = HERE / "runs"
_GIB = 1 << 30
STATIC = ROOT / "flytenb" / "static"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>views</title>
<meta name="viewport" content="width=device-width">
<style>
body { margin: 0; font: 13px/20px system-ui, sans-serif; }
body[data-jp-theme-light="true"] { background: #fff; color: rgba(0,0,0,.87); --jp-layout-color1: #fff; }
body[data-jp-theme-light="false"] { background: #111; color: rgba(255,255,255,.87); --jp-layout-color1: #212121;
  --jp-ui-font-color1: rgba(255,255,255,.87); --jp-border-color2: #424242; }
main { padding: 12px; max-width: 1160px; margin: auto; }
</style></head><body><main></main>
<script type="module" src="/page.js"></script></body></html>"""
SCRIPT = """
import { mount, connect } from '/static/flytenb.js';
const query = new URLSearchParams(location.search);
const theme = query.get('theme');
if (theme) document.body.dataset.jpThemeLight = String(theme === 'light');
const host = { insertCode: code => { (window.codes ??= []).push(code); }, openPlace: (...a) => { window.place = a; },
  canOpenPlace: () => true, staleness: () => query.get('stale') ?? '', openRun: run => { window.opened = run; },
  leave: () => { window.left = true; document.activeElement.blur(); }, ended: run => { window.ended = run; } };
window.mounts = {}; window.flytenb = { mount, connect };
for (const run of query.getAll('run')) {
  const box = document.createElement('div');
  document.querySelector('main').append(box);
  performance.mark('mount');
  const form = query.get('form') ?? 'auto';
  window.mounts[run] = mount(box, { base: '/', run, form, host: query.has('plain') ? {} : host });
}
"""


WHY = {
    "task": "digits.load",
    "verdict": "miss",
    "headline": "helper clean changed (Cell In[4], line 8) since run h3d9",
    "differences": [{"words": "helper clean", "diff": " def clean(x):\n-    return x + 1\n+    return x + 2\n"}],
}


class Recorded:
    """The runs in a folder."""

    def __init__(self, folder: Path = RUNS) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        for path in sorted(folder.glob("*.json.gz")):
            self.add(path.name.removesuffix(".json.gz"), json.loads(gzip.decompress(path.read_bytes())))

    def add(self, name: str, body: dict[str, Any]) -> None:
        """Know a run by this name."""
        body["snapshot"]["run"]["name"] = name
        self.runs[name] = body

    def row(self, name: str) -> dict[str, Any]:
        """The run without its actions."""
        row: dict[str, Any] = self.runs[name]["snapshot"]["run"]
        return row

    def fresh(self, name: str) -> dict[str, Any]:
        """The snapshot, taken now when the run goes on."""
        snapshot: dict[str, Any] = self.runs[name]["snapshot"]
        return snapshot


class ViewServer:
    """Serves on a thread of its own; `say` sends a message to all connected pages."""

    def __init__(self, recorded: Recorded, port: int = 0) -> None:
        self.recorded = recorded
        self.sockets: set[Any] = set()
        self.asked: list[tuple[str, str]] = []
        #: Answers that differ from the recorded ones: (status, text) by path.
        self.answers: dict[str, tuple[int, str]] = {}
        self.hello: dict[str, Any] | None = {"op": "hello", "protocol": 1, "version": "0.1.0"}
        self.refuses_sockets = False
        self.port = port
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def start(self) -> ViewServer:
        """Begin to serve; the port is known after it."""
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def stop(self) -> None:
        """End."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def say(self, message: dict[str, Any]) -> None:
        """Send a message to every page."""
        assert self._loop is not None
        done = threading.Event()

        def send() -> None:
            for each in list(self.sockets):
                each.write_message(json.dumps(message))
            done.set()

        self._loop.call_soon_threadsafe(send)
        assert done.wait(5)

    def cut(self) -> None:
        """Close every WebSocket."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(lambda: [each.close() for each in list(self.sockets)])

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = self
        application = tornado.web.Application(
            [
                (r"/", _Text, {"text": PAGE, "kind": "text/html"}),
                (r"/page.js", _Text, {"text": SCRIPT, "kind": "text/javascript"}),
                (r"/static/(.*)", tornado.web.StaticFileHandler, {"path": str(STATIC)}),
                (r"/api/v1/ws", _Socket, {"server": server}),
                (r"/api/v1/(.*)", _Api, {"server": server}),
            ]
        )
        sockets = tornado.netutil.bind_sockets(self.port, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        http = tornado.httpserver.HTTPServer(application)
        http.add_sockets(sockets)
        self._ready.set()
        await self._over.wait()
        http.stop()


class _Text(tornado.web.RequestHandler):
    def initialize(self, text: str, kind: str) -> None:
        self.text, self.kind = text, kind

    def get(self) -> None:
        self.set_header("content-type", self.kind)
        self.set_header(
            "content-security-policy",
            "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
            "img-src data:; connect-src 'self' ws:; frame-src 'self' blob: about:",
        )
        self.write(self.text)


class _File(tornado.web.RequestHandler):
    def initialize(self, path: Path) -> None:
        self.path = path

    def get(self) -> None:
        self.set_header("content-type", "text/javascript")
        self.write(self.path.read_bytes())


class _Socket(tornado.websocket.WebSocketHandler):
    def initialize(self, server: ViewServer) -> None:
        self.server = server

    async def get(self, *args: Any, **kwargs: Any) -> None:
        if self.server.refuses_sockets:
            self.set_status(404)
            self.finish("no")
            return
        await super().get(*args, **kwargs)

    def on_message(self, text: str | bytes) -> None:
        message, recorded = json.loads(text), self.server.recorded
        self.server.asked.append(("ws", str(text)))
        if message["op"] == "hello" and self.server.hello:
            self.server.sockets.add(self)
            self.write_message(json.dumps(self.server.hello))
            self.write_message(json.dumps({"op": "engine", "state": "up"}))
        elif message["op"] == "watch":
            name = message["run"]
            if name not in recorded.runs:
                code = {
                    "code": "RunNotFound",
                    "message": f"there is no run named '{name}'; 'flytenb get run' lists them",
                }
                self.write_message(json.dumps({"op": "error", "run": name, **code}))
                return
            self.write_message(json.dumps({"op": "snapshot", "run": name, "data": recorded.fresh(name)}))
        elif message["op"] == "watch-runs":
            rows = [recorded.row(name) for name in recorded.runs]
            self.write_message(json.dumps({"op": "runs", "data": rows}))

    def on_close(self) -> None:
        self.server.sockets.discard(self)


class _Api(tornado.web.RequestHandler):
    def initialize(self, server: ViewServer) -> None:
        self.server = server

    def post(self, path: str) -> None:
        self.server.asked.append(("POST", self.request.uri or ""))
        self._answer(path)

    def get(self, path: str) -> None:
        self.server.asked.append(("GET", self.request.uri or ""))
        self._answer(path)

    def _answer(self, path: str) -> None:
        if path in self.server.answers:
            status, text = self.server.answers[path]
            self.set_status(status)
            self.write(text)
            return
        found = self._found(path.split("/"))
        if found is None:
            self.set_status(404)
            found = {"code": "UnknownQuery", "message": f"nothing at {path}"}
        self.set_header("content-type", "application/json")
        self.write(json.dumps(found))

    def _found(self, parts: list[str]) -> Any:
        recorded = self.server.recorded
        match parts:
            case ["resources"]:
                gigabyte = 1_000_000_000
                return {"cpu": 16, "cpu_used": 10.5, "memory_bytes": 32 * gigabyte, "memory_used_bytes": 9 * gigabyte}
            case ["runs"]:
                rows = [recorded.row(name) for name in recorded.runs]
                task, phase = self.get_query_argument("task_name", ""), self.get_query_argument("in_phase", "")
                before = self.get_query_argument("before", "")
                return [
                    r for r in rows if task in ("", r["task"]) and phase in ("", r["phase"]) and r["name"] != before
                ]
            case ["runs", name, "abort"] if name in recorded.runs:
                return {"aborted": 1}
            case ["runs", name] if name in recorded.runs:
                return recorded.row(name)
            case ["runs", name, "snapshot"] if name in recorded.runs:
                return recorded.fresh(name)
            case ["runs", name, "logs"] if name in recorded.runs:
                action = self.get_query_argument("action", "")
                attempt = self.get_query_argument("attempt", "")
                logs = recorded.runs[name].get("logs", [])
                return [
                    each
                    for each in logs
                    if action in ("", each["action"]) and attempt in ("", str(each.get("attempt", 1)))
                ]
            case ["runs", name, "actions", action, kind] if name in recorded.runs:
                run = recorded.runs[name]
                if kind == "page":
                    return {"page": run.get("pages", {}).get(action, "")}
                if kind == "attempts":
                    return run.get("attempts", {}).get(action, [])
                if kind == "io":
                    row = next((a for a in run["snapshot"]["actions"] if a["name"] == action), None)
                    return {key: row.get(key, "") for key in ("inputs", "outputs")} if row else None
                if kind == "code":
                    return run.get("code", {}).get(action)
                if kind == "why":
                    return WHY
            case ["runs", name, "why"]:
                return {"badge": "1 of 8 cached; clean changed", "tasks": [WHY]}
        return None


def extra(recorded: Recorded, now: float | None = None) -> None:
    """States that are made by hand: a question, a wait for a GPU, a first second."""
    now = now or time.time()
    copied = json.loads(json.dumps(recorded.runs["success"]))
    snapshot = copied["snapshot"]
    snapshot["run"] |= {"task": "release.release", "phase": "running", "created_at": now - 200, "ended_at": 0}
    snapshot["actions"] = [
        {**snapshot["actions"][0], "short_name": "release", "task": "release.release", "phase": "running",
         "accepted_at": now - 200, "started_at": now - 199, "ended_at": 0, "outputs": ""},
        {"id": 1, "name": "a1", "parent": "a0", "task": "release.measure", "short_name": "measure",
         "phase": "succeeded", "accepted_at": now - 199, "started_at": now - 199, "ended_at": now - 180},
        {"id": 2, "name": "a2", "parent": "a0", "task": "release.publish", "short_name": "publish", "phase": "paused",
         "accepted_at": now - 180, "started_at": now - 180,
         "condition": {"run": "asks", "action": "a2", "parent": "a0", "name": "publish", "phase": "paused",
                       "prompt": "Which share of the traffic should this model get?", "data_type": "float",
                       "description": "Accuracy 0.983 on 360 digits, 0.008 better than the one in use.",
                       "since": now - 180, "timeout_s": 3600.0, "expires_at": now + 3420}},
    ]  # fmt: skip
    snapshot |= {"taken_at": now, "reports": {}, "traces": [], "logs": []}
    snapshot["run"]["action_count"] = 3
    recorded.add("asks", copied)
    copied = json.loads(json.dumps(copied))
    snapshot = copied["snapshot"]
    snapshot["run"] |= {"task": "nets.train_cnn", "phase": "running"}
    snapshot["actions"] = [
        {**snapshot["actions"][0], "short_name": "train_cnn", "task": "nets.train_cnn"},
        {**snapshot["actions"][1], "short_name": "load", "is_cached": True, "saved_s": 121.0, "started_at": 0},
        {"id": 2, "name": "a2", "parent": "a0", "task": "nets.train", "short_name": "train",
         "phase": "waiting_for_resources", "accepted_at": now - 118,
         "reason": "waits for 1 GPU: GPU 0 is held by kernel vision.ipynb (18.2 of 24 GiB)"},
    ]  # fmt: skip
    recorded.add("waits", copied)
    _training(recorded, now)


def _training(recorded: Recorded, now: float) -> None:
    """A run whose actions use much: one goes on with a GPU, one came near its memory."""
    copied = json.loads(json.dumps(recorded.runs["waits"]))
    snapshot = copied["snapshot"]
    snapshot["actions"] = [
        snapshot["actions"][0],
        {"id": 1, "name": "a1", "parent": "a0", "task": "nets.load", "short_name": "load", "phase": "succeeded",
         "accepted_at": now - 198, "started_at": now - 198, "ended_at": now - 150},
        {"id": 2, "name": "a2", "parent": "a0", "task": "nets.train", "short_name": "train", "phase": "running",
         "accepted_at": now - 150, "started_at": now - 120},
    ]  # fmt: skip
    load, train = Series(), Series()
    for second in range(1, 49):
        load.add(float(second), 0.6 + 0.3 * math.sin(second / 4), int((0.3 + second / 30) * _GIB))
    for second in range(1, 121):
        busy = 0.93 if second % 30 > 4 else 0.12
        held = int(min(31.0, second) * _GIB)
        train.add(
            float(second), 3.2 if busy > 0.5 else 1.1, int(5.1 * _GIB), gpus={"0": GpuLook(busy, held, 80 * _GIB)}
        )
    usages = [
        load.usage(action="a1", attempt=1, started_at=now - 198, memory_asked_bytes=2 * _GIB, is_over=True),
        train.usage(action="a2", attempt=1, started_at=now - 120, cpu_asked=4, memory_asked_bytes=8 * _GIB),
    ]
    snapshot["usages"] = {each.action: msgspec.to_builtins(each) for each in usages}
    recorded.add("training", copied)


def main(arguments: list[str]) -> None:
    """Serve until interrupted."""
    recorded = Recorded()
    extra(recorded)
    server = ViewServer(recorded, int(arguments[0]) if arguments else 8123).start()
    print(server.url)
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
