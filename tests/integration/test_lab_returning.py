"""A tab whose engine dies, and a user whom the server knows by a cookie alone, below the prefix of a hub."""

from __future__ import annotations

import asyncio
import http.cookiejar
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.integration.conftest import Home, until

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.engine
PASSWORD = "of this test"
PREFIX = "/user/ada%40example.org/"

SCRIPT = """
    import asyncio, os, sys
    import flytenb as flyte
    env = flyte.TaskEnvironment(name="returning")

    @env.task
    async def gated(folder: str) -> int:
        open(f"{folder}/began", "w").close()
        while not os.path.exists(f"{folder}/go"):
            await asyncio.sleep(0.02)
        return 7

    if __name__ == "__main__":
        print(flyte.with_runcontext(name="kept").run(gated, sys.argv[1]).name)
"""


class Tab:
    """A browser's tab that was logged in by a password: it has cookies, and no token."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.ask("login")
        form = urllib.parse.urlencode({"password": PASSWORD, "_xsrf": self.xsrf()}).encode()
        self.ask("login", data=form, headers={"Content-Type": "application/x-www-form-urlencoded"})

    def xsrf(self) -> str:
        return next(str(cookie.value) for cookie in self.cookies if cookie.name == "_xsrf")

    def ask(self, path: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        request = urllib.request.Request(self.address + path, data=data, headers=headers or {})
        try:
            with self._opener.open(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    async def listen(self) -> Any:
        """Its WebSocket."""
        request = urllib.request.Request(self.address + "flytenb/api/v1/ws")
        self.cookies.add_cookie_header(request)
        parts = urllib.parse.urlsplit(self.address)
        headers = {"Cookie": request.get_header("Cookie"), "Origin": f"{parts.scheme}://{parts.netloc}"}
        address = self.address.replace("http", "ws", 1) + "flytenb/api/v1/ws"
        return await websocket_connect(HTTPRequest(address, headers=headers))


@pytest.fixture
def address(home: Home, tmp_path: Path) -> Iterator[str]:
    """Of a Jupyter server with a password and no token, below a prefix as JupyterHub gives it."""
    from jupyter_server.auth import passwd

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **home.env, "JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
    }  # fmt: skip
    words = [
        sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", f"--ServerApp.base_url={PREFIX}",
        "--IdentityProvider.token=", f"--PasswordIdentityProvider.hashed_password={passwd(PASSWORD, 'sha1')}",
        f"--ServerApp.root_dir={tmp_path}", "--ServerApp.jpserver_extensions={'flytenb.lab': True}",
    ]  # fmt: skip
    log = tmp_path / "server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(words, env=environment, stdout=written, stderr=written, cwd=tmp_path)
    found = f"http://127.0.0.1:{port}{PREFIX}"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(found + "login", timeout=60).close()
        except OSError:
            return False
        return True

    until(answers, "the server to answer")
    yield found
    process.terminate()
    process.wait(60)


@pytest.fixture
def gate(home: Home, tmp_path: Path) -> Iterator[Path]:
    """The run `kept` goes on until the file `go` is in this folder."""
    folder = tmp_path / "gate"
    folder.mkdir()
    home.python(str(home.script("gated.py", SCRIPT)), str(folder))
    until((folder / "began").exists, "the task to begin")
    yield folder
    (folder / "go").touch()


def test_a_cookie_is_enough_and_commands_need_its_word(address: str, gate: Path) -> None:
    tab = Tab(address)
    assert tab.ask("flytenb/api/v1/runs/kept")[0] == 200
    assert tab.ask("flytenb/api/v1/runs/kept/abort", data=b"")[0] == 403
    status, said = tab.ask("flytenb/api/v1/runs/kept/abort", data=b"", headers={"X-XSRFToken": tab.xsrf()})
    assert status == 200, said

    def phase() -> str:
        return str(json.loads(tab.ask("flytenb/api/v1/runs/kept")[1])["phase"])

    until(lambda: phase() == "aborted", "the run to end")
    stranger = urllib.request.Request(address + "flytenb/api/v1/runs")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(stranger, timeout=60)
    assert refused.value.code == 403


def test_a_tab_hears_the_end_of_a_run_whose_engine_was_killed(address: str, home: Home, gate: Path) -> None:
    """The tab says nothing a second time: its connection stays, and the server's part comes back to the new engine."""
    tab = Tab(address)

    async def conversation() -> list[dict[str, Any]]:
        connection = await tab.listen()
        for message in ({"op": "hello", "protocol": 1}, {"op": "watch", "run": "kept"}):
            await connection.write_message(json.dumps(message))
        told: list[dict[str, Any]] = []
        is_killed, end = False, time.monotonic() + 120
        while not (told and told[-1]["op"] == "ended"):
            text = await asyncio.wait_for(connection.read_message(), end - time.monotonic())
            assert text is not None, "the connection was ended"
            told.append(json.loads(text))
            if told[-1]["op"] == "snapshot" and not is_killed:
                is_killed = True
                old = home.engine_pid()
                assert old is not None
                os.kill(old, signal.SIGKILL)
                await asyncio.to_thread(until, lambda: home.engine_pid() not in (None, old), "another engine")
                (gate / "go").touch()
        connection.close()
        return told

    told = asyncio.run(conversation())
    assert next(message for message in told if message["op"] == "snapshot")["data"]["run"]["phase"] == "running"
    # At this word a page asks for the whole once more.
    assert json.loads(tab.ask("flytenb/api/v1/runs/kept/snapshot")[1])["run"]["phase"] == "succeeded"
