"""What no engine of this shape can be cheaper than on this machine: one synced append, one round trip, one commit."""

from __future__ import annotations

import os
import socket
import sqlite3
import tempfile
from pathlib import Path

import msgpack
from timing import clock, latencies


def fsync_append(folder: Path, n: int = 100) -> dict[str, float]:
    """Milliseconds of appending 200 bytes to a file and syncing it."""
    took = []
    with open(folder / "append", "ab", buffering=0) as file:
        for _ in range(n):
            start = clock()
            file.write(b"x" * 200)
            os.fsync(file.fileno())
            took.append(clock() - start)
    return latencies(took)


def commit(folder: Path, n: int = 100) -> dict[str, float]:
    """Milliseconds of one row in one transaction, SQLite in WAL mode with full sync."""
    took = []
    store = sqlite3.connect(folder / "floor.db", isolation_level=None)
    try:
        store.execute("pragma journal_mode=wal")
        store.execute("pragma synchronous=full")
        store.execute("create table row (id integer primary key, value blob)")
        for i in range(n):
            start = clock()
            store.execute("insert into row values (?, ?)", (i, b"x" * 60))
            took.append(clock() - start)
    finally:
        store.close()
    return latencies(took)


def round_trip(n: int = 500) -> dict[str, float]:
    """Milliseconds of one small message to another process and back, over a Unix socket with msgpack."""
    near, far = socket.socketpair()
    child = os.fork()
    if child == 0:
        near.close()
        while True:
            data = far.recv(4096)
            if not data:
                os._exit(0)
            far.sendall(msgpack.packb(msgpack.unpackb(data)))
    far.close()
    took = []
    for i in range(n):
        start = clock()
        near.sendall(msgpack.packb((24, i, 0, 1, b"x" * 20)))
        msgpack.unpackb(near.recv(4096))
        took.append(clock() - start)
    near.close()
    os.waitpid(child, 0)
    return latencies(took)


def floors(folder: str | None = None) -> dict[str, dict[str, float]]:
    """All of them, in milliseconds; `folder` should be on the disk that holds the store."""
    with tempfile.TemporaryDirectory(prefix="bench-floor-", dir=folder) as name:
        path = Path(name)
        return {"fsync": fsync_append(path), "commit": commit(path), "round trip": round_trip()}


if __name__ == "__main__":
    for what, found in floors().items():
        print(f"{what:12} p50 {found['value']:.3f} ms   p95 {found['p95']:.3f} ms")
