"""Connections that break at any byte while engine and workers live: both sides go on as if nothing had been."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from pathlib import Path

import pytest

from tests.integration.conftest import Home

pytestmark = pytest.mark.engine

TREE = """
    import asyncio, os, sys
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="cut", resources=flyte.Resources(cpu="250m"))

    @env.task
    async def leaf(i: int, folder: str) -> int:
        with open(f"{folder}/ran", "a") as f:
            f.write(f"{i}\\n")
        print("leaf", i)
        await asyncio.sleep(0.02)
        return i

    @env.task
    async def branch(start: int, folder: str) -> int:
        return sum(await asyncio.gather(*(leaf(i, folder) for i in range(start, start + 20))))

    @env.task
    async def tree(n: int, folder: str) -> int:
        total = 0
        for start in range(0, n, 60):
            total += sum(await asyncio.gather(*(branch(start + 20 * k, folder) for k in range(3))))
        return total

    if __name__ == "__main__":
        print(flyte.run(tree, n=int(sys.argv[1]), folder=sys.argv[2]).outputs()[0])
"""


class Proxy:
    """Stands where the engine's socket was, and cuts what passes after some thousand bytes, in the middle of frames."""

    def __init__(self, path: Path, seed: int) -> None:
        self.real = path.with_name("real.sock")
        path.rename(self.real)
        self.random = random.Random(seed)
        self.cuts = 0
        self.is_cutting = True
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(100)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            near, _ = self._listener.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self.real))
            left = [self.random.randrange(500, 12_000)]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, target, left), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, left: list[int]) -> None:
        try:
            while data := source.recv(4096):
                if self.is_cutting and left[0] < len(data):
                    target.sendall(data[: left[0]])
                    self.cuts += 1
                    break
                left[0] -= len(data)
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.mark.timeout(120)
def test_links_are_cut_in_the_middle_of_frames(home: Home) -> None:
    script = home.script("tree.py", TREE)
    home.cli("engine", "start")
    proxy = Proxy(home.path / "engine.sock", 5)
    process = home.popen(str(script), "600", str(home.path.parent))
    out, err = process.communicate(timeout=100)
    assert out.strip() == str(sum(range(600))), f"{err}\n{home.engine_log()}"
    assert proxy.cuts > 10
    ran = [int(line) for line in (home.path.parent / "ran").read_text().split()]
    assert sorted(ran) == list(range(600)), "nothing ran twice"
    assert home.rows("SELECT phase, count(*) FROM action GROUP BY 1") == [(5, 631)]
    texts = "".join(text for (text,) in home.rows("SELECT text FROM log ORDER BY id"))
    assert all(f"leaf {i}\n" in texts for i in range(600)), "no output is lost"
