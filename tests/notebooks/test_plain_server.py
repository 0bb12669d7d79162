"""A Jupyter server with its default limits between kernel and front end: it drops what comes too fast, and tells so.

The front end is a WebSocket of the server's own protocol, as VS Code's is when it is given an address.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.websocket import websocket_connect

from tests.notebooks.talking import ENDED, RUN_MIME
from tests.notebooks.test_traffic import SETUP

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.timeout(300)]

TOKEN = "plain-server"
SOURCE = (
    SETUP.replace("%load_ext flytenb\n", "")
    + """
runs = [flyte.run(busy, seconds=4.0) for _ in range(9)] + [flyte.run(loud, seconds=4.0)]
"""
)


@pytest.fixture
def server(home: Path, tmp_path: Path, ipykernel: str) -> Iterator[tuple[str, Path]]:
    """The address of a server of the defaults, and its log."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ipython"),
    }  # fmt: skip
    words = [
        sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={tmp_path}",
    ]  # fmt: skip
    log = tmp_path / "server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(words, env=environment, stdout=written, stderr=written, cwd=tmp_path)
    url = f"http://127.0.0.1:{port}/"
    end = time.monotonic() + 90
    while True:
        try:
            ask(url + "api/status")
            break
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)  # the only sign of a server is that it answers
    yield url, log
    process.terminate()
    process.wait(60)


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Authorization": f"token {TOKEN}"})
    with urllib.request.urlopen(request, timeout=90) as answer:
        return json.loads(answer.read())


def test_nothing_is_dropped_and_all_ends_come(server: tuple[str, Path]) -> None:
    url, log = server
    kernel = ask(url + "api/kernels", {"name": "python3"})["id"]
    seen = asyncio.run(conversation(url.replace("http", "ws") + f"api/kernels/{kernel}/channels?token={TOKEN}"))
    said = "".join(m["content"]["text"] for m in seen if m["msg_type"] == "stream")
    assert said == "", "neither output of tasks nor the server's word of a rate that is exceeded"
    assert "rate exceeded" not in log.read_text()
    last = phases(seen)
    assert list(last.values()) == ["succeeded"] * 10
    sent = [m for m in seen if m["channel"] == "iopub"]
    print(f"10 runs, one of 5 MB/s: {len(sent)} messages, {sum(len(json.dumps(m)) for m in sent) / 1000:.0f} kB")


def phases(seen: list[dict[str, Any]]) -> dict[str, str]:
    """Display id → the phase that its output shows."""
    return {
        m["content"]["transient"]["display_id"]: m["content"]["data"][RUN_MIME]["phase"]
        for m in seen
        if m["msg_type"] in ("display_data", "update_display_data") and RUN_MIME in m["content"]["data"]
    }


async def conversation(address: str) -> list[dict[str, Any]]:
    """Execute the cell; everything that comes until ten views show an end."""
    connection = await websocket_connect(address, max_message_size=1 << 26)
    content = {
        "code": SOURCE, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True,
        "stop_on_error": True,
    }  # fmt: skip
    header = {
        "msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex,
        "date": "2026-01-01T00:00:00Z", "version": "5.3",
    }  # fmt: skip
    request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await connection.write_message(json.dumps(request))
    seen: list[dict[str, Any]] = []
    end = time.monotonic() + 120
    while sum(phase in ENDED for phase in phases(seen).values()) < 10:
        text = await asyncio.wait_for(connection.read_message(), end - time.monotonic())
        assert text is not None
        message = json.loads(text)
        assert message["msg_type"] != "error", message["content"]
        if message["msg_type"] == "execute_reply":
            assert message["content"]["status"] == "ok", message["content"]
        seen.append(message)
    connection.close()
    return seen
