"""The HTTP API: the queries as JSON, changes as server-sent events.

On the engine's own Unix socket (0600) and, with the token, on loopback. `/openapi.json` describes it.

Requests from web pages of other origins are refused: the token never travels in a cookie, `Host` must be loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from flytenb.engine.asked import Asked
from flytenb.engine.lifetime import write_info
from flytenb.engine.refused import QueryError
from flytenb.model.build import BuildLog, BuildRow
from flytenb.model.cached import CachedList, CachedRow, Pruned
from flytenb.model.containers import ContainerRow
from flytenb.model.events import Watch
from flytenb.model.kept import Deleted
from flytenb.model.placement import Placement
from flytenb.model.pools import PoolRow
from flytenb.model.resources import ResourcesView
from flytenb.model.snapshot import ActionRow, ConditionRow, LogLine, RunRow, RunSnapshot
from flytenb.model.tags import CHANGED, ENDED
from flytenb.model.usage import Usage
from flytenb.model.version import VERSION

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from flytenb.engine.core import Engine

#: (method, path, query, summary, answer)
ROUTES: tuple[tuple[str, str, str, str, Any], ...] = (
    ("GET", "/api/v1/status", "status", "Who the engine is and what it does now", dict[str, Any]),
    ("GET", "/api/v1/pools", "pools", "Workers by kind: who is warm, busy, parked, starting", list[PoolRow]),
    ("GET", "/api/v1/containers", "containers", "Containers: what they run or are kept for", list[ContainerRow]),
    ("POST", "/api/v1/containers/remove", "remove_containers", "Remove what is kept, all or ?name=", list[str]),
    ("GET", "/api/v1/resources", "resources", "CPUs, memory, GPUs: who holds and who awaits them", ResourcesView),
    ("GET", "/api/v1/runs", "runs", "Runs, newest first", list[RunRow]),
    ("GET", "/api/v1/runs/{run}", "run", "One run", RunRow),
    ("GET", "/api/v1/runs/{run}/snapshot", "snapshot", "A run with actions, traces and last log lines", RunSnapshot),
    ("GET", "/api/v1/runs/{run}/actions", "actions", "Actions of a run in order of acceptance", list[ActionRow]),
    ("GET", "/api/v1/runs/{run}/placements", "placements", "Where its actions ran, by number", dict[int, Placement]),
    ("GET", "/api/v1/runs/{run}/actions/{action}/io", "io", "Encoded inputs and outputs", dict[str, Any]),
    (
        "GET",
        "/api/v1/runs/{run}/actions/{action}/attempts",
        "attempts",
        "Attempts before the last",
        list[dict[str, Any]],
    ),
    (
        "GET",
        "/api/v1/runs/{run}/actions/{action}/post_mortem",
        "post_mortem",
        "Failure of an attempt (?attempt=; by default the last) with what its frames held",
        dict[str, Any],
    ),
    ("GET", "/api/v1/runs/{run}/usage", "run_usage", "CPU, memory, GPUs of its longer actions", list[Usage]),
    ("GET", "/api/v1/runs/{run}/actions/{action}/usage", "usage", "The same of one action's attempts", list[Usage]),
    ("GET", "/api/v1/runs/{run}/why", "run_why", "Why its tasks were taken from the cache or not", dict[str, Any]),
    ("GET", "/api/v1/runs/{run}/plan", "run_plan", "What a rerun would take from the cache, and run", dict[str, Any]),
    ("GET", "/api/v1/runs/{run}/actions/{action}/why", "why", "The same for one action", dict[str, Any]),
    ("GET", "/api/v1/runs/{run}/actions/{action}/plan", "plan", "Of a rerun from this action on", dict[str, Any]),
    ("GET", "/api/v1/runs/{run}/actions/{action}/report", "report", "Digest of the report page", dict[str, str]),
    ("GET", "/api/v1/runs/{run}/actions/{action}/page", "page", "Its report as one HTML page", dict[str, Any]),
    ("GET", "/api/v1/runs/{run}/actions/{action}/code", "code", "Source of its task as it ran", dict[str, Any]),
    ("GET", "/api/v1/runs/{run}/logs", "logs", "The last pieces of output", list[LogLine]),
    ("GET", "/api/v1/builds", "builds", "Builds of images, newest first", list[BuildRow]),
    ("GET", "/api/v1/builds/{build}/logs", "build_logs", "What the layers of a build wrote", list[BuildLog]),
    ("GET", "/api/v1/cache", "cached", "Cached results, newest first, with hits and saved time", CachedList),
    ("GET", "/api/v1/cache/{name}", "cached_result", "One cached result by the beginning of its key", CachedRow),
    ("POST", "/api/v1/cache/{name}/pin", "pin", "Keep a cached result; ?is_on=false no longer", CachedRow),
    ("POST", "/api/v1/cache/prune", "prune_cached", "Forget cached results that are not pinned", Pruned),
    ("POST", "/api/v1/runs/prune", "prune_runs", "Forget runs that ended ?older_s= seconds ago", Pruned),
    ("POST", "/api/v1/runs/{run}/mark", "mark_run", "Pin a run (?is_pinned=), its ?tags= and ?note=", RunRow),
    ("POST", "/api/v1/runs/{run}/delete", "delete_run", "Forget a run that has ended", Deleted),
    ("GET", "/api/v1/conditions", "conditions", "Questions of all runs that wait for an answer", list[ConditionRow]),
    (
        "GET",
        "/api/v1/runs/{run}/conditions",
        "conditions",
        "Questions of a run that wait; ?is_on=false all",
        list[ConditionRow],
    ),
    (
        "POST",
        "/api/v1/runs/{run}/conditions/{name}/signal",
        "signal",
        'Answer a condition, named by its name or its action: {"value": …, "who": …}',
        ConditionRow,
    ),
    ("POST", "/api/v1/runs/{run}/abort", "abort", "Stop a run, or ?action=, or ?group=", dict[str, Any]),
)
_log = logging.getLogger(__name__)
_json = msgspec.json.Encoder().encode
_HINTS = get_type_hints(Asked)
_STATUS = {
    "RunNotFound": 404,
    "ActionNotFound": 404,
    "BuildNotFound": 404,
    "ContainerNotFound": 404,
    "GroupNotFound": 404,
    "CachedResultNotFound": 404,
    "ContainerBusy": 409,
    "NotRunning": 409,
    "RunGoesOn": 409,
    "RunPinned": 409,
    "BadQuery": 400,
    "UnknownQuery": 404,
    "EngineBusy": 409,
    "TookTooLong": 504,
    "NotAnswered": 500,
    "BadAnswer": 422,
    "ConditionAnswered": 409,
    "ConditionNotFoundError": 404,
}


def openapi() -> dict[str, Any]:
    """The API's own description (OpenAPI 3.1)."""
    schemas, components = msgspec.json.schema_components(
        [answer for *_, answer in ROUTES], ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, Any] = {}
    for (method, path, query, summary, _), schema in zip(ROUTES, schemas, strict=True):
        in_path = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in in_path
        ] + [
            {"name": name, "in": "query", "schema": {"type": _type_word(hint)}}
            for name, hint in _HINTS.items()
            if name not in in_path
        ]
        paths.setdefault(path, {})[method.lower()] = {
            "operationId": query,
            "summary": summary,
            "parameters": parameters,
            "responses": {
                "200": {"description": summary, "content": {"application/json": {"schema": schema}}},
                "4XX": {"description": "code and message"},
            },
        }
    paths["/api/v1/runs/{run}/events"] = {
        "get": {
            "operationId": "events",
            "summary": "Server-sent events: every `data:` is a RunSnapshot with what changed; ends with the run",
            "parameters": [{"name": "run", "in": "path", "required": True, "schema": {"type": "string"}}],
            "responses": {"200": {"description": "text/event-stream"}},
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "flytenb engine", "version": VERSION},
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
        "paths": paths,
    }


def _type_word(hint: Any) -> str:
    kinds = {bool: "boolean", bool | None: "boolean", int: "integer", int | None: "integer"}
    return kinds.get(hint, "string")


async def _body(request: Request) -> dict[str, Any]:
    """What a POST carries as JSON."""
    from flytenb.engine.bounded import body_of  # with it comes uvicorn, which is there by now

    data = await body_of(request)
    if not data:
        return {}
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise QueryError("BadQuery", f"the body is no JSON object: {error}") from error


def _asked(request: Request, body: dict[str, Any]) -> bytes:
    values: dict[str, Any] = {**request.query_params, **body, **request.path_params}
    values.pop("key", None)
    unknown = set(values) - set(_HINTS)
    if unknown:
        raise QueryError("BadQuery", f"no parameter {sorted(unknown)[0]!r}; there are: {', '.join(sorted(_HINTS))}")
    try:
        return msgspec.msgpack.encode(msgspec.convert(values, Asked, strict=False))
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise QueryError("BadQuery", str(error)) from error


def make_app(engine: Engine, *, is_open: bool) -> Any:
    """The ASGI application; `is_open`: the transport itself proves the user (the 0600 socket)."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response, StreamingResponse
    from starlette.routing import Route

    from flytenb.engine.bounded import check_headers

    def guarded(handle: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not is_open and (said := _refusal(request, engine.token, _callback_key(engine, request))):
                return JSONResponse({"code": "Forbidden", "message": said}, status_code=403)
            try:
                check_headers(request)
                return await handle(request)
            except QueryError as error:
                return JSONResponse(
                    {"code": error.code, "message": str(error)}, status_code=_STATUS.get(error.code, 400)
                )
            except Exception:
                _log.exception("%s %s failed", request.method, request.url.path)
                message = "the engine could not answer; see engine.log of this FLYTENB_HOME"
                return JSONResponse({"code": "EngineError", "message": message}, status_code=500)

        return endpoint

    def ask(query: str) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            method = engine.queries.methods[query]
            body = await _body(request) if query == "signal" else {}
            if query == "signal":
                body["origin"] = "webhook" if "key" in request.query_params else "http"
            answer = await method(msgspec.msgpack.decode(_asked(request, body), type=Asked))
            return Response(_json(answer), media_type="application/json", headers={"x-content-type-options": "nosniff"})

        return handle

    async def events(request: Request) -> Response:
        stream = await _changes(engine, request.path_params["run"])
        return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def description(request: Request) -> Response:
        return JSONResponse(openapi())

    routes = [Route(path, guarded(ask(query)), methods=[method]) for method, path, query, *_ in ROUTES]
    routes.append(Route("/api/v1/runs/{run}/events", guarded(events), methods=["GET"]))
    routes.append(Route("/openapi.json", guarded(description), methods=["GET"]))
    return Starlette(routes=routes)


def _callback_key(engine: Engine, request: Request) -> str:
    """What proves, instead of the token, that the caller was told of the one condition that he answers; else ""."""
    names = request.path_params
    if "key" not in request.query_params or not request.url.path.endswith("/signal") or "name" not in names:
        return ""
    return engine.conditions.callback_key(names["run"], names["name"])


def _refusal(request: Request, token: str, key: str = "") -> str:
    host = request.headers.get("host", "").rsplit(":", 1)[0]
    if host not in ("127.0.0.1", "localhost", "[::1]"):
        return "the Host header is not this machine"
    origin = request.headers.get("origin")
    if origin and origin.split("//", 1)[-1] != request.headers.get("host"):
        return "requests from other origins are refused"
    if key:
        is_told = hmac.compare_digest(request.query_params["key"].encode(), key.encode())
        return "" if is_told else "the key of this address is not that of the condition: the engine was started anew"
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        shown = ""
    if not hmac.compare_digest(shown.encode(), token.encode()):
        return "show the token of this FLYTENB_HOME as 'Authorization: Bearer …'"
    return ""


class _Listener:
    """Watches a run like a link does, for one stream of server-sent events."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue(maxsize=64)

    def send(self, message: tuple[Any, ...]) -> None:
        with contextlib.suppress(asyncio.QueueFull):  # a slow reader misses a delta and asks for the snapshot
            self.queue.put_nowait(message)


async def _changes(engine: Engine, run: str) -> AsyncIterator[bytes]:
    await engine.queries.snapshot_of(run)  # an unknown run is refused before the stream begins
    listener: Any = _Listener()
    await engine.publisher.watch(listener, Watch(0, run, True))

    async def stream() -> AsyncIterator[bytes]:
        try:
            while True:
                message = await listener.queue.get()
                if message[0] == CHANGED:
                    yield b"data: " + _json(msgspec.msgpack.decode(message[2], type=RunSnapshot)) + b"\n\n"
                elif message[0] == ENDED:
                    yield b"event: ended\ndata: {}\n\n"
                    return
        finally:
            engine.publisher.forget(listener)

    return stream()


async def serve(engine: Engine, facts: dict[str, object]) -> None:
    """Serve both sockets until cancelled; tells the loopback port in the info file."""
    uvicorn: Any = await asyncio.to_thread(__import__, "uvicorn")

    class Server(uvicorn.Server):  # type: ignore[misc]
        def capture_signals(self) -> contextlib.AbstractContextManager[None]:
            return contextlib.nullcontext()  # the engine's own handlers stay

    with contextlib.suppress(FileNotFoundError):
        engine.http_socket.unlink()
    near = socket.socket(socket.AF_UNIX)
    near.bind(str(engine.http_socket))  # born private: the engine's umask is 077
    engine.http_socket.chmod(0o600)
    loopback = socket.socket()
    loopback.bind(("127.0.0.1", 0))
    for each in (near, loopback):
        each.listen(128)  # before the port is told: who reads it may connect at once
    engine.port = loopback.getsockname()[1]
    write_info(engine.home, **{**facts, "http_socket": str(engine.http_socket), "port": engine.port})
    engine.is_served.set()
    from flytenb.engine.bounded import settings

    common = settings()
    servers = [
        Server(uvicorn.Config(make_app(engine, is_open=True), **common)),
        Server(uvicorn.Config(make_app(engine, is_open=False), **common)),
    ]
    try:
        await asyncio.gather(servers[0].serve(sockets=[near]), servers[1].serve(sockets=[loopback]))
    finally:
        for server in servers:
            server.should_exit = True
