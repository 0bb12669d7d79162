"""What a wrong or hostile process says over a socket of the engine: it is refused, and nobody else suffers."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest

from flytenb.model import Launch, TaskDeclaration
from flytenb.model.declaration import encode_declaration
from flytenb.model.version import VERSION
from flytenb.wire import FrameDecoder, encode_frame, tags
from tests.integration.conftest import Home

pytestmark = pytest.mark.engine

LAUNCH = Launch(python="/usr/bin/python3", cwd="/")
TASK = TaskDeclaration(name="a.b", short_name="b", environment="a", launch=LAUNCH, program="0" * 64, entry="b")
DIGEST, BODY = encode_declaration(TASK)


class Raw:
    """A connection that says what it likes."""

    def __init__(self, home: Home, token: str | None = None, role: str = "client", ident: str = "raw") -> None:
        path = json.loads((home.path / "engine.json").read_text())["socket"]
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self._decoder = FrameDecoder()
        if token is not None:
            self.say((tags.HELLO, tags.PROTOCOL, VERSION, role, ident, os.getpid(), token))

    def say(self, *messages: Any) -> None:
        self.socket.sendall(encode_frame(messages))

    def answers(self, until: int = 0) -> list[list[Any]]:
        """Everything until the engine closes, or a message with this tag has come."""
        found: list[list[Any]] = []
        while until not in [each[0] for each in found]:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                break
            found += self._decoder.messages(data)
        return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    made = Home(tmp_path_factory.mktemp("links") / "home")
    made.cli("engine", "start")
    yield made
    made.cli("engine", "stop", "--force")
    assert "Traceback" not in made.engine_log()


@pytest.fixture
def engine(home: Home) -> Iterator[Home]:
    """An engine that is the same one, and answers, when the test has done its worst."""
    yield home
    raw = Raw(home, (home.path / "token").read_text().strip())
    raw.say((tags.QUERY, 1, "status", b""))
    (status,) = [each[3] for each in raw.answers(tags.REPLY) if each[0] == tags.REPLY]
    assert msgpack.unpackb(status)["pid"] == home.engine_pid()
    raw.socket.close()


def refused(home: Home, *messages: Any, token: str | None = None, **hello: str) -> str:
    token = (home.path / "token").read_text().strip() if token is None else token
    raw = Raw(home, token, **hello)
    if messages:
        raw.say(*messages)
    found = [each for each in raw.answers() if each[0] == tags.REFUSE]
    assert len(found) == 1
    return str(found[0][1])


@pytest.mark.parametrize(
    ("hello", "words"),
    [
        ({"token": ""}, "the token is wrong"),
        ({"token": "x" * 43}, "the token is wrong"),
        ({"role": "root"}, "there is no role 'root'"),
        ({"role": "local", "ident": "../../work"}, "nobody can be called '../../work'"),
        ({"role": "local", "ident": ""}, "nobody can be called"),
        ({"role": "worker", "ident": "w99"}, "the token is wrong"),
    ],
)
def test_strangers(engine: Home, hello: dict[str, str], words: str) -> None:
    (engine.path.parent / "work").mkdir(exist_ok=True)
    assert words in refused(engine, **hello)
    assert (engine.path.parent / "work").is_dir()


def _run(**changed: Any) -> tuple[Any, ...]:
    fields = {"digest": DIGEST, "name": "r", "mode": 0, "options": msgpack.packb({}), **changed}
    return (tags.RUN, 1, fields["name"], fields["digest"], b"k", b"", b"", fields["mode"], fields["options"], [])


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([(tags.HELLO, tags.PROTOCOL, VERSION, "client", "x", 1, "")], "hello was said before"),
        ([(tags.DECLARE, b"0" * 16, BODY)], "digest is not that of its body"),
        ([(tags.DECLARE, *encode_declaration(TASK)[:1], b"\xc0")], "digest is not that of its body"),
        ([_run()], "a task was called that was not declared"),
        ([(tags.DECLARE, DIGEST, BODY), _run(name="../x")], "a run cannot be named '../x'"),
        ([(tags.DECLARE, DIGEST, BODY), _run(options=b"\xc1")], "the options of run 'r' cannot be read"),
        ([(tags.DECLARE, DIGEST, BODY), _run(options=b"\x91" * 5000 + b"\xc0")], "the options of run 'r' cannot be"),
        ([(tags.DECLARE, DIGEST, BODY), _run(mode=9)], "there is no cache mode 9"),
        ([(tags.FINISHED, 1, 1, False, b"\xc1", 0.0)], "a failure cannot be read"),
        ([(tags.LOG, 1, 1, "x" * 99, 0.0, "")], "there is no stream"),
        ([(tags.REPORT, 1, 1, "../" * 20)], "a report is named by the digest"),
        ([(tags.LOG, 1 << 63, 1, "log", 0.0, "")], "is not of this protocol"),
        ([(tags.FINISHED, 1, 1, True, b"", float("nan"))], "is not of this protocol"),
        ([(tags.SUBMIT, -1, 0, b"", b"", 0, b"", b"", 0, "")], "is not of this protocol"),
        ([(99,)], "is not of this protocol"),
        ([()], "is not of this protocol"),
    ],
)
def test_wrong_messages_of_somebody_with_the_token(engine: Home, messages: list[Any], words: str) -> None:
    assert words in refused(engine, *messages)


def test_declarations_that_no_scheduler_can_take(engine: Home) -> None:
    from msgspec.structs import replace

    from flytenb.model import ResourceRequest

    for wrong in (
        replace(TASK, timeout_s=float("nan")),
        replace(TASK, retries=1, backoff_base_s=-1.0),
        replace(TASK, resources=ResourceRequest(cpu=float("inf"))),
        replace(TASK, resources=ResourceRequest(memory_bytes=-5)),
    ):
        assert "cannot be" in refused(engine, (tags.DECLARE, *encode_declaration(wrong)))


def test_others_actions_are_not_spoken_of(engine: Home) -> None:
    """Words about actions that a link does not have leave no trace."""
    raw = Raw(engine, (engine.path / "token").read_text().strip())
    raw.say(
        (tags.LOG, 1 << 32, 1, "stdout", 1.0, "I am not yours\n"),
        (tags.TRACE, 1 << 32, 1, b"k", 1, "n", 1.0, 1.0, True, b"", b""),
        (tags.REPORT, 1 << 32, 1, "0" * 64),
        (tags.FINISHED, 1 << 32, 1, True, b"", 0.0),
        (tags.FORGET, 1 << 32, 1),
        (tags.RETURNED, [1 << 32]),
        (tags.STARTED, 1 << 32, 1, 0.0),
        (tags.QUERY, 1, "status", b""),
    )
    assert [each[0] for each in raw.answers(tags.REPLY)] == [tags.WELCOME, tags.REPLY]
    for table in ("log", "trace", "report"):
        assert engine.rows(f"SELECT count(*) FROM {table}") == [(0,)]


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<I", (64 << 10) + 1) + b"x",
        struct.pack("<I", 0xFFFFFFFF),
        encode_frame([]),
        b"\x04\0\0\0\xc1\xc1\xc1\xc1",
        struct.pack("<I", 60_000) + b"\x91" * 60_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 10,
    ],
    ids=["too long", "4 GB", "nothing said", "no msgpack", "deep", "http"],
)
def test_bytes_of_who_has_not_said_hello(engine: Home, data: bytes) -> None:
    raw = Raw(engine)
    raw.socket.sendall(data)
    assert [each[0] for each in raw.answers()] == [tags.REFUSE]


def test_half_a_frame_waits_without_harm(engine: Home) -> None:
    raws = [Raw(engine) for _ in range(50)]
    for raw in raws:
        raw.socket.sendall(struct.pack("<I", 60_000) + b"\x91" * 1000)
    for raw in raws:
        raw.socket.close()
