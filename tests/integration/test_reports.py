"""Reports and progress through a real engine: live, after the end, and for tasks that wrote none."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.engine

TASKS = """
import asyncio, json, sys, threading, time
import flytenb as flyte

env = flyte.TaskEnvironment(name="r")

@env.task(report=True)
async def train(gate: str) -> int:
    import os
    flyte.report.log("<h1>begun</h1>", do_flush=True)
    flyte.progress(1, 4, "epochs")
    for number in range(10_000):
        flyte.progress(2, 4, "epochs")
    while not os.path.exists(gate):
        await asyncio.sleep(0.01)
    flyte.report.get_tab("Loss").log("<p>fell</p>")
    return 1

@env.task
def bars(gate: str) -> int:
    import os
    from tqdm.auto import tqdm
    for n in tqdm(range(3), desc="rows", mininterval=0):
        while n == 2 and not os.path.exists(gate):
            time.sleep(0.01)
    return 2

@env.task(report=True)
def broken() -> int:
    flyte.report.log("how far it came")
    flyte.progress(3, 9, "files")
    raise ValueError("no")

@env.task
def plain(x: int) -> int:
    print("hello")
    return x + 1
"""


def test_progress_and_reports_are_seen_while_the_task_runs(home):
    home.script("tasks.py", TASKS)
    home.script(
        "live.py",
        """
from tasks import *
gate = sys.argv[1]
seen, is_there = [], threading.Event()

def look(change):
    if change is not None:
        seen.append(change)
        if any(c.reports for c in seen) and any(p.done == 2 for p in said()):
            is_there.set()

def said():
    return [a.progress for c in seen for a in c.actions if a.progress is not None]

run = flyte.run(train, gate=gate)
run.on_change(look)
assert is_there.wait(30), seen
early, told = run.report(), said()
open(gate, "w").close()
run.wait()
late = run.report()
print(json.dumps({
    "early": early.text, "late": late.text, "is_default": late.is_default, "told": len(told),
    "last": [told[-1].done, told[-1].total, told[-1].text],
    "stays": run.snapshot().reports.keys() == {"a0"},
}))
""",
    )
    done = home.python("work/live.py", str(home.path.parent / "gate"))
    told = json.loads(done.stdout)
    assert told.pop("told") <= 4
    assert told == {
        "early": "begun", "late": "main Loss\nbegun\nfell", "is_default": False, "last": [2, 4, "epochs"],
        "stays": True,
    }  # fmt: skip


def test_bars_of_tqdm_are_progress(home):
    home.script("tasks.py", TASKS)
    home.script(
        "bars.py",
        """
from tasks import *
gate = sys.argv[1]
is_there, last = threading.Event(), []

def look(change):
    for action in change.actions if change is not None else ():
        if action.progress is not None and action.progress.done == 2:
            last.append((action.progress.total, action.progress.text))
            is_there.set()

run = flyte.run(bars, gate=gate)
run.on_change(look)
assert is_there.wait(30)
open(gate, "w").close()
run.wait()
print(last[0], len(run.logs.splitlines()))
""",
    )
    assert home.python("work/bars.py", str(home.path.parent / "gate")).stdout == "(3.0, 'rows') 1\n"


def test_a_failed_task_keeps_its_report_and_how_far_it_was(home):
    home.script("tasks.py", TASKS)
    home.script(
        "broken.py",
        """
from tasks import *
run = flyte.run(broken)
try:
    run.wait()
except ValueError:
    pass
print(run.report().text)
print(run.logs)
""",
    )
    assert home.python("work/broken.py").stdout == "how far it came\nit was at 3 of 9: files\n"


def test_a_task_without_a_report_has_one_when_it_is_asked_for(home):
    home.script("tasks.py", TASKS)
    home.script(
        "plain.py",
        """
from tasks import *
run = flyte.run(plain, x=41)
run.wait()
page = run.report()
print(page.is_default, run.get_report() == "", repr(page)[:11])
print(run.name)
""",
    )
    said, name = home.python("work/plain.py").stdout.splitlines()
    assert said == "True True ReportPage("
    assert home.rows("SELECT count(*) FROM report") == [(0,)]
    file = home.path.parent / "page.html"
    home.cli("get", "report", name, "-o", str(file))
    page = file.read_text()
    for part in (
        "<h2>Inputs</h2>",
        "<code>41</code>",
        "<code>42</code>",
        "Where it ran",
        "hello",
        "tasks.py",
        "def plain(x: int)",
    ):
        assert part in page
    assert home.cli("get", "report", name, "a0").stdout.startswith("<!doctype html>")
    missing = home.cli("get", "report", name, "a7", check=False)
    assert f'run "{name}" has no action "a7"' in missing.stderr


def test_a_cached_action_shows_the_report_of_the_one_that_ran(home):
    home.script(
        "tasks.py",
        TASKS.replace('name="r"', 'name="r", cache="auto"')
        + """
@env.task(report=True)
def wrote(x: int) -> int:
    flyte.report.log(f"<p>of {x}</p>")
    return x

@env.task
async def both() -> int:
    return await wrote.aio(3)
""",
    )
    home.script(
        "cached.py",
        """
from tasks import *
for _ in range(2):
    run = flyte.run(wrote, x=3)
    run.wait()
    print(run.report().text, run.actions[0].row.is_cached, list(run.snapshot().reports))
run = flyte.run(both)
run.wait()
print(run.report("a1").text, run.report().is_default, list(run.snapshot().reports))
""",
    )
    assert home.python("work/cached.py").stdout.splitlines() == [
        "of 3 False ['a0']", "of 3 True ['a0']", "of 3 True ['a1']",
    ]  # fmt: skip


def test_how_far_an_action_was_stays_with_it(home):
    home.script(
        "far.py",
        """
import json
import flytenb as flyte

env = flyte.TaskEnvironment(name="far")

@env.task(retries=1)
def half(n: int) -> int:
    for step in flyte.progress(range(n), text="steps"):
        if step == n // 2:
            raise ValueError("enough")
    return n

@env.task
def whole(n: int) -> int:
    for step in flyte.progress(range(n), text="steps"):
        pass
    return n

@env.task
def silent(n: int) -> int:
    return n

@env.task
async def all_of(n: int) -> list:
    import asyncio
    return await asyncio.gather(whole.aio(n), silent.aio(n), half.aio(n), return_exceptions=True)

if __name__ == "__main__":
    run = flyte.run(all_of, 4)
    try:
        run.wait()
    finally:
        print(run.name)
""",
    )
    name = home.python("work/far.py", check=False).stdout.strip()
    home.cli("engine", "stop")
    script = f"""
import json
import flytenb as flyte
run = flyte.remote.Run.get({name!r})
from flytenb.views import tree, twin
told = [a for a in run.snapshot().actions if a.progress]
said = [(a.short_name, a.progress.done, a.progress.total, a.progress.text) for a in told]
print(json.dumps([sorted(said), twin.render(tree.view(run.snapshot()))]))
"""
    home.script("later.py", script)
    rows, page = json.loads(home.python("work/later.py").stdout)
    assert rows == [["half", 2, 4, "steps"], ["whole", 4, 4, "steps"]]
    assert "50 %, steps: 2 of 4" in page
    assert "teps: 4 of 4" in page
