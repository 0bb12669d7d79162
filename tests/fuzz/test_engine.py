"""A real engine on its real sockets: whatever comes in, it goes on, answers, and tells no secret."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterator
from typing import Any

import msgpack
import psutil
import pytest

from flytenb.vault import Vault
from flytenb.wire import encode_frame, tags
from tests.fuzz.test_frames import DECLARATION, frames, message
from tests.fuzz.trying import again, data, mutated, randoms, value, word
from tests.integration.conftest import Home, until
from tests.integration.test_hostile_links import Raw

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]

NEEDLE = b"needle-in-the-haystack"
#: Queries that end the engine, build images or make Docker's day long.
_NOT_ASKED = {
    "stop",
    "build",
    "build_news",
    "containers",
    "container",
    "remove_containers",
    "rotate_token",
    "resources",
}
#: Addresses that a process of its own answers.
_SLOW = ("/why", "/plan", "/page", "/code")
QUERIES = [
    "runs", "run", "snapshot", "actions", "table", "placements", "io", "logs", "attempts", "report", "result",
    "history",
    "entries", "previous", "declared", "holders", "abort", "status", "pools", "builds", "build_logs", "cached",
    "cached_result", "pin", "prune_cached", "prune_runs", "nosuch",
]  # fmt: skip
FIELDS = [
    "run", "action", "attempt", "limit", "after", "before", "in_phase", "task_name", "io", "logs", "reason", "digest",
    "name", "older_s", "unused_s", "is_on", "is_dry", "build", "version", "seen", "since", "keys", "needle", "nosuch",
]  # fmt: skip
SCRIPT = """
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="fuzz", cache="auto")

    @env.task
    def double(x: int) -> int:
        print("doubling", x)
        return 2 * x

    if __name__ == "__main__":
        run = flyte.run(double, x=21)
        run.wait()
        print(run.name)
"""


class Watched:
    """An engine that must stay the same, keep its size and tell nothing."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.facts = json.loads((home.path / "engine.json").read_text())
        self.process = psutil.Process(self.facts["pid"])
        self.token = (home.path / "token").read_text().strip()
        self.before = self.process.memory_info().rss

    def check(self, what: str) -> None:
        """It lives, answers within seconds, and has not grown by more than 150 MB."""
        raw = Raw(self.home, self.token)
        raw.say((tags.QUERY, 1, "status", b""))
        answers = raw.answers(tags.REPLY)
        found = [each for each in answers if each[0] == tags.REPLY]
        assert found, f"{what}: {answers} {self.home.engine_log()[-2000:]}"
        assert msgpack.unpackb(found[0][3])["pid"] == self.facts["pid"], what
        raw.socket.close()
        grown = self.process.memory_info().rss - self.before
        assert grown < 150 << 20, f"{what}: the engine grew by {grown >> 20} MB"
        assert self.process.num_fds() < 300, what

    def look(self, answer: bytes, what: str) -> None:
        """No answer tells the token or a stored secret."""
        assert NEEDLE not in answer, what
        assert self.token.encode() not in answer, what


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    home = Home(tmp_path_factory.mktemp("fuzz") / "home")
    Vault(home.path).write("api-key", NEEDLE)
    home.env["FLYTENB_IDLE_EXIT_S"] = "100000"
    name = home.python(str(home.script("double.py", SCRIPT))).stdout.strip()
    until(lambda: json.loads((home.path / "engine.json").read_text()).get("port"), "the HTTP API")
    made = Watched(home)
    made.run = name  # type: ignore[attr-defined]
    yield made
    home.cli("engine", "stop", "--force")
    log = home.engine_log()
    assert NEEDLE.decode() not in log
    assert "Traceback" not in log, log[log.index("Traceback") - 200 :][:3000]


def _heard(raw: Raw, most: int = 1 << 20) -> bytes:
    """What is there to be read now."""
    raw.socket.settimeout(0.005)
    found = b""
    try:
        while len(found) < most and (piece := raw.socket.recv(1 << 16)):
            found += piece
    except (TimeoutError, OSError):
        pass
    return found


def _send(raw: Raw, sent: bytes) -> None:
    try:
        raw.socket.settimeout(5)
        raw.socket.sendall(sent)
    except OSError:  # it has closed
        pass


def test_links_of_strangers(engine: Watched) -> None:
    for index, rng in randoms("strangers"):
        raw = Raw(engine.home)
        _send(raw, frames(rng) if rng.random() < 0.8 else data(rng, 2000))
        if index % 10 == 0:
            engine.look(_heard(raw), again("strangers", index))
        raw.socket.close()
        if index % 100 == 0:
            engine.check(again("strangers", index))
    engine.check("strangers")


def _asked(rng: random.Random, run: str) -> bytes:
    fields: dict[str, Any] = {}
    for _ in range(rng.randrange(4)):
        fields[rng.choice(FIELDS)] = rng.choice([value(rng), word(rng), run, "a0", rng.randrange(-3, 5), True])
    if rng.random() < 0.5:
        fields["run"] = run
    try:
        body = msgpack.packb(fields)
    except (UnicodeEncodeError, OverflowError, ValueError):
        return data(rng)
    return mutated(rng, body) if rng.random() < 0.1 else body


def _said(rng: random.Random, run: str) -> bytes:
    """Frames of somebody who has the token."""
    messages: list[Any] = [(tags.DECLARE, *DECLARATION)] if rng.random() < 0.1 else []
    for _ in range(rng.randrange(1, 4)):
        if rng.random() < 0.6:
            messages.append((tags.QUERY, rng.randrange(9), rng.choice(QUERIES), _asked(rng, run)))
        elif rng.random() < 0.2:
            messages.append((tags.WATCH, 1, rng.choice([run, word(rng)]), rng.random() < 0.5))
        else:
            made = message(rng)
            if len(made) > 2 and made[0] == tags.QUERY and str(made[2]) in _NOT_ASKED:
                continue
            messages.append(made)
    try:
        sent = encode_frame(messages)
    except (UnicodeEncodeError, OverflowError, ValueError):
        return frames(rng)
    return mutated(rng, sent) if rng.random() < 0.1 else sent


def test_links_of_somebody_with_the_token(engine: Watched) -> None:
    raw: Raw | None = None
    for index, rng in randoms("links"):
        if raw is None or rng.random() < 0.05:
            if raw is not None:
                raw.socket.close()
            raw = Raw(engine.home, engine.token, role=rng.choice(["client", "client", "client", "local"]), ident="raw")
        _send(raw, _said(rng, engine.run))  # type: ignore[attr-defined]
        answer = _heard(raw) if index % 5 == 0 else b""
        engine.look(answer, again("links", index))
        try:
            raw.socket.sendall(b"")
            raw.socket.setblocking(False)
            is_over = raw.socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            is_over = False
        except OSError:
            is_over = True
        if is_over:
            raw.socket.close()
            raw = None
        if index % 100 == 0:
            engine.check(again("links", index))
    engine.check("links")


def _request(rng: random.Random, run: str, token: str) -> bytes:
    """Something like an HTTP request."""
    path = rng.choice([
        "/api/v1/status", "/api/v1/runs", f"/api/v1/runs/{run}", f"/api/v1/runs/{run}/snapshot", "/openapi.json",
        f"/api/v1/runs/{run}/actions/a0/io", f"/api/v1/runs/{run}/logs", "/api/v1/cache", "/api/v1/cache/prune", "/",
        f"/api/v1/runs/{word(rng)}", f"/api/v1/runs/{run}/actions/{word(rng)}/report", "/../../etc/passwd",
        "*", word(rng),
        "/api/v1/runs/%2e%2e%2f%2e%2e", f"/api/v1/runs/{run}/events", "/" + "a" * rng.choice([10, 70_000]),
    ])  # fmt: skip
    if rng.random() < 0.5:
        path += "?" + "&".join(f"{rng.choice(FIELDS)}={word(rng)}" for _ in range(rng.randrange(1, 5)))
    if rng.random() < 0.8:
        path = path.replace(" ", "%20").replace("\n", "%0A").replace("\r", "%0D").replace("\0", "%00")
    headers = [f"Host: {rng.choice(['127.0.0.1', 'localhost:1', 'evil.example', word(rng)])}"]
    if rng.random() < 0.7:
        scheme = rng.choice(["Bearer ", "bearer ", "Basic ", ""])
        headers.append(f"Authorization: {scheme}{rng.choice([token, word(rng)])}")
    others = [
        f"Origin: {word(rng)}", "Transfer-Encoding: chunked", "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: websocket",
        f"Content-Length: {rng.choice([0, 5, -1, 1 << 40, 'x'])}", "Expect: 100-continue", f"{word(rng)}: {word(rng)}",
        "X: " + "y" * rng.choice([10, 200_000]), "Cookie: token=" + token, f"Range: bytes={word(rng)}",
    ]  # fmt: skip
    headers += rng.choices(others, k=rng.randrange(3))
    method = rng.choice(["GET", "GET", "GET", "POST", "OPTIONS", "HEAD", "PUT", "TRACE", "CONNECT", "PRI", word(rng)])
    head = f"{method} {path} HTTP/{rng.choice(['1.1', '1.1', '1.0', '2', '9.9'])}\r\n" + "\r\n".join(headers)
    body = data(rng, 300) if rng.random() < 0.3 else b""
    sent = head.encode("utf-8", "surrogatepass") + rng.choice([b"\r\n\r\n", b"\r\n\r\n", b"\n\n", b"\r\n", b""]) + body
    return mutated(rng, sent) if rng.random() < 0.3 else sent * rng.choice([1, 1, 1, 3])


def test_http_as_bytes(engine: Watched) -> None:
    for index, rng in randoms("http bytes"):
        if rng.random() < 0.5:
            link = socket.socket(socket.AF_UNIX)
            link.connect(engine.facts["http_socket"])
        else:
            link = socket.create_connection(("127.0.0.1", engine.facts["port"]), timeout=5)
        link.settimeout(5)
        sent = _request(rng, engine.run, engine.token)  # type: ignore[attr-defined]
        try:
            link.sendall(sent)
            if index % 5 == 0:
                link.shutdown(socket.SHUT_WR)
                link.settimeout(0.02)
                answer = link.recv(1 << 16)
                engine.look(answer.replace(sent, b""), again("http bytes", index))
                assert not answer.startswith((b"HTTP/1.1 500", b"HTTP/1.0 500")), (again("http bytes", index), sent)
        except OSError:
            pass
        link.close()
        if index % 100 == 0:
            engine.check(again("http bytes", index))
    engine.check("http bytes")


def test_http_that_follows_its_description(engine: Watched) -> None:
    """Requests that the API's own description allows, and ones that it forbids: no 5xx, and answers as described."""
    schemathesis = pytest.importorskip("schemathesis")
    import httpx
    from hypothesis import HealthCheck, given, seed, settings

    from tests.fuzz.trying import COUNT, SEED

    headers = {"Authorization": f"Bearer {engine.token}"}
    base = f"http://127.0.0.1:{engine.facts['port']}"
    described = httpx.get(f"{base}/openapi.json", headers=headers).json()
    for path in ("/api/v1/containers", "/api/v1/containers/remove", "/api/v1/resources"):  # they ask Docker, GPUs
        described["paths"].pop(path, None)
    schema = schemathesis.openapi.from_dict(described)
    operations = [result.ok() for result in schema.get_all_operations()]
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    each = max(4, COUNT // (len(operations) * len(modes)))
    number = int(SEED) if SEED.isdigit() else int.from_bytes(SEED.encode(), "big")
    count = 0
    with httpx.Client(base_url=base, headers=headers, timeout=10) as client:
        for operation in operations:
            for mode in modes:

                @seed(number)
                # A process of its own answers the slow ones.
                @settings(
                    max_examples=5 if operation.path.endswith(_SLOW) else each,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                )
                @given(operation.as_strategy(generation_mode=mode))
                def ask(case: Any) -> None:
                    nonlocal count
                    count += 1
                    if "events" in case.path:  # a stream that goes on is read by other tests
                        case.path_parameters["run"] = "nosuch"
                    for name, there in (("run", engine.run), ("action", "a0")):  # type: ignore[attr-defined]
                        if name in (case.path_parameters or {}) and count % 2:
                            case.path_parameters[name] = there
                    answer = case.call(base_url=base, headers=headers, timeout=10)
                    assert answer.status_code < 500, (answer.status_code, case.as_curl_command(), answer.text[:500])
                    engine.look(answer.content, operation.path)

                ask()
                engine.check(f"{operation.method} {operation.path}, seed {SEED}")
        assert client.get("/api/v1/status").status_code == 200
    print(f"{count} requests")
