"""Forms and composed views in real kernels, driven as a front end drives them: by messages to their widgets."""

import time

import pytest
from jupyter_client.manager import start_new_kernel

from tests.notebooks.conftest import execute, texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.usefixtures("ipykernel")]

SETUP = """%load_ext flytenb
import asyncio
import enum
import flytenb as flyte
env = flyte.TaskEnvironment(name='forms')

class Mode(enum.Enum):
    FAST = 1
    EXACT = 2

@env.task
async def fit(n: int, rate: float = 0.5, mode: Mode = Mode.FAST) -> str:
    await asyncio.sleep(1)
    return f'{n} {rate} {mode.name}'

form = fit.form()
form
"""
LONG_S = 90


@pytest.fixture
def client(home, ipykernel):
    manager, made = start_new_kernel(kernel_name="python3")
    yield made
    made.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client, code):
    """Execute; returns (reply, messages of the cell)."""
    message = client.execute(code, allow_stdin=True)
    seen = []
    while True:
        found = client.get_iopub_msg(timeout=LONG_S)
        if found["parent_header"].get("msg_id") != message:
            continue
        if found["msg_type"] == "status" and found["content"]["execution_state"] == "idle":
            break
        seen.append(found)
    while (reply := client.get_shell_msg(timeout=LONG_S))["parent_header"].get("msg_id") != message:
        pass
    return reply["content"], seen


def printed(client, code):
    reply, seen = run(client, code)
    assert reply["status"] == "ok", reply
    return "".join(m["content"]["text"] for m in seen if m["msg_type"] == "stream").strip()


def to_widget(client, widget, data):
    """A message of a front end to a widget."""
    comm = printed(client, f"print({widget}.model_id)")
    client.shell_channel.send(client.session.msg("comm_msg", {"comm_id": comm, "data": data}))


def type_into(client, field, value):
    data = {"method": "update", "state": {"value": value}, "buffer_paths": []}
    to_widget(client, f"form.fields['{field}'].value_widget", data)


def press(client, button):
    to_widget(client, f"form.{button}", {"method": "custom", "content": {"event": "click"}})


def until(client, code, wanted):
    """Wait until an expression prints what is wanted."""
    end = time.monotonic() + LONG_S
    while (found := printed(client, f"print({code})")) != wanted:
        assert time.monotonic() < end, found
        time.sleep(0.2)


def test_a_form_is_filled_in_and_runs_the_task(client):
    reply, seen = run(client, SETUP)
    assert reply["status"] == "ok", reply
    shown = [m["content"]["data"] for m in seen if m["msg_type"] in ("execute_result", "display_data")][-1]
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert shown["text/plain"].startswith("Form of forms.fit")
    assert "needed" in shown["text/html"]

    press(client, "run_button")
    until(client, "'needed' in form.fields['n'].message.value, form.last_run", "True None")
    type_into(client, "n", "many")
    until(client, "'write a whole number' in form.fields['n'].message.value", "True")
    type_into(client, "n", "3")
    until(client, "form.fields['n'].message.value == ''", "True")
    to_widget(client, "form.fields['mode'].value_widget", {"method": "update", "state": {"index": 2}})
    until(client, "form.values()", "{'n': 3, 'mode': <Mode.EXACT: 2>}")

    press(client, "code_button")
    until(client, "form.written.children[0].value", "run = flyte.run(fit, n=3, mode=Mode.EXACT)")
    press(client, "run_button")
    until(client, "form.last_run is not None", "True")
    assert printed(client, "print(form.last_run.outputs()[0])") == "3 0.5 EXACT"
    until(client, "form.shown.children[0].is_final, 'Succeeded' in form.shown.children[0].value", "True True")


def test_the_call_is_written_into_the_next_cell(client):
    run(client, SETUP)
    reply, _ = run(client, "form.fill(n=4, rate=0.25)\ncode = form.write()")
    (written,) = [one for one in reply["payload"] if one["source"] == "set_next_input"]
    assert written["text"] == "run = flyte.run(fit, n=4, rate=0.25)"
    reply, _ = run(client, f"{written['text']}\nassert run.outputs()[0] == '4 0.25 FAST'")
    assert reply["status"] == "ok", reply


def test_a_composed_view_follows_its_run(client):
    run(client, SETUP)
    code = "import ipywidgets\nrun = flyte.run(fit, n=5)\nview = run.widget\nipywidgets.Tab([view], titles=['fit'])"
    reply, _ = run(client, code)
    assert reply["status"] == "ok", reply
    comm = printed(client, "print(view.model_id)")
    found, sent, end = [], [], time.monotonic() + LONG_S
    while not any("Succeeded" in one for one in found):
        assert time.monotonic() < end, found
        try:
            message = client.get_iopub_msg(timeout=1)
        except Exception:
            continue
        content = message["content"]
        if message["msg_type"] == "comm_msg" and content["comm_id"] == comm:
            found.append(content["data"].get("state", {}).get("value", ""))
            sent.append(message["header"]["date"])
    assert len(found) <= 3 + 4 * (sent[-1] - sent[0]).total_seconds()
    until(client, "view.is_final", "True")
    assert printed(client, "print(view)") == 'RunWidget("' + printed(client, "print(run.name)") + '")'
    assert printed(client, "print(view._repr_mimebundle_()['text/plain'].split(chr(10))[0][:5])") == "✔ fit"


def test_unattended_the_end_is_in_the_saved_state(home):
    notebook = execute(SETUP, "run = flyte.run(fit, n=6)\nview = run.widget\nview", "print(view.is_final)")
    states = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    values = [one["state"].get("value", "") for one in states.values() if one["model_name"] == "HTMLModel"]
    assert any("Succeeded" in str(value) for value in values), texts(notebook.cells[1])
    assert texts(notebook.cells[2])[0].strip() == "True"
