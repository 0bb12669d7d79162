"""A kernel with somebody watching: a cell returns at once, its view is redrawn, an interrupt gets through."""

import re
import time

import pytest
from jupyter_client.manager import start_new_kernel

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.usefixtures("ipykernel")]

SETUP = """%load_ext flytenb
import asyncio
import flytenb as flyte
env = flyte.TaskEnvironment(name='live')

@env.task
async def slow(x: int) -> int:
    await asyncio.sleep(1.5)
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
        found = client.get_shell_msg(timeout=30)
        if found["parent_header"].get("msg_id") == message:
            return found["content"]


def run(client, code):
    """Execute; returns (seconds, reply, messages of the cell)."""
    start = time.monotonic()
    message = client.execute(code, allow_stdin=True)
    reply = reply_to(client, message)
    seconds = time.monotonic() - start
    seen = []
    while True:
        found = client.get_iopub_msg(timeout=30)
        if found["parent_header"].get("msg_id") != message:
            continue
        if found["msg_type"] == "status" and found["content"]["execution_state"] == "idle":
            return seconds, reply, seen
        seen.append(found)


def updates(client, display_id, seconds):
    """Updates of an output that come by themselves."""
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            message = client.get_iopub_msg(timeout=0.2)
        except Exception:
            continue
        content = message["content"]
        if message["msg_type"] == "update_display_data" and content["transient"]["display_id"] == display_id:
            found.append(content["data"]["text/plain"])
            if "Succeeded" in found[-1].split("\n")[0]:
                break
    return found


def test_a_cell_returns_at_once_and_its_view_follows_the_run(kernel):
    _, client = kernel
    seconds, reply, seen = run(client, "run = flyte.run(slow, x=1)")
    assert reply["status"] == "ok"
    assert seconds < 1.4
    shown = [m["content"] for m in seen if m["msg_type"] == "display_data"]
    assert len(shown) == 1
    assert shown[0]["data"]["text/plain"].count("\n") == 0  # one line at first
    drawn = updates(client, shown[0]["transient"]["display_id"], 10)
    assert drawn[-1].startswith("✔ slow")
    assert len(drawn) <= 8


def test_the_clock_of_a_quiet_run_goes_on_and_stands_still_after_its_end(kernel):
    _, client = kernel
    _, _, seen = run(client, "import time\n\n@env.task\ndef quiet(x: int) -> int:\n    time.sleep(3.4)\n    return x\n")
    _, _, seen = run(client, "run = flyte.run(quiet, x=1)")
    (shown,) = [m["content"] for m in seen if m["msg_type"] == "display_data"]
    drawn = updates(client, shown["transient"]["display_id"], 10)
    clocks = [re.search(r"\b0:0(\d)\b", text) for text in drawn]
    assert len({found[1] for found in clocks if found}) >= 3, drawn
    assert len(drawn) <= 10, drawn
    assert drawn[-1].startswith("✔ quiet")
    assert updates(client, shown["transient"]["display_id"], 2.5) == []


def test_the_same_cell_shows_a_run_once_and_another_cell_a_line(kernel):
    _, client = kernel
    _, _, seen = run(client, "run = flyte.run(slow, x=2)\nrun")
    assert [m["msg_type"] for m in seen if m["msg_type"] in ("display_data", "execute_result")] == ["display_data"]
    _, _, seen = run(client, "run")
    again = [m["content"]["data"] for m in seen if m["msg_type"] == "display_data"]
    assert len(again) == 1
    assert again[0]["application/vnd.flytenb.run+json"]["form"] == "line"


def test_an_interrupt_gets_through_an_await(kernel):
    manager, client = kernel
    run(client, "run = flyte.run(slow, x=3)")
    message = client.execute("await asyncio.sleep(20)")
    time.sleep(0.7)
    start = time.monotonic()
    manager.interrupt_kernel()
    reply = reply_to(client, message)
    assert reply["status"] == "error"
    assert time.monotonic() - start < 2
    _, reply, seen = run(client, "print(run)")
    assert reply["status"] == "ok", reply
    assert "6" in "".join(m["content"].get("text", "") for m in seen if m["msg_type"] == "stream"), seen


def test_the_kernel_is_the_one_that_was_asked_for(kernel, ipykernel):
    _, client = kernel
    _, _, seen = run(client, "import ipykernel; print(ipykernel.__version__)")
    version = "".join(m["content"]["text"] for m in seen if m["msg_type"] == "stream").strip()
    assert version == ipykernel if ipykernel else version.startswith("7.")
