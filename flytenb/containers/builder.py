"""The engine's own builder, for Dockerfiles: the classic one, or BuildKit where the engine has it, as the same events.

BuildKit is used through the engine's API without a session, so that nothing but the engine is needed. What needs one
(`RUN --mount=type=secret`, `ssh`) goes through the command line's buildx instead.
"""

from __future__ import annotations

import base64
import contextlib
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flytenb.containers.client import Docker

_STEP = re.compile(r"^Step \d+/(\d+) : (.*)", re.S)
_NUMBERED = re.compile(r"^\[[^\]]*\d+/\d+\] ")
#: Vertices of BuildKit that no line of a Dockerfile stands for.
_NOT_LAYERS = ("[internal]", "exporting", "copy /context")
#: Seconds without a word from the engine while it builds: a step may be silent for long.
_BUILD_S = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildEvent:
    """What a builder says. Layers are named by what identifies them to it."""

    layer: str = ""
    title: str = ""
    #: "begin", "cached", "done", "log", "failed", "kept" (id of an unnamed layer) or "image".
    what: str = ""
    text: str = ""


def build(
    docker: Docker,
    context: bytes,
    *,
    dockerfile: str,
    tag: str,
    labels: Mapping[str, str],
    arguments: Mapping[str, str],
    with_buildkit: bool,
    on_open: Callable[[Callable[[], None]], None],
    platform: str = "",
) -> Iterator[BuildEvent]:
    """Build a Dockerfile; the last event is "image" with the id, or "failed".

    Args:
        docker: the engine.
        context: an archive with all files.
        dockerfile: the Dockerfile's path in it.
        tag: name of the image.
        labels: of the image.
        arguments: predefined ones only (proxies), which leave no trace.
        with_buildkit: whether BuildKit builds it.
        on_open: given what ends the build, from any thread.
        platform: "" for the engine's own.
    """
    api = docker.api
    params: dict[str, Any] = {
        "t": tag,
        "dockerfile": dockerfile,
        "networkmode": "host",
        "rm": True,
        "forcerm": True,
        "labels": _json(labels),
        "buildargs": _json(arguments),
        "version": "2" if with_buildkit else "1",
    }
    if platform:
        params["platform"] = platform
    headers = {"Content-Type": "application/tar"}
    api._set_auth_headers(headers)
    answer = api._post(api._url("/build"), data=context, params=params, headers=headers, stream=True, timeout=_BUILD_S)
    api._raise_for_status(answer)
    on_open(lambda: _hang_up(api, answer))
    lines = api._stream_helper(answer, decode=True)
    yield from _buildkit_events(lines) if with_buildkit else _classic_events(lines)


def _hang_up(api: Any, answer: Any) -> None:
    """Close the connection, for a reader that waits too: the engine then gives up the build."""
    with contextlib.suppress(Exception):  # it has ended
        found = api._get_raw_response_socket(answer)
        getattr(found, "_sock", found).shutdown(socket.SHUT_RDWR)


def _json(value: Mapping[str, str]) -> str:
    import json

    return json.dumps(dict(value))


def _classic_events(lines: Iterator[dict[str, Any]]) -> Iterator[BuildEvent]:
    layer, title, is_cached = "", "", False
    for line in lines:
        if "errorDetail" in line or "error" in line:
            text = str(line.get("error") or line["errorDetail"].get("message"))
            yield BuildEvent(layer=layer, title=title, what="failed", text=text)
            return
        if "aux" in line and isinstance(line["aux"], dict) and "ID" in line["aux"]:
            if layer:
                yield BuildEvent(layer=layer, title=title, what="cached" if is_cached else "done")
            yield BuildEvent(what="image", text=line["aux"]["ID"])
            layer = ""
            continue
        text = str(line.get("stream") or line.get("status") or "")
        step = _STEP.match(text)
        if step is not None:
            if layer:
                yield BuildEvent(layer=layer, title=title, what="cached" if is_cached else "done")
            layer, title, is_cached = text, " ".join(step[2].split()), False
            yield BuildEvent(layer=layer, title=title, what="begin")
        elif text.strip() == "---> Using cache":
            is_cached = True
        elif text.startswith(" ---> ") and not text.startswith(" ---> Running"):
            yield BuildEvent(layer=layer, title=title, what="kept", text=text.removeprefix(" ---> ").strip())
        elif text.strip() and not text.startswith((" ---> ", "Removing intermediate", "Successfully ")) and layer:
            yield BuildEvent(layer=layer, title=title, what="log", text=text)


# ---- BuildKit: `moby.buildkit.v1.StatusResponse` ---------------------------------------------------------------


def _buildkit_events(lines: Iterator[dict[str, Any]]) -> Iterator[BuildEvent]:
    titles: dict[str, str] = {}
    told: dict[str, str] = {}
    image, last_error = "", ""
    for line in lines:
        if "errorDetail" in line or "error" in line:
            text = str(line.get("error") or line["errorDetail"].get("message"))
            yield BuildEvent(layer=last_error, title=titles.get(last_error, ""), what="failed", text=text)
            return
        if line.get("id") == "moby.image.id":
            image = str(line["aux"]["ID"])
        if line.get("id") != "moby.buildkit.trace":
            continue
        status = _fields(base64.b64decode(line["aux"]))
        for raw in status.get(1, ()):
            vertex = _fields(raw)
            layer, title = _text(vertex, 1), _text(vertex, 3)
            if title.startswith(_NOT_LAYERS):
                continue
            titles[layer] = title = " ".join(_NUMBERED.sub("", title).split())
            if vertex.get(7):
                last_error = layer
                what = ""
            elif vertex.get(4):
                what = "cached"
            elif vertex.get(6):
                what = "done"
            else:
                what = "begin" if vertex.get(5) else ""
            if what and told.get(layer) not in (what, "done", "cached"):
                told[layer] = what
                yield BuildEvent(layer=layer, title=title, what=what)
        for raw in status.get(3, ()):
            log = _fields(raw)
            layer = _text(log, 1)
            if layer in titles:
                yield BuildEvent(layer=layer, title=titles[layer], what="log", text=_text(log, 4))
    if image:
        yield BuildEvent(what="image", text=image)
    else:
        yield BuildEvent(what="failed", text="BuildKit ended without an image")


def _text(fields: dict[int, list[Any]], number: int) -> str:
    value = (fields.get(number) or [b""])[-1]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _fields(data: bytes) -> dict[int, list[Any]]:
    """Fields of a protobuf message by number: bytes, or integers."""
    found: dict[int, list[Any]] = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        value: Any
        if kind == 0:
            value, at = _varint(data, at)
        elif kind == 2:
            length, at = _varint(data, at)
            value, at = data[at : at + length], at + length
        else:
            size = 8 if kind == 1 else 4
            value, at = data[at : at + size], at + size
        found.setdefault(number, []).append(value)
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7
