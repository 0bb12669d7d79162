"""A client of kernels that speaks the protocol and nothing else: what VS Code, Colab and consoles know of Jupyter."""

from __future__ import annotations

import json
import queue
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from tests.notebooks.ipykernels import OLD, old_python

ROOT = Path(__file__).resolve().parents[2]
RUN_MIME = "application/vnd.flytenb.run+json"
ENDED = ("succeeded", "failed", "aborted", "timed_out")


def own_spec(folder: Path, version: str) -> None:
    """Install `kernels/flytenb` below a folder of JUPYTER_PATH, for the ipykernel of that version ("": this one)."""
    spec = json.loads((ROOT / "kernels" / "flytenb" / "kernel.json").read_text())
    spec["argv"][0] = str(old_python()) if version else sys.executable
    place = folder / "kernels" / "flytenb"
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps(spec))


class Talk:
    """A kernel that somebody watches, and every message that it publishes."""

    def __init__(self, name: str = "python3") -> None:
        self.manager, self.client = start_new_kernel(kernel_name=name)
        #: (time, message).
        self.seen: list[tuple[float, dict[str, Any]]] = []

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    # ---- requests ---------------------------------------------------------------------------------------------------
    def send(self, code: str, cell: str = "", subshell: str = "") -> str:
        """Begin to execute a cell, as a front end does that names cells; the request's id."""
        content = {
            "code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True,
            "stop_on_error": True,
        }  # fmt: skip
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        if subshell:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def reply(self, request: str, seconds: float = 90) -> dict[str, Any]:
        """What a request is answered with."""
        while True:
            found = self.client.get_shell_msg(timeout=seconds)
            if found["parent_header"].get("msg_id") == request:
                return dict(found["content"])

    def subshell(self) -> str:
        """Begin a subshell; its id, "" where the kernel has none (ipykernel 6)."""
        message = self.client.session.msg("create_subshell_request", {})
        self.client.control_channel.send(message)
        while True:
            try:
                found = self.client.get_control_msg(timeout=5)
            except queue.Empty:
                return ""
            if found["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return str(found["content"].get("subshell_id", ""))

    def run(self, code: str, cell: str = "") -> list[dict[str, Any]]:
        """Execute a cell without an error; its messages."""
        request = self.send(code, cell)
        reply = self.reply(request)
        assert reply["status"] == "ok", reply
        self.listen(lambda: self.is_idle(request))
        return self.of(request)

    def printed(self, code: str) -> str:
        """What a cell prints."""
        return "".join(m["content"]["text"] for m in self.run(code) if m["msg_type"] == "stream").strip()

    def completed(self, line: str) -> tuple[str, list[str]]:
        """What is offered at the end of a line, and the word that it replaces."""
        reply = self.reply(self.client.complete(line, len(line)))
        return line[reply["cursor_start"] : reply["cursor_end"]], list(reply["matches"])

    def inspected(self, line: str, word: str) -> str:
        """What is told of a word in a line; "" for nothing."""
        reply = self.reply(self.client.inspect(line, line.index(word) + 1))
        return str(reply["data"]["text/plain"]) if reply["found"] else ""

    # ---- what it publishes ------------------------------------------------------------------------------------------
    def listen(self, until: Callable[[], object], seconds: float = 90) -> None:
        """Keep what is published until something holds."""
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, f"waited {seconds} s; the last messages: {self.seen[-3:]}"
            try:
                message = self.client.get_iopub_msg(timeout=0.2)
            except queue.Empty:
                continue
            self.seen.append((time.monotonic(), message))

    def of(self, request: str) -> list[dict[str, Any]]:
        """Messages of one request."""
        return [m for _, m in self.seen if m["parent_header"].get("msg_id") == request]

    def is_idle(self, request: str) -> bool:
        """Whether the kernel has done with a request."""
        return any(m["msg_type"] == "status" and m["content"]["execution_state"] == "idle" for m in self.of(request))

    def views(self) -> list[tuple[float, str, dict[str, Any]]]:
        """(time, display id, bundle) of what shows runs."""
        return [
            (at, m["content"]["transient"]["display_id"], m["content"]["data"])
            for at, m in self.seen
            if m["msg_type"] in ("display_data", "update_display_data") and RUN_MIME in m["content"]["data"]
        ]

    def last(self) -> dict[str, dict[str, Any]]:
        """Display id → what its output holds."""
        return {name: data for _, name, data in self.views()}

    def ended(self, count: int) -> bool:
        """Whether so many views show the end of their run."""
        return sum(data[RUN_MIME]["phase"] in ENDED for data in self.last().values()) >= count


def most_in(times: list[float], seconds: float) -> int:
    """The most that fell into any stretch of so many seconds."""
    return max((sum(1 for t in times if start <= t < start + seconds) for start in times), default=0)


def until(claim: Callable[[], object], what: str, seconds: float = 90) -> None:
    """Wait for another process's state, which gives no event."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def begun(name: str, version: str, folder: Path, monkeypatch: pytest.MonkeyPatch, old: Callable[[], Path]) -> Talk:
    """A kernel of that spec ("python3" or ours, "flytenb") with that ipykernel ("": the one of this environment)."""
    if name == "flytenb":
        own_spec(folder / "jupyter", version)
        monkeypatch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
    elif version:
        monkeypatch.setenv("JUPYTER_PATH", str(old()))
    return Talk(name)


#: Each spec and each ipykernel once; other tests have the plain spec with both.
PAIRS = [("python3", OLD), ("flytenb", "")]


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]}, ipykernel {pair[1] or 7}")
def kernel(
    home: Path, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Talk]:
    """A kernel of one of the pairs; tasks that wait for `go` in the test's folder are let go at the end."""
    made = begun(*request.param, tmp_path, monkeypatch, lambda: request.getfixturevalue("old_kernels"))
    yield made
    (tmp_path / "go").touch()
    made.close()
