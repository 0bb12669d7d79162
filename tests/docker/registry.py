"""A registry of one image, for pulls that a test can stop half way."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_PIECE_BYTES = 1 << 16


class Registry:
    """Serves `image`: some layers of noise, and a program `/init` that knows `--version`.

    Args:
        layers: how many layers of noise.
        size_bytes: of each.
    """

    def __init__(self, layers: int = 3, size_bytes: int = 3_000_000) -> None:
        self.blobs: dict[str, bytes] = {}
        #: Set = the layers are sent to their ends; until then half of each.
        self.gate = threading.Event()
        program = Path("/usr/bin/docker-init").read_bytes()
        tars = [_tar("init", program, 0o755), *(_tar(f"noise{n}", os.urandom(size_bytes)) for n in range(layers))]
        packed = [gzip.compress(one, 1, mtime=0) for one in tars]
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": [], "Cmd": ["/init", "--version"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(one) for one in tars]},
        }
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": self._blob(json.dumps(config).encode(), "application/vnd.docker.container.image.v1+json"),
                "layers": [self._blob(one, "application/vnd.docker.image.rootfs.diff.tar.gzip") for one in packed],
            }
        ).encode()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.image = f"127.0.0.1:{self._server.server_port}/site/noise:1"

    def _blob(self, data: bytes, kind: str) -> dict[str, object]:
        self.blobs[_digest(data)] = data
        return {"mediaType": kind, "size": len(data), "digest": _digest(data)}

    def close(self) -> None:
        """No more answers."""
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(registry: Registry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            last = self.path.rpartition("/")[2]
            if "/manifests/" in self.path:
                self._answer(registry.manifest, "application/vnd.docker.distribution.manifest.v2+json")
            elif last in registry.blobs:
                self._answer(registry.blobs[last], "application/octet-stream", is_slow=True)
            else:
                self._answer(b"{}", "application/json")

        do_HEAD = do_GET

        def _answer(self, data: bytes, kind: str, *, is_slow: bool = False) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Docker-Content-Digest", _digest(data))
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            self.end_headers()
            if self.command == "HEAD":
                return
            for at in range(0, len(data), _PIECE_BYTES):
                if is_slow and len(data) > 1_000_000:
                    # As over a slow line; the engine tells at most ten times a second how far it is.
                    registry.gate.wait(None if at > len(data) // 2 else 0.02)
                self.wfile.write(data[at : at + _PIECE_BYTES])

        def log_message(self, *words: object) -> None:
            """Nothing."""

    return Handler


def _tar(name: str, data: bytes, mode: int = 0o644) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(data), mode
        archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
