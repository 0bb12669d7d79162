"""The Chromium of this machine, in which the network never changes."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_CALM = Path(__file__).parent / "calm.py"


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
