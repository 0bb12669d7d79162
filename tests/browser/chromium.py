"""The Chromium of this machine, in which the network never changes."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_CALM = Path(__file__).parent / "calm.py"
#: How many times slower than the machine each page computes; what a test forgets to wait for shows with 4 to 8.
_SLOWNESS = float(os.environ.get("FLYTENB_SLOW_BROWSER") or 1)
_SLOW_ANSWER_MS = 60


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser, until the end of the block."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="fnbchromium") as folder, sync_playwright() as playwright:
        started = Path(folder) / "chromium"
        started.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{_CALM}" "{CHROMIUM}" "$@"\n')
        started.chmod(0o755)
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=started, args=arguments, timeout=90_000)
        yield browser
        browser.close()


def at_its_speed(page: Any) -> Any:
    """The page, slowed down where FLYTENB_SLOW_BROWSER asks for it: it computes slowly and each answer comes late."""
    if _SLOWNESS > 1:
        session = page.context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWNESS})
        late = {"offline": False, "latency": _SLOW_ANSWER_MS * _SLOWNESS, "downloadThroughput": -1}
        session.send("Network.emulateNetworkConditions", {**late, "uploadThroughput": -1})
    return page
