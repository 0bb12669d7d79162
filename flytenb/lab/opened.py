"""Find the process that serves a state directory's page, or start it."""

from __future__ import annotations

import http.client
import json
import os
import select
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from flytenb.errors import EngineError

#: Seconds a new page process may take.
_START_S = 20.0


def address_of(home: Path, run: str = "") -> str:
    """The address of a run's page, or of the list of runs; the page is served from now on.

    Raises:
        EngineError: it cannot be served.
    """
    facts = _known(home) or _started(home)
    path = f"/runs/{quote(run, safe='')}" if run else "/"
    return f"http://127.0.0.1:{facts['port']}{path}#{facts['token']}"


def _known(home: Path) -> dict[str, str] | None:
    try:
        facts: dict[str, str] = json.loads((home / "page.json").read_text())
        connection = http.client.HTTPConnection("127.0.0.1", int(facts["port"]), timeout=2)
        connection.request("GET", "/api/v1/status", headers={"authorization": f"Bearer {facts['token']}"})
        return facts if connection.getresponse().status != 403 else None
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return None


def _started(home: Path) -> dict[str, str]:
    ready, inherited = os.pipe()
    environment = {key: value for key, value in os.environ.items() if key != "JPY_PARENT_PID"}
    with open(home / "page.log", "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flytenb.lab.page", str(home), str(inherited)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, env=environment, pass_fds=(inherited,),
            start_new_session=True,
        )  # fmt: skip
    os.close(inherited)
    try:
        if not select.select([ready], [], [], _START_S)[0] or not os.read(ready, 16):
            process.kill()
            raise EngineError(f"the page of {home} cannot be served; see {home / 'page.log'}")
    finally:
        os.close(ready)
    facts: dict[str, str] = json.loads((home / "page.json").read_text())
    return facts
