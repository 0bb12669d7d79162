"""What a kernel sends while runs go on: the front end without our extension (VS Code, Colab) sees nothing else.

Jupyter servers drop what exceeds 1,000 messages or 1 MB of streams a second, so neither may come near.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from tests.notebooks.talking import most_in

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.usefixtures("ipykernel")]

SETUP = """
%load_ext flytenb
import asyncio, sys, time
import flytenb as flyte
env = flyte.TaskEnvironment("traffic", resources=flyte.Resources(cpu=0.1))

@env.task
async def tick(x: int) -> int:
    await asyncio.sleep(0.05)
    return x

@env.task
async def busy(seconds: float) -> int:
    end, n = time.time() + seconds, 0
    while time.time() < end:
        await asyncio.gather(*(tick(n + i) for i in range(5)))
        n += 5
    return n

@env.task
def loud(seconds: float) -> int:
    line, end, written = "x" * 100 + "\\n", time.time() + seconds, 0
    began = time.time()
    while time.time() < end:
        written += sys.stdout.write(line * 500)
        time.sleep(max(0, written / 5e6 - (time.time() - began)))
    print("the last line")
    return written
"""
RUN_MIME = "application/vnd.flytenb.run+json"


class Kernel:
    """A kernel that somebody watches, and everything that it publishes."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="python3")
        #: (when it was sent, however late it came; message).
        self.seen: list[tuple[float, dict[str, Any]]] = []
        self.run(SETUP)

    def run(self, code: str) -> None:
        request = self.client.execute(code, allow_stdin=True)
        while (reply := self.client.get_shell_msg(timeout=60))["parent_header"].get("msg_id") != request:
            pass
        assert reply["content"]["status"] == "ok", reply["content"]

    def listen(self, until: Any, seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, "waited too long"
            try:
                message = self.client.get_iopub_msg(timeout=0.2)
            except Exception:  # queue.Empty
                continue
            self.seen.append((message["header"]["date"].timestamp(), message))

    def views(self) -> list[tuple[float, str, dict[str, str]]]:
        """(time, display id, bundle) of what shows runs."""
        found = []
        for at, message in self.seen:
            content = message["content"]
            if message["msg_type"] in ("display_data", "update_display_data") and RUN_MIME in content["data"]:
                found.append((at, content["transient"]["display_id"], content["data"]))
        return found

    def ended(self, runs: int) -> bool:
        """Whether so many views show the end of their run."""
        last = {name: data[RUN_MIME]["phase"] for _, name, data in self.views()}
        return sum(phase in ("succeeded", "failed") for phase in last.values()) == runs

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(home: Any, ipykernel: str) -> Iterator[Kernel]:
    made = Kernel()
    yield made
    made.close()


def test_a_view_without_our_extension(kernel: Kernel) -> None:
    """One output; its bundle has the twin, the text and what the extension would draw; the end is the last word."""
    kernel.run("run = flyte.run(busy, seconds=3.0)")
    kernel.listen(lambda: kernel.ended(1))
    views = kernel.views()
    assert len({name for _, name, _ in views}) == 1
    assert most_in([at for at, _, _ in views[:-1]], 1.0) <= 5, "four a second; the ends of a stretch count twice"
    for _, _, data in views:
        assert set(data) == {"text/html", "text/plain", RUN_MIME}
        assert len(json.dumps(data[RUN_MIME])) <= 1_000
        assert "<script" not in data["text/html"]
    moving = [data["text/plain"].split("\n")[0] for _, _, data in views]
    assert len(set(moving)) >= 4, moving
    assert moving[-1].startswith("✔ busy")
    kernel.seen.clear()
    with pytest.raises(AssertionError):
        kernel.listen(lambda: kernel.views(), seconds=1.5)


def size_of(messages: list[dict[str, Any]]) -> int:
    """Bytes, as they are sent."""
    return sum(len(json.dumps(message["content"], ensure_ascii=False).encode()) for message in messages)


def test_a_task_that_writes_5_mb_a_second(kernel: Kernel) -> None:
    began = time.monotonic()
    kernel.run("run = flyte.run(loud, seconds=2.5)")
    kernel.listen(lambda: kernel.ended(1))
    took = time.monotonic() - began
    size = size_of([m for _, m in kernel.seen])
    print(f"{len(kernel.seen)} messages, {size / took / 1000:.0f} kB/s over {took:.1f} s")
    assert size / took <= 100_000
    assert len(kernel.seen) / took <= 10
    streams = [m for _, m in kernel.seen if m["msg_type"] == "stream"]
    assert not streams, "what tasks write is data of the run, never the kernel's output"
    shown = kernel.views()[-1][2]["text/html"]
    assert "the last line" in shown


def test_twenty_runs_at_once(kernel: Kernel) -> None:
    began = time.time()
    kernel.run("runs = [flyte.run(busy, seconds=6.0) for _ in range(20)]")
    kernel.listen(lambda: kernel.ended(20))
    updates = [(at, m) for at, m in kernel.seen if m["msg_type"] == "update_display_data"]
    times = [at for at, _ in updates]
    live = [m for _, m in updates if m["content"]["data"][RUN_MIME]["phase"] == "running"]
    took = times[-1] - began
    print(f"{len(updates)} updates, {size_of([m for _, m in updates]) / took / 1000:.0f} kB/s over {took:.1f} s")
    assert most_in(times, 1.0) <= 11, "ten a second; the ends of a stretch count twice"
    assert size_of(live) / took <= 100_000
    assert len({m["content"]["transient"]["display_id"] for m in live}) == 20, "every view moves"
