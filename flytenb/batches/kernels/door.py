"""A socket in a container's folder behind which the engine is: for clients in there, which see nothing else of it.

Containers are confined to a worker's part of the engine on purpose. The kernel of a batch is what its user would run on
this machine, and starts runs as there: the executing process, and nobody else, passes its connections on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
from pathlib import Path

from flytenb.client.start import find_or_start
from flytenb.errors import EngineError
from flytenb.private import home_key
from flytenb.wire import paths

_PIECE_BYTES = 1 << 16


class Door:
    """The home as a kernel in a container finds it.

    Args:
        folder: the home to make, by a path that is short enough for a socket.
        home: this machine's.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        self._folder, self._home = folder, home
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._is_open = True

    def open(self) -> None:
        """Make the home and listen."""
        self._folder.mkdir(mode=0o700)
        _private(self._folder / "key", home_key(self._home))
        _private(paths.token_path(self._folder), paths.token_path(self._home).read_bytes())
        for shared in ("objects", "bundles"):
            (self._home / shared).mkdir(mode=0o700, exist_ok=True)
            (self._folder / shared).symlink_to(self._home / shared)
        self._socket.bind(str(self._folder / "engine.sock"))
        self._socket.listen(16)
        threading.Thread(target=self._serve, name="flytenb-door", daemon=True).start()

    def close(self) -> None:
        """Nobody comes in any more; the home is gone."""
        self._is_open = False
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        while self._is_open:
            try:
                came, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(came,), name="flytenb-door-link", daemon=True).start()

    def _pass_on(self, came: socket.socket) -> None:
        there = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with contextlib.suppress(EngineError):
                find_or_start(self._home).close()  # the engine may have died: in there nobody can start one
                _private(paths.token_path(self._folder), paths.token_path(self._home).read_bytes())
            there.connect(str(paths.socket_path(self._home)))
        except OSError:
            came.close()
            there.close()
            return
        back = threading.Thread(target=_pump, args=(there, came), name="flytenb-door-back", daemon=True)
        back.start()
        _pump(came, there)
        back.join()
        came.close()
        there.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE_BYTES):
            target.sendall(piece)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
