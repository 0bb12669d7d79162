"""An object store at the other side of a door: what is asked, what is given, and what is not believed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flytenb.codec.objects import CorruptedObjectError, MissingObjectError, ObjectStore
from flytenb.executors.docker import exchange
from flytenb.wire import streams
from flytenb.worker.distant import DistantObjects


class Connection:
    """One that a container has made."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def read(self, most: int) -> bytes:
        return self._sock.recv(most)

    def write(self, data: bytes) -> None:
        self._sock.sendall(data)


class Door:
    """Answers for a home, at a socket."""

    def __init__(self, path: Path, home: Path) -> None:
        self.asked: list[bytes] = []
        self._home = home
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._server.accept()
                with sock:
                    self.asked.append(sock.recv(1, socket.MSG_PEEK))
                    with contextlib.suppress(ConnectionError):
                        exchange.answer(Connection(sock), self._home)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def door(tmp_path: Path, home: Path) -> Iterator[Door]:
    made = Door(tmp_path / "door", home)
    yield made
    made.close()


@pytest.fixture
def distant(tmp_path: Path, door: Door) -> DistantObjects:
    return DistantObjects(tmp_path / "copies", str(tmp_path / "door"))


def test_what_is_put_is_at_home_and_what_is_at_home_is_got(home: Path, distant: DistantObjects, door: Door) -> None:
    own = ObjectStore(home / "objects")
    large = os.urandom(3 << 20)
    for content in (b"small", large, b""):
        digest = distant.put(content)
        assert own.get(digest) == content
    digest = own.put(b"made at home")
    assert distant.get(digest) == b"made at home"
    assert distant.size(digest) == 12
    assert Path(distant.checked(digest)).read_bytes() == b"made at home"
    door.asked.clear()
    assert distant.put(large) == hashlib.sha256(large).hexdigest()
    assert distant.get(digest) == b"made at home"
    assert door.asked == [], "what passed by is known for a while"
    assert (home / "objects" / digest[:2] / digest).stat().st_mode & 0o777 == 0o444
    assert list((home / "objects" / "tmp").iterdir()) == []


def test_files_go_both_ways(home: Path, distant: DistantObjects, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"lines\n" * 1000)
    digest = distant.put_file(tmp_path / "file")
    assert ObjectStore(home / "objects").get(digest) == b"lines\n" * 1000


def test_another_worker_copies_nothing_that_is_at_home(home: Path, distant: DistantObjects, door: Door) -> None:
    digest = ObjectStore(home / "objects").put(b"known")
    assert distant.put(b"known") == digest
    assert door.asked == [streams.HAS]
    assert not Path(distant.path(digest)).exists()


def test_what_is_nowhere_is_told(distant: DistantObjects) -> None:
    with pytest.raises(MissingObjectError, match="it was removed or belongs to another FLYTENB_HOME"):
        distant.get("0" * 64)


def test_what_is_not_what_its_name_says_is_not_kept(home: Path, distant: DistantObjects) -> None:
    digest = ObjectStore(home / "objects").put(b"right")
    place = home / "objects" / digest[:2] / digest
    place.chmod(0o644)
    place.write_bytes(b"wrong")
    with pytest.raises(CorruptedObjectError):
        distant.get(digest)
    assert not Path(distant.path(digest)).exists()


@pytest.mark.parametrize("name", [b"../" * 21 + b"x", b"A" * 64])
def test_what_is_no_digest_is_not_answered(home: Path, door: Door, tmp_path: Path, name: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(tmp_path / "door"))
        sock.sendall(streams.PUT + name)
        assert sock.recv(1) == b""


def test_content_under_another_name_is_refused(home: Path, door: Door, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(tmp_path / "door"))
        sock.sendall(streams.PUT + b"0" * 64)
        assert sock.recv(1) == streams.YES
        sock.sendall(streams.LENGTH.pack(4) + b"evil")
        assert sock.recv(200).startswith(streams.FAILED + b"what came has another digest")
    assert not (home / "objects" / "00" / ("0" * 64)).exists()


def test_a_home_that_cannot_be_written_is_told_in_words(home: Path, distant: DistantObjects) -> None:
    home.write_bytes(b"not a folder")
    with pytest.raises(OSError, match="the engine's object store cannot be used"):
        distant.put(b"anything")


def test_frames_in_any_pieces() -> None:
    sent = [(streams.OPEN, 1, b"engine"), (streams.DATA, 1, b"x" * 70_000), (streams.CLOSE, 1, b"")]
    data = b"".join(streams.frame(*one) for one in sent)
    for step in (1, 7, 4096, len(data)):
        reader = streams.FrameReader()
        assert [one for at in range(0, len(data), step) for one in reader.frames(data[at : at + step])] == sent
    with pytest.raises(streams.StreamError):
        list(streams.FrameReader().frames(streams.HEADER.pack(1, 1, 1 << 40)))
