"""What people and programs put into runs, in JupyterLab and Notebook 7: text, never executed, never too much."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.browser.conftest import TASKS, Open
from tests.browser.lab import Page

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

EVIL = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>\\u202e\\u2067\\U0001f600 \\x00\\x1b[2J"
HOSTILE = f'''
EVIL = "{EVIL}"

@env.task(report=True)
async def hostile(text: str) -> str:
    print(EVIL)
    print("<b>" + "y" * 10_000_000)
    await flyte.report.replace.aio("<h2>Report</h2><script>parent.hacked = 1</script>" + EVIL)
    await flyte.report.flush.aio()
    with flyte.group(EVIL):
        await asks(EVIL)
    raise ValueError(EVIL)

@env.task
async def asks(text: str) -> bool:
    return await flyte.new_condition("go", prompt=EVIL, description=EVIL).wait.aio()

@env.task
def loud(seconds: float) -> int:
    line, end, written = "x" * 100 + "\\n", time.time() + seconds, 0
    began = time.time()
    while time.time() < end:
        written += len(line) * 500
        print(line * 500, end="")
        time.sleep(max(0, written / 5e6 - (time.time() - began)))
    print("the last line")
    return written
'''
TABS = ("tree", "timeline", "graph", "logs", "report", "values", "code", "compare")


def inert(page: Page) -> None:
    """Nothing of a user is an element or has run."""
    made = page.page.locator(".jp-OutputArea section, #flytenb-panel").locator("img, script, a[href^=javascript]")
    assert made.count() == 0
    assert page.page.evaluate("window.hacked") is None
    seen = page.page.locator(".jp-OutputArea section").first.inner_text()
    assert not set("\u202e\u2067\x1b\x00") & set(seen)


def test_hostile_content_is_text_everywhere(jupyter: Open) -> None:
    name = "<img src=x onerror=hacked=1>.ipynb"
    page = jupyter("run = flyte.run(hostile, text=EVIL)\nrun", tasks=TASKS + HOSTILE, name=name)
    page.run_cell(1)
    view = page.view("running")
    page.done("flytenb:show-runs")
    form = view.locator("form[data-condition]")
    form.wait_for()
    page.page.locator("#flytenb-panel [data-question]", has_text="<script>").wait_for()
    inert(page)
    form.get_by_label("Yes").check()
    form.get_by_role("button", name="Submit").click()
    view = page.view("failed")
    heading = view.locator("[data-failure] h3").inner_text()
    assert heading.startswith("ValueError: <script>window.hacked=1</script><img src=x onerror='window.hacked=1'>")
    for tab in TABS:
        view.locator(f"[data-tab={tab}]").click()
        view.locator(f"[data-panel={tab}]").wait_for()
        page.page.wait_for_function("!document.body.innerText.includes('Loading …')")
        inert(page)
    view.locator("[data-tab=logs]").click()
    log = view.locator(".fnb-log")
    log.get_by_text("<script>window.hacked=1</script>").first.wait_for()
    log.get_by_text("more characters").first.wait_for()
    page.stored("failed")
    page.save()
    data = page.saved().cells[1].outputs[0].data
    assert len(json.dumps(data)) < 30_000
    assert "<script" not in data["text/html"]


def test_what_a_page_is_told_of_a_task_that_writes_5_mb_a_second(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(loud, seconds=2.5)\nrun", tasks=TASKS + HOSTILE)
    seen: list[tuple[float, dict[str, Any], int]] = []
    page.told.clear()
    page.run_cell(1)
    page.view("succeeded", patience_ms=180_000)
    page.stored("succeeded")
    for at, text in page.told:
        message = json.loads(text)
        seen.append((at, message, len(text.encode())))
    changes = [(at, message) for at, message, _ in seen if message["op"] == "change"]
    assert changes, {message["op"] for _, message, _ in seen}
    took = max(2.5, seen[-1][0] - seen[0][0])
    size = sum(length for _, _, length in seen)
    print(f"{len(changes)} changes, {len(seen)} messages, {size / took / 1000:.0f} kB/s over {took:.1f} s")
    assert (len(changes) - 1) / took <= 4
    assert len(seen) / took <= 10
    assert size / took <= 100_000
    page.save()
    assert "the last line" in page.saved().cells[1].outputs[0].data["text/html"], "nothing is lost at the end"
