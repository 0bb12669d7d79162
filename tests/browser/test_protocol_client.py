"""A front end that knows HTML and `update_display_data` and nothing of ours, as VS Code, Colab and others do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import at_its_speed
from tests.notebooks.conftest import home  # an engine of the test's own
from tests.notebooks.talking import RUN_MIME, Talk, most_in, until

__all__ = ["home"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

SETUP = """
import asyncio, os
import flytenb as flyte
env = flyte.TaskEnvironment("elsewhere", resources=flyte.Resources(cpu=0))

@env.task
async def step(n: int) -> int:
    print("<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>")
    await asyncio.sleep(0.02)
    return n

@env.task
async def gated(folder: str, name: str) -> int:
    done = 0
    open(f"{folder}/{name}", "w").close()
    while not os.path.exists(f"{folder}/go"):
        done += await step(done)
        await asyncio.sleep(0.05)
    return done
"""
#: All that it does with outputs: one element a display, its HTML replaced by each update; scripts that come by
#: `innerHTML` do not run.
CLIENT = """
window.take = message => {
  const {data, transient} = message;
  const id = transient.display_id;
  let output = document.querySelector(`[data-display="${id}"]`);
  if (!output) {
    if (message.is_update) { return; }
    output = document.createElement('div');
    output.dataset.display = id;
    document.body.append(output);
  }
  output.innerHTML = data['text/html'];
  output.dataset.updates = 1 + Number(output.dataset.updates ?? 0);
};
"""


@pytest.fixture
def kernel(home: Path, tmp_path: Path) -> Iterator[Talk]:
    made = Talk()
    made.run(SETUP)
    yield made
    (tmp_path / "go").touch()
    made.close()


class Client:
    """The page, and what of the kernel's messages it has been given."""

    def __init__(self, page: Any, kernel: Talk) -> None:
        self.page, self.kernel, self.given = page, kernel, 0
        self.asked: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.set_content('<!doctype html><meta charset="utf-8"><body>')
        page.evaluate("() => {" + CLIENT + "}")

    def give(self) -> None:
        """All that has come since."""
        for _, message in self.kernel.seen[self.given :]:
            if message["msg_type"] in ("display_data", "update_display_data"):
                kept = {kind: text for kind, text in message["content"]["data"].items() if kind == "text/html"}
                taken = {**message["content"], "data": kept, "is_update": message["msg_type"] != "display_data"}
                self.page.evaluate("message => window.take(message)", json.loads(json.dumps(taken)))
        self.given = len(self.kernel.seen)

    def text(self) -> list[str]:
        texts: list[str] = self.page.locator("[data-display]").all_inner_texts()
        return texts


def test_ten_runs_are_shown_and_redrawn_to_their_ends(browser: Any, kernel: Talk, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 900, "height": 900})
    client = Client(at_its_speed(context.new_page()), kernel)
    try:
        kernel.seen.clear()
        for n in range(10):
            kernel.run(f"run = flyte.run(gated, {str(tmp_path)!r}, 'run{n}')")
            until((tmp_path / f"run{n}").exists, "the run to begin")

        def moving() -> bool:
            running = [name for _, name, data in kernel.views() if data[RUN_MIME]["phase"] == "running"]
            return len(kernel.last()) == 10 and all(running.count(name) >= 2 for name in kernel.last())

        kernel.listen(moving)
        client.give()
        assert len(client.text()) == 10
        assert all("Running" in text and "gated" in text for text in client.text()), client.text()
        (tmp_path / "go").touch()
        kernel.listen(lambda: kernel.ended(10))
        client.give()
        assert all("Succeeded" in text and "step" in text for text in client.text()), client.text()
        assert client.page.evaluate("window.hacked") is None
        assert [url for url in client.asked if not url.startswith(("data:", "about:"))] == []
        assert client.page.locator("script, iframe, object, link, [onerror]").count() == 0
        assert client.page.evaluate("document.documentElement.scrollWidth") <= 900
    finally:
        context.close()

    updates = [m for _, m in kernel.seen if m["msg_type"] == "update_display_data"]
    times = [m["header"]["date"].timestamp() for m in updates]  # when it was sent, however late it came
    of_run: dict[str, list[float]] = {}
    for at, message in zip(times, updates, strict=True):
        of_run.setdefault(message["content"]["transient"]["display_id"], []).append(at)
    of_one = max(most_in(each, 1.0) for each in of_run.values())
    live = [m for m in updates if m["content"]["data"][RUN_MIME]["phase"] == "running"]
    size = sum(len(json.dumps(m["content"], ensure_ascii=False).encode()) for m in live)
    rate = size / (times[-1] - times[0])
    print(
        f"10 runs at once: {len(updates)} updates in {times[-1] - times[0]:.1f} s, at most {of_one} of a run and "
        f"{most_in(times, 1.0)} of all in a second, {rate / 1000:.0f} kB/s while they go on"
    )
    assert rate <= 100_000
    assert of_one <= 5, "four a second; the ends of a stretch count twice"
    assert most_in(times, 1.0) <= 11, "ten a second"
