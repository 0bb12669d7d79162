"""What actions use and what the machine does, in a real JupyterLab: live, at the end, and in the sidebar."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any

from tests.browser.lab import PATIENCE_MS, Page
from tests.integration.conftest import until

Open = Callable[..., Page]
_BURN = """big = flyte.TaskEnvironment(name="big", resources=flyte.Resources(cpu=1, memory="2Gi"))

@big.task
def burn(gate: str) -> int:
    held = b"x" * (200 << 20)
    while not os.path.exists(gate):
        pass
    return len(held)

@env.task
async def both(gate: str) -> int:
    return await burn.aio(gate)

large = flyte.TaskEnvironment(name="large", resources=flyte.Resources(cpu=1000))

@large.task
async def never() -> int:
    await asyncio.sleep(6000)
    return 1
"""


def _now(page: Page) -> dict[str, Any]:
    """What the machine does, as the engine tells it."""
    found: dict[str, Any] = page.server.ask("flytenb/api/v1/resources")["now"]
    return found


def test_an_action_shows_what_it_uses_while_it_runs_and_afterwards(lab: Open) -> None:
    page = lab(_BURN, "flyte.run(both, gate=GATE)")
    page.run_cell(1)
    page.counted(1)
    page.run_cell(2)
    view = page.view("running")
    view.locator("[data-row=a1]").click()
    used = view.locator("[data-usage=a1]")
    used.wait_for()
    used.locator("text=of 2 GiB").wait_for()
    first = used.locator("[data-spark=CPU] path.is-line").get_attribute("d")
    # It is drawn on while it runs.
    page.page.wait_for_function(
        "first => document.querySelector('[data-usage=a1] [data-spark=CPU] path.is-line').getAttribute('d') !== first",
        arg=first,
    )
    page.go()
    view = page.view("succeeded")
    name = view.get_attribute("data-run")
    address = f"flytenb/api/v1/runs/{name}/actions/a1/usage"
    until(lambda: (page.server.ask(address) or [{}])[-1].get("is_over"), "what it used in the end", PATIENCE_MS / 1000)
    stored = page.server.ask(address)
    assert stored[-1]["memory_peak_bytes"] > 200 << 20
    assert stored[-1]["cpu_s"] > 0.5
    # The twin that is saved says so in words.
    page.stored("succeeded")
    page.save()
    html = json.dumps(page.saved().cells[2].outputs)
    assert "of 2 GiB" in html


def test_the_sidebar_tells_what_is_used_and_by_whom(lab: Open) -> None:
    page = lab(_BURN, "flyte.run(both, gate=GATE)", "waiting = flyte.run(never)")
    page.run_cell(1)
    page.counted(1)
    page.run_cell(2)
    page.view("running")
    page.run_cell(3)
    page.counted(3)
    page.done("flytenb:show-runs")
    section = page.page.locator("#flytenb-panel [data-section=Resources]")
    section.locator("[aria-label^='Memory: ']").wait_for()
    section.locator("text=Workers").first.wait_for()
    section.locator("text=Kernels").first.wait_for()
    section.locator("[aria-label^='Disk: ']").wait_for()
    section.locator("text=Runs and cache").wait_for()
    section.locator("text=Tasks have asked for").first.wait_for()
    section.locator("[data-waiting='1']", has_text="CPU").wait_for()
    section.get_by_text(re.compile("No GPU on this machine|GPU 0")).first.wait_for()
    until(lambda: _now(page)["workers_bytes"] > 200 << 20, "the task's memory", PATIENCE_MS / 1000)
    now = _now(page)
    assert now["kernels_bytes"] > 10 << 20
    assert now["disk_total_bytes"] > now["disk_bytes"] > 0
    page.done(
        "flytenb:cancel-run", {"run": next(each["name"] for each in page.server.runs() if "never" in each["task"])}
    )
    page.go()
    page.view("succeeded")


def test_numbers_that_are_on_their_way_are_no_engine_that_does_not_run(lab: Open) -> None:
    page = lab("run = flyte.run(search, n=1)\nrun")
    page.run_cell(1)
    page.view("succeeded")
    page.done("application:toggle-left-area")  # what is out of sight is drawn anew when it comes back
    held: list[Any] = []
    is_open = threading.Event()
    page.page.route(
        "**/flytenb/api/v1/resources*", lambda route: route.continue_() if is_open.is_set() else held.append(route)
    )
    page.done("flytenb:show-runs")
    section = page.page.locator("#flytenb-panel [data-section=Resources]")
    section.locator("text=Loading …").wait_for()
    assert "not running" not in section.inner_text()
    is_open.set()
    for each in held:
        each.continue_()
    section.locator("[aria-label^='Memory: ']").wait_for()
    page.page.unroute("**/flytenb/api/v1/resources*")
