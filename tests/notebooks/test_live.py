"""A kernel with somebody watching: a cell returns at once, its view is redrawn, an interrupt gets through."""

import re
import time

import pytest
from jupyter_client.manager import start_new_kernel

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.usefixtures("ipykernel")]

SETUP = """%load_ext flytenb
import asyncio, os
import flytenb as flyte
env = flyte.TaskEnvironment(name='live')

@env.task
async def slow(x: int, gate: str) -> int:
    while not os.path.exists(gate):
        await asyncio.sleep(0.05)
    return x * 2
"""


@pytest.fixture
def kernel(home, ipykernel):
    manager, client = start_new_kernel(kernel_name="python3")
    run(client, SETUP)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def reply_to(client, message):
    """The reply to a request; a slow start leaves others in the channel."""
    while True:
        found = client.get_shell_msg(timeout=90)
        if found["parent_header"].get("msg_id") == message:
            return found["content"]


def run(client, code):
    """Execute; returns (reply, messages of the cell)."""
    message = client.execute(code, allow_stdin=True)
    reply = reply_to(client, message)
    seen = []
    while True:
        found = client.get_iopub_msg(timeout=90)
        if found["parent_header"].get("msg_id") != message:
            continue
        if found["msg_type"] == "status" and found["content"]["execution_state"] == "idle":
            return reply, seen
        seen.append(found)


def updates(client, display_id, until, seconds=90):
    """Updates of an output that come by themselves, until they are enough."""
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end and not until(found):
        try:
            message = client.get_iopub_msg(timeout=0.2)
        except Exception:
            continue
        content = message["content"]
        if message["msg_type"] == "update_display_data" and content["transient"]["display_id"] == display_id:
            found.append(content["data"]["text/plain"])
    return found


def is_over(drawn):
    return bool(drawn) and "Succeeded" in drawn[-1].split("\n")[0]


def clocks(drawn):
    return {found[1] for text in drawn if (found := re.search(r"\b(\d+:\d\d)\b", text))}


def test_a_cell_returns_at_once_and_its_view_follows_the_run(kernel, tmp_path):
    _, client = kernel
    gate = tmp_path / "gate"
    reply, seen = run(client, f"run = flyte.run(slow, x=1, gate={str(gate)!r})")
    assert reply["status"] == "ok", "while the run goes on"
    shown = [m["content"] for m in seen if m["msg_type"] == "display_data"]
    assert len(shown) == 1
    assert shown[0]["data"]["text/plain"].count("\n") == 0  # one line at first
    gate.touch()
    drawn = updates(client, shown[0]["transient"]["display_id"], is_over)
    assert drawn[-1].startswith("✔ slow")


def test_the_clock_of_a_quiet_run_goes_on_and_stands_still_after_its_end(kernel, tmp_path):
    _, client = kernel
    gate = tmp_path / "gate"
    _, seen = run(client, f"run = flyte.run(slow, x=1, gate={str(gate)!r})")
    (shown,) = [m["content"] for m in seen if m["msg_type"] == "display_data"]
    name = shown["transient"]["display_id"]
    drawn = updates(client, name, lambda found: len(clocks(found)) >= 3)
    assert len(clocks(drawn)) >= 3, drawn
    gate.touch()
    drawn = updates(client, name, is_over)
    assert drawn[-1].startswith("✔ slow")
    assert updates(client, name, lambda found: False, seconds=2.5) == []


def test_the_same_cell_shows_a_run_once_and_another_cell_a_line(kernel, tmp_path):
    _, client = kernel
    gate = tmp_path / "gate"
    _, seen = run(client, f"run = flyte.run(slow, x=2, gate={str(gate)!r})\nrun")
    assert [m["msg_type"] for m in seen if m["msg_type"] in ("display_data", "execute_result")] == ["display_data"]
    _, seen = run(client, "run")
    again = [m["content"]["data"] for m in seen if m["msg_type"] == "display_data"]
    assert len(again) == 1
    assert again[0]["application/vnd.flytenb.run+json"]["form"] == "line"
    gate.touch()


def test_an_interrupt_gets_through_an_await(kernel, tmp_path):
    manager, client = kernel
    gate, waits = tmp_path / "gate", tmp_path / "waits"
    run(client, f"run = flyte.run(slow, x=3, gate={str(gate)!r})")
    message = client.execute(f"open({str(waits)!r}, 'w').close(); await asyncio.sleep(6000)")
    while not waits.exists():
        time.sleep(0.05)
    manager.interrupt_kernel()
    assert reply_to(client, message)["status"] == "error"
    gate.touch()
    reply, seen = run(client, "print(run)")
    assert reply["status"] == "ok", reply
    assert "6" in "".join(m["content"].get("text", "") for m in seen if m["msg_type"] == "stream"), seen


def test_the_kernel_is_the_one_that_was_asked_for(kernel, ipykernel):
    _, client = kernel
    _, seen = run(client, "import ipykernel; print(ipykernel.__version__)")
    version = "".join(m["content"]["text"] for m in seen if m["msg_type"] == "stream").strip()
    assert version == ipykernel if ipykernel else version.startswith("7.")
