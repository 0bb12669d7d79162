"""The HTTP API of a real engine: on its socket for its user, on loopback only with the token."""

from __future__ import annotations

import json
import socket
import stat
import urllib.error
import urllib.request

import httpx
import pytest

from tests.integration.conftest import Home, until

pytestmark = pytest.mark.engine

SCRIPT = """
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="http")

    @env.task
    def double(x: int) -> int:
        print("doubling", x)
        return 2 * x

    if __name__ == "__main__":
        run = flyte.run(double, x=21)
        run.wait()
        print(run.name)
"""


@pytest.fixture
def facts(home: Home) -> dict:
    home.run_name = home.python(str(home.script("double.py", SCRIPT))).stdout.strip()
    until(lambda: json.loads((home.path / "engine.json").read_text()).get("port"), "the HTTP API")
    return json.loads((home.path / "engine.json").read_text())


def test_over_the_socket(home: Home, facts: dict) -> None:
    mode = (home.path / "engine.sock").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    with httpx.Client(transport=httpx.HTTPTransport(uds=facts["http_socket"]), base_url="http://engine") as client:
        status = client.get("/api/v1/status").json()
        assert status["pid"] == facts["pid"]
        (run,) = client.get("/api/v1/runs").json()
        assert (run["name"], run["phase"], run["action_count"]) == (home.run_name, "succeeded", 1)
        snapshot = client.get(f"/api/v1/runs/{home.run_name}/snapshot").json()
        assert [action["name"] for action in snapshot["actions"]] == ["a0"]
        assert "doubling 21" in "".join(
            line["text"] for line in client.get(f"/api/v1/runs/{home.run_name}/logs").json()
        )
        with client.stream("GET", f"/api/v1/runs/{home.run_name}/events") as stream:
            lines = [line for line in stream.iter_lines() if line]
        assert lines[0].startswith("data: {")
        assert lines[-2] == "event: ended"
        missing = client.get("/api/v1/runs/nosuch")
        assert (missing.status_code, missing.json()["code"]) == (404, "RunNotFound")
        assert "nosuch" in missing.json()["message"]
        wrong = client.get("/api/v1/runs?lmit=3")
        assert wrong.status_code == 400
        assert "lmit" in wrong.json()["message"]


def _status(port: int, **headers: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/status", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_over_loopback(home: Home, facts: dict) -> None:
    port, token = facts["port"], (home.path / "token").read_text().strip()
    right = {"Authorization": f"Bearer {token}"}
    assert _status(port, **right) == 200
    assert _status(port) == 403
    assert _status(port, Authorization="Bearer wrong") == 403
    assert _status(port, **right, Origin="http://evil.example") == 403
    assert _status(port, **right, Host="evil.example") == 403


CACHED = """
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="cached")

    @env.task(cache="auto")
    def one(x: int) -> int:
        return x + 1

    @env.task
    def plain(x: int) -> int:
        return x

    @env.task
    async def both(x: int) -> int:
        return await one.aio(x) + await plain.aio(x)

    if __name__ == "__main__":
        for x in (1, 1, 2):
            run = flyte.run(both, x=x)
            run.wait()
            print(run.name)
"""


def test_why_and_plan_for_web_pages(home: Home) -> None:
    first, second, third = home.python(str(home.script("cached.py", CACHED))).stdout.split()
    until(lambda: json.loads((home.path / "engine.json").read_text()).get("port"), "the HTTP API")
    facts = json.loads((home.path / "engine.json").read_text())
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=facts["http_socket"]), base_url="http://engine/api/v1/runs/", timeout=60
    ) as client:
        hit = client.get(f"{second}/actions/a1/why").json()
        assert (hit["verdict"], hit["nearest"]) == ("hit", f"{first}/a1")
        miss = client.get(f"{third}/actions/a1/why").json()
        assert miss["differences"][0]["words"] == "input x was 1, is 2"
        whole = client.get(f"{third}/why").json()
        assert [task["task"] for task in whole["tasks"]] == ["cached.both", "cached.one", "cached.plain"]
        rows = client.get(f"{third}/plan").json()["rows"]
        assert [(row["task"], row["hit_count"], row["run_count"], row["why"]) for row in rows] == [
            ("cached.both", 0, 1, "a rerun always runs what it begins with"),
            ("cached.one", 1, 0, ""),
            ("cached.plain", 0, 1, "its cache is off"),
        ]
        one = client.get(f"{third}/actions/a1/plan").json()
        assert (one["task"], one["run_count"]) == ("cached.one", 1)
        for path, code in ((f"{third}/actions/a9/why", "ActionNotFound"), ("nosuch/plan", "RunNotFound")):
            missing = client.get(path)
            assert (missing.status_code, missing.json()["code"]) == (404, code), missing.text


def test_strangers_cannot_take_all_connections(home: Home, facts: dict) -> None:
    """Anybody of the machine can connect to loopback: more than a hundred connections are closed at once."""
    links = [socket.create_connection(("127.0.0.1", facts["port"]), timeout=10) for _ in range(140)]
    closed = 0
    for link in links:
        link.setblocking(False)
    until(lambda: sum(_is_closed(link) for link in links) >= 40, "the surplus to be closed")
    closed = sum(_is_closed(link) for link in links)
    assert closed == 40
    with httpx.Client(transport=httpx.HTTPTransport(uds=facts["http_socket"]), base_url="http://engine") as client:
        assert client.get("/api/v1/status").json()["pid"] == facts["pid"]
    for link in links:
        link.close()
    token = (home.path / "token").read_text().strip()
    until(lambda: _status(facts["port"], Authorization=f"Bearer {token}") == 200, "room on loopback")


def _is_closed(link: socket.socket) -> bool:
    try:
        return link.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Host": "flytenb.evil.example"}, "the Host header is not this machine"),
        ({"Host": "127.0.0.1.evil.example"}, "the Host header is not this machine"),
        ({"Origin": "null"}, "requests from other origins are refused"),
        ({"Origin": "http://127.0.0.1:1"}, "requests from other origins are refused"),
        ({"Origin": "http://localhost"}, "requests from other origins are refused"),
        ({"Authorization": ""}, "show the token of this FLYTENB_HOME"),
        ({"Authorization": "", "Cookie": "token={token}"}, "show the token of this FLYTENB_HOME"),
        ({"Authorization": "Basic {token}"}, "show the token of this FLYTENB_HOME"),
        ({"Authorization": "Bearer {token}x"}, "show the token of this FLYTENB_HOME"),
        ({"Authorization": "Bearer Größe"}, "show the token of this FLYTENB_HOME"),
    ],
)
def test_web_pages_and_strangers_are_refused(home: Home, facts: dict, headers: dict, words: str) -> None:
    """A page of another site, a name that was pointed here (DNS rebinding), a token where it may be seen."""
    token = (home.path / "token").read_text().strip()
    base = f"http://127.0.0.1:{facts['port']}"
    given = {"Authorization": f"Bearer {token}"} | {k: v.format(token=token) for k, v in headers.items()}
    for method, path in (("GET", "/api/v1/runs"), ("POST", "/api/v1/cache/prune"), ("GET", "/openapi.json")):
        answer = httpx.request(method, f"{base}{path}", headers={k: v.encode() for k, v in given.items()})
        assert answer.status_code == 403
        assert words in answer.json()["message"]
        assert token not in answer.text
        assert "access-control-allow-origin" not in answer.headers
    in_address = httpx.get(f"{base}/api/v1/runs?token={token}")
    assert in_address.status_code == 403
    assert token not in in_address.text
    assert token not in home.engine_log()


def test_what_is_too_much_is_refused(home: Home, facts: dict) -> None:
    token = (home.path / "token").read_text().strip()
    base, headers = f"http://127.0.0.1:{facts['port']}", {"Authorization": f"Bearer {token}"}
    path = f"{base}/api/v1/runs/{home.run_name}"
    with httpx.Client(headers=headers) as client:
        answer = client.post(f"{path}/conditions/x/signal", content=b"[" * (9 << 20))
        assert answer.status_code in (400, 404, 405)
        deep = client.post(f"{path}/conditions/x/signal", content=b'{"value":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
        assert deep.status_code in (400, 404, 405)
        for query in (
            "limit=99999999999999999999",
            "older_s=nan",
            "older_s=-1",
            "attempt=1e300",
            "limit=9223372036854775808",
        ):
            assert client.get(f"{path}/logs?{query}").status_code == 400, query
        assert client.get(f"{path}/logs", headers={"X": "y" * 100_000}).status_code == 400
        assert client.get(f"{base}/api/v1/status").status_code == 200
