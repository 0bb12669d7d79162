"""Runs the scenarios on a real engine and keeps what it tells of them.

python -m tests.browser.views.record tests/browser/views/runs
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parents[3]


def record(folder: Path) -> None:
    """Write one file per run."""
    import os

    os.environ.setdefault("FLYTENB_HOME", tempfile.mkdtemp(prefix="fnbview"))
    import flytenb as flyte
    from flytenb.client.session import session
    from flytenb.model.snapshot import RunSnapshot
    from tests.browser.views import scenarios as s

    folder.mkdir(parents=True, exist_ok=True)

    def snapshot(name: str) -> Any:
        return session().query("snapshot", RunSnapshot, run=name, logs=True, traces=True)

    def keep(label: str, name: str) -> None:
        found = snapshot(name)
        store = session()
        pages = {}
        from flytenb.client.action import here
        from flytenb.client.handle import read_page

        for action, digest in found.reports.items():
            pages[action] = read_page(here()[1], digest)
        attempts = {a.name: store.query("attempts", run=name, action=a.name) for a in found.actions if a.attempt > 1}
        logs = store.query("logs", run=name, limit=5000)
        from flytenb.client.shown import code_as_data

        code = {a.name: code_as_data(name, a.name) for a in found.actions[:4]}
        body = {"code": code, "snapshot": found, "pages": pages, "attempts": attempts, "logs": logs}
        data = json.dumps(json.loads(msgspec.json.encode(body)), ensure_ascii=True)
        for here_only, told in ((str(ROOT), "/home/ada/digits"), (sys.executable, "python3")):
            data = data.replace(here_only, told)
        with gzip.GzipFile(folder / f"{label}.json.gz", "wb", mtime=0) as file:
            file.write(data.encode())
        print(label, found.run.phase, len(found.actions), len(data))

    def ended(label: str, run: Any) -> None:
        try:
            run.wait()
        except Exception as error:
            print(label, type(error).__name__)
        time.sleep(0.3)
        keep(label, run.name)

    cs = [0.1, 1.0, 3.0, 10.0]
    ended("success", flyte.run(s.search, "digits", cs))
    ended("cached", flyte.run(s.load, "digits"))
    ended("failed", flyte.run(s.search, "digits", [0.1, 1.0, -0.1, 10.0]))
    running = flyte.run(s.search, "digits", [0.1, 1.0, 3.0, 10.0, 30.0, 100.0])
    time.sleep(1.2)
    keep("running", running.name)
    ended("agent", flyte.run(s.triage, 4812))
    progress = flyte.run(s.train, 6)
    time.sleep(1.3)
    keep("progress", progress.name)
    ended("nested", flyte.run(s.nested, 4))
    ended("fanout", flyte.run(s.score_all, 5000))
    ended("hostile", flyte.run(s.hostile, s.EVIL))
    ended("quick", flyte.run(s.quick, 1))
    progress.abort()
    ended("aborted", progress)


if __name__ == "__main__":
    record(Path(sys.argv[1]))
