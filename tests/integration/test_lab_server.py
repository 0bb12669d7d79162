"""A real Jupyter server with the extension: its authentication, the API behind it, the WebSocket of a tab."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.engine
TOKEN = "for-this-test"

SCRIPT = """
import sys
import flytenb as flyte
env = flyte.TaskEnvironment(name="lab")

@env.task
async def child(n: int) -> int:
    print("child", n)
    return n + 1

@env.task
async def parent(n: int) -> int:
    return sum([await child(i) for i in range(n)])

if __name__ == "__main__":
    run = flyte.run(parent, n=3)
    run.wait()
    print(run.name)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    state = tmp_path_factory.mktemp("lab-home")
    yield state
    environment = {**os.environ, "FLYTENB_HOME": str(state)}
    subprocess.run(
        [sys.executable, "-m", "flytenb", "engine", "stop", "--force"], env=environment, cwd=ROOT, check=False
    )


@pytest.fixture(scope="module")
def server(home, tmp_path_factory):
    """The address of a Jupyter server below a base URL of its own."""
    folder = tmp_path_factory.mktemp("lab-root")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ, "FLYTENB_HOME": str(home), "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "PYTHONPATH": str(ROOT), "HOME": str(folder),
    }  # fmt: skip
    words = [
        sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--ServerApp.port={port}",
        "--ServerApp.ip=127.0.0.1", "--ServerApp.base_url=/user/ada/", f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={folder}", "--ServerApp.jpserver_extensions={'flytenb.lab': True}",
    ]  # fmt: skip
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True, cwd=folder)
    seen = []
    for line in process.stderr:
        seen.append(line)
        if "is running at" in line or "http://127.0.0.1" in line:
            break
    else:
        pytest.fail("".join(seen))
    while True:  # it tells its address a moment before it listens
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert process.poll() is None, "".join(seen)
        time.sleep(0.02)
    assert any("flytenb: live views are served below /user/ada/flytenb" in line for line in seen), "".join(seen)
    yield f"http://127.0.0.1:{port}/user/ada/flytenb/api/v1/"
    process.terminate()
    process.wait(60)


@pytest.fixture(scope="module")
def run(home, tmp_path_factory):
    """The name of a run that has ended."""
    file = tmp_path_factory.mktemp("lab-script") / "script.py"
    file.write_text(SCRIPT)
    environment = {**os.environ, "FLYTENB_HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, file], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def ask(address, method="GET", headers=None, body=None):
    request = urllib.request.Request(address, method=method, headers=headers or {}, data=body)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, error.headers, json.loads(text) if text.startswith(b"{") else text.decode()


AUTHORIZED = {"Authorization": f"token {TOKEN}"}


def test_the_api_answers_whoever_the_server_lets_in(server, run):
    assert ask(server + "runs")[0] == 403
    assert ask(server + "runs", headers={"Authorization": "token wrong"})[0] == 403
    status, headers, rows = ask(server + "runs?limit=5", headers=AUTHORIZED)
    assert status == 200
    assert headers["x-content-type-options"] == "nosniff"
    assert rows[0]["name"] == run
    status, _, snapshot = ask(f"{server}runs/{run}/snapshot", headers=AUTHORIZED)
    assert [row["short_name"] for row in snapshot["actions"]] == ["parent", "child", "child", "child"]


def test_an_ended_run_is_given_as_an_output_holds_it(server, run):
    status, _, told = ask(f"{server}runs/{run}/bundle", headers=AUTHORIZED)
    assert (status, told["is_terminal"]) == (200, True)
    kinds = told["data"]
    assert set(kinds) == {"application/vnd.flytenb.run+json", "text/html", "text/plain"}
    assert kinds["application/vnd.flytenb.run+json"]["phase"] == "succeeded"
    assert "child ×3" in kinds["text/plain"]
    assert "<script" not in kinds["text/html"]
    status, _, said = ask(f"{server}runs/absent/bundle", headers=AUTHORIZED)
    assert (status, said["code"]) == (404, "RunNotFound")


def test_what_the_doctor_finds(server):
    status, _, found = ask(f"{server}doctor", headers=AUTHORIZED)
    assert status == 200
    assert {"what", "is_good", "text", "fix", "is_optional"} == set(found[0])
    assert found[0]["what"] == "flytenb"


def test_the_engines_refusals_come_through(server):
    status, _, said = ask(server + "runs/absent", headers=AUTHORIZED)
    assert (status, said["code"]) == (404, "RunNotFound")
    status, _, said = ask(server + "runs?colour=red", headers=AUTHORIZED)
    assert status == 400
    assert "no parameter 'colour'" in said["message"]


def test_the_time_that_jupyter_adds_against_caches_is_no_question(server, run):
    assert ask(f"{server}runs/{run}/snapshot?1795292990472", headers=AUTHORIZED)[0] == 200
    assert ask(f"{server}runs?limit=1&1795292990472", headers=AUTHORIZED)[0] == 200


def test_a_command_without_the_xsrf_cookie_is_refused(server, run):
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    opener.open(server.split("/flytenb")[0] + f"/api/status?token={TOKEN}", timeout=20).read()  # now a cookie says who
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open(urllib.request.Request(f"{server}runs/{run}/abort", method="POST", data=b""), timeout=20)
    assert refused.value.code == 403


def talk(server, *messages, until, headers=None, token=TOKEN):
    """What a tab is told after it has said these, until something holds."""

    async def conversation():
        address = server.replace("http", "ws", 1) + "ws" + (f"?token={token}" if token else "")
        request = HTTPRequest(address, headers=headers)
        socket = await websocket_connect(request)
        told = []
        try:
            for message in messages:
                await socket.write_message(message if isinstance(message, str) else json.dumps(message))
            end = time.monotonic() + 30
            while not until(told):
                text = await asyncio.wait_for(socket.read_message(), end - time.monotonic())
                assert text is not None, told
                told.append(json.loads(text))
        finally:
            socket.close()
        return told

    return asyncio.run(conversation())


def test_a_tab_is_told_of_a_run(server, run):
    told = talk(server, {"op": "hello", "protocol": 1}, {"op": "watch", "run": run}, until=lambda t: len(t) >= 3)
    assert told[0]["op"] == "hello"
    assert told[0]["protocol"] == 1
    assert re.fullmatch("[0-9a-f]{12}", told[0]["home"])
    assert told[1] == {"op": "engine", "state": "up"}
    assert told[2]["op"] == "snapshot"
    assert told[2]["data"]["run"]["phase"] == "succeeded"
    assert len(told[2]["data"]["actions"]) == 4


def test_a_tab_follows_a_run_to_its_end(server, home, tmp_path):
    file = tmp_path / "slow.py"
    file.write_text(
        SCRIPT.replace(
            'print("child", n)', 'print("child", n)\n    import asyncio\n    await asyncio.sleep(0.3)'
        ).replace("run = flyte.run(parent, n=3)", "run = flyte.with_runcontext(name=sys.argv[1]).run(parent, n=4)")
    )
    environment = {**os.environ, "FLYTENB_HOME": str(home), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, file, "followed"], env=environment, stdout=subprocess.DEVNULL)
    while ask(server + "runs/followed", headers=AUTHORIZED)[0] != 200:
        assert process.poll() is None
    told = talk(
        server, {"op": "hello", "protocol": 1}, {"op": "watch", "run": "followed"},
        until=lambda t: t and t[-1]["op"] == "ended",
    )  # fmt: skip
    process.wait(60)
    changes = [message for message in told if message["op"] == "change"]
    assert changes
    assert changes[-1]["data"]["run"]["phase"] == "succeeded"
    shown = {row["name"]: row["phase"] for message in told if "data" in message for row in message["data"]["actions"]}
    assert shown == {"a0": "succeeded", "a1": "succeeded", "a2": "succeeded", "a3": "succeeded", "a4": "succeeded"}


def test_the_list_of_runs_is_told(server, run):
    told = talk(
        server, {"op": "hello", "protocol": 1}, {"op": "watch-runs"}, until=lambda t: t and t[-1]["op"] == "runs"
    )
    assert run in [row["name"] for row in told[-1]["data"]]


def test_what_is_no_message_is_answered_with_a_sentence(server):
    told = talk(
        server, "no json", "[]", '{"op": "fly"}', "x" * 5000, '{"op": "watch", "run": "absent"}', "[" * 4000,
        until=lambda t: sum(message["op"] == "error" for message in t) >= 6,
    )  # fmt: skip
    said = {message["message"] for message in told if message["op"] == "error"}
    assert "a message is a JSON object with an op" in said
    assert "there is no op 'fly'" in said
    assert "the message is too long" in said
    assert any("absent" in words for words in said)


def test_strangers_do_not_get_a_socket(server):
    with urllib.request.urlopen(server.split("/flytenb")[0] + f"/api/status?token={TOKEN}", timeout=60) as answer:
        cookies = "; ".join(value.split(";")[0] for value in answer.headers.get_all("set-cookie"))
    foreign = {"Cookie": cookies, "Origin": "http://evil.example"}
    for token, headers in (("", {}), ("wrong", {}), ("", foreign)):
        with pytest.raises(HTTPClientError) as refused:
            talk(server, until=lambda told: True, token=token, headers=headers)
        assert refused.value.code == 403
    own = {"Cookie": cookies, "Origin": server.split("/user")[0]}
    told = talk(server, {"op": "hello", "protocol": 1}, until=bool, token="", headers=own)
    assert told[0]["op"] == "hello"


def test_its_paths_are_told_to_jupyter():
    import flytenb.lab as lab

    assert lab._jupyter_server_extension_points() == [{"module": "flytenb.lab"}]
    source = Path(lab.__file__).parent / lab._jupyter_labextension_paths()[0]["src"]
    assert source.resolve() == lab.ASSETS
