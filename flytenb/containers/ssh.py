"""Docker's API over ssh: the ssh program of this machine runs `docker system dial-stdio` on the other.

So keys, agents and what `~/.ssh/config` says of a host hold as in a shell. Docker's own client would need paramiko for
it and begin a connection per call.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import tempfile
from typing import IO, Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

#: Nobody is there to type a password; a connection that says nothing for 45 s is lost.
_OPTIONS = ("-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-o", "ServerAliveInterval=15")
_WORDS_BYTES = 2000
_NOISE = re.compile(r"^(Warning: Permanently added .*|Pseudo-terminal .*)$", re.MULTILINE)


def command_for(url: str) -> list[str]:
    """What is run for `ssh://[user@]host[:port][/path/of/docker.sock]`."""
    parts = urlsplit(url)
    who = ["-l", parts.username] if parts.username else []
    where = ["-p", str(parts.port)] if parts.port else []
    path = parts.path.rstrip("/")
    dial = f"docker --host unix://{path} system dial-stdio" if path else "docker system dial-stdio"
    return ["ssh", *_OPTIONS, *who, *where, "--", parts.hostname or "", dial]


class SshAdapter(HTTPAdapter):
    """Requests to an engine behind ssh.

    Args:
        url: `ssh://…`.
        most: connections that are kept.
    """

    def __init__(self, url: str, most: int) -> None:
        self._ssh = _Pool(command_for(url), most)
        super().__init__()

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        return self._ssh

    def get_connection(self, url: Any, proxies: Any = None) -> Any:
        return self._ssh

    def request_url(self, request: Any, proxies: Any) -> str:
        return str(request.path_url)

    def close(self) -> None:
        super().close()
        self._ssh.close()

    @property
    def last_words(self) -> str:
        """What the ssh program said last, "" for nothing."""
        return self._ssh.last_words()


class _Pool(HTTPConnectionPool):
    def __init__(self, command: list[str], most: int) -> None:
        super().__init__("localhost", maxsize=most)
        self._command = command
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the pool

    def _new_conn(self) -> Any:
        return _Connection(self._command, self._words)

    def last_words(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            size = self._words.seek(0, 2)
            self._words.seek(max(0, size - _WORDS_BYTES))
            lines = _NOISE.sub("", self._words.read().decode("utf-8", "replace")).split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""


class _Connection(HTTPConnection):
    """One ssh process; a pair of sockets is its input and output."""

    def __init__(self, command: list[str], words: IO[bytes]) -> None:
        super().__init__("localhost")
        self._command, self._words = command, words
        self._process: subprocess.Popen[bytes] | None = None

    def connect(self) -> None:
        near, distant = socket.socketpair()
        with distant:
            end = distant.fileno()
            self._process = subprocess.Popen(
                self._command, stdin=end, stdout=end, stderr=self._words, start_new_session=True
            )
        self.sock = near

    def close(self) -> None:
        super().close()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            self._process = None
