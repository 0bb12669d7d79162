"""`flytenb open`: a page of its own, for whoever has its token."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.engine
SCRIPT = """
import flytenb as flyte
env = flyte.TaskEnvironment(name="page")

@env.task
async def one() -> int:
    return 1

if __name__ == "__main__":
    run = flyte.with_runcontext(name="first").run(one)
    run.wait()
"""


def flytenb(home, *words):
    environment = {**os.environ, "FLYTENB_HOME": str(home), "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-m", "flytenb", *words], env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    state = tmp_path_factory.mktemp("page-home")
    file = tmp_path_factory.mktemp("page-script") / "script.py"
    file.write_text(SCRIPT)
    environment = {**os.environ, "FLYTENB_HOME": str(state), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, file], env=environment, check=True)
    yield state
    if (state / "page.json").exists():
        os.kill(json.loads((state / "page.json").read_text())["pid"], 15)
    flytenb(state, "engine", "stop", "--force")


@pytest.fixture(scope="module")
def address(home):
    done = flytenb(home, "open", "last", "--no-browser")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def get(url, **headers):
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_the_page_and_its_files_hold_no_secret(address):
    plain, _, token = address.partition("#")
    assert plain.endswith("/runs/first")
    base = plain.split("/runs/")[0]
    status, headers, body = get(plain)
    assert status == 200
    assert token.encode() not in body
    assert "script-src 'self'" in headers["content-security-policy"]
    for name in ("page.js", "page.css", "page.svg", "flytenb.js"):
        assert get(f"{base}/static/{name}")[0] == 200, name
    for name in ("..%2fpage.py", "page.py", "page.html"):
        assert get(f"{base}/static/{name}")[0] == 404


def test_the_same_page_is_opened_again(home, address):
    assert flytenb(home, "open", "--no-browser").stdout.strip() == address.replace("/runs/first", "/")
    assert (home / "page.json").stat().st_mode & 0o77 == 0


def test_who_has_no_token_learns_nothing(address):
    base, token = address.split("/runs/")[0], address.partition("#")[2]
    url = f"{base}/api/v1/runs"
    own = {"authorization": f"Bearer {token}"}
    assert json.loads(get(url, **own)[2])[0]["name"] == "first"
    assert get(url)[0] == 403
    assert get(url, authorization="Bearer wrong")[0] == 403
    assert get(url, **own, host="evil.example")[0] == 403
    assert get(url, **own, origin="http://evil.example")[0] == 403
    assert get(base + "/", host="evil.example")[0] == 403
    refused = json.loads(get(url)[2])
    assert refused["message"] == "this page was opened without its token: run `flytenb open` again"


def test_what_is_too_much_or_no_address_is_refused(address):
    import httpx

    base, token = address.split("/runs/")[0], address.partition("#")[2]
    own = {"authorization": f"Bearer {token}"}
    path = f"{base}/api/v1/runs/first/abort"
    assert httpx.post(path, headers=own, content=b"x" * (9 << 20)).status_code == 413
    for name in ("größe", "a%20b%0d%0aX:%20y", "..%2f..%2fopenapi.json"):
        assert httpx.get(f"{base}/api/v1/runs/{name}", headers=own).status_code in (400, 404)
    assert httpx.get(f"{base}/api/v1/runs", headers=own).status_code == 200


def test_a_report_stands_in_a_frame_of_its_own(address):
    """Its scripts run in an origin that is nobody's; the page itself runs none but its files."""
    base, token = address.split("/runs/")[0], address.partition("#")[2]
    assert "script-src 'self';" in get(base + "/")[1]["content-security-policy"]
    status, headers, body = get(base + "/frame")
    assert status == 200
    assert headers["content-security-policy"].startswith("sandbox allow-scripts;")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert token.encode() not in body


def test_the_page_is_told_of_runs(address):
    place, token = address.split("/runs/")[0].replace("http", "ws"), address.partition("#")[2]

    async def talk(query, **more):
        async with connect(f"{place}/api/v1/ws{query}", **more) as socket:
            await socket.send('{"op": "hello", "protocol": 1}')
            await socket.send('{"op": "watch", "run": "first"}')
            told = [json.loads(await asyncio.wait_for(socket.recv(), 20)) for _ in range(3)]
        return {message["op"]: message for message in told}

    told = asyncio.run(talk(f"?token={token}"))
    assert told["snapshot"]["data"]["run"]["phase"] == "succeeded"
    for query, more in (("", {}), ("?token=wrong", {}), (f"?token={token}", {"origin": "http://evil.example"})):
        with pytest.raises(WebSocketException):
            asyncio.run(talk(query, **more))


def test_an_unknown_run_is_named(home):
    done = flytenb(home, "open", "absent", "--no-browser")
    assert done.returncode == 1
    assert "absent" in done.stderr


def test_the_process_ends_when_nobody_looks(tmp_path):
    code = "import asyncio, pathlib, sys; from flytenb.lab.page import serve; "
    code += "asyncio.run(serve(pathlib.Path(sys.argv[1]), idle_s=0.2))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=30, check=True, cwd=ROOT)
    assert not (tmp_path / "page.json").exists()
