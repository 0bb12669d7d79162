"""`python tools/load.py [--actions N]`: one run of very many actions through one engine.

Prints the engine's memory as it grows, the latency of the first and of the last tenth, the size of the store, and what
pruning gives back. A leaf does nothing, so that what is measured is the engine. Beside times, which others on the
machine disturb, stand the engine's own CPU seconds, and the quickest tenth of the single calls.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

WORK = """
    import asyncio, sys, time
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="load")

    @env.task
    async def leaf(i: int) -> int:
        return i

    def used(pid):
        with open(f"/proc/{pid}/stat") as file:
            words = file.read().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / 100

    @env.task
    async def drive(n: int, width: int, probes: int, engine: int) -> list[tuple[float, float, float]]:
        \"\"\"Batches of leaves, and after each some single calls.

        (seconds a leaf, seconds of a quick single call, CPU seconds of the engine a leaf)
        \"\"\"
        told = []
        for start in range(0, n, width):
            begun, cpu = time.perf_counter(), used(engine)
            await asyncio.gather(*(leaf(i) for i in range(start, min(n, start + width))))
            took, cpu = (time.perf_counter() - begun) / width, (used(engine) - cpu) / width
            single = []
            for probe in range(probes):
                begun = time.perf_counter()
                await leaf(-probe - start - 1)
                single.append(time.perf_counter() - begun)
            told.append((took, sorted(single)[len(single) // 10], cpu))
        return told

    if __name__ == "__main__":
        import json
        n, width, engine = map(int, sys.argv[1:])
        print(json.dumps(flyte.run(drive, n=n, width=width, probes=20, engine=engine).outputs()[0]))
"""


def _engine(home: Path) -> int:
    return int(json.loads((home / "engine.json").read_text())["pid"])


def _memory_mib(pid: int) -> tuple[float, float]:
    """(now, most so far)."""
    words = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return tuple(int(words[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def _size_mib(home: Path) -> float:
    return sum(path.stat().st_size for path in home.glob("store.db*")) / (1 << 20)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--actions", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=5_000)
    parser.add_argument("--most-mib", type=float, default=300.0)
    words = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="flytenb-load-"))
    home = folder / "home"
    env = {
        **os.environ,
        "FLYTENB_HOME": str(home),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }
    (folder / "work.py").write_text(textwrap.dedent(WORK))

    def cli(*line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "flytenb", *line], env=env, capture_output=True, text=True)

    cli("engine", "start")
    pid = _engine(home)
    memory: list[float] = []
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(1.0):
            memory.append(_memory_mib(pid)[0])

    watcher = threading.Thread(target=look)
    watcher.start()
    begun = time.perf_counter()
    command = [sys.executable, str(folder / "work.py"), str(words.actions), str(words.width), str(pid)]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True)
    finally:
        is_over.set()
        watcher.join()
    took = time.perf_counter() - begun
    if done.returncode:
        print(done.stderr)
        return 1
    told = json.loads(done.stdout)
    tenth = max(1, len(told) // 10)
    first, last = told[:tenth], told[-tenth:]

    def mean(rows: list[list[float]], column: int) -> float:
        values = sorted(row[column] for row in rows)
        return values[len(values) // 2]

    store = sqlite3.connect(f"file:{home / 'store.db'}?mode=ro", uri=True)
    (count,) = store.execute("SELECT count(*) FROM action").fetchone()
    store.close()
    size = _size_mib(home)
    subprocess.run([*command[:2], "10", "10", str(pid)], env=env, capture_output=True)  # the newest run always stays
    pruning = time.perf_counter()
    pruned = cli("runs", "prune", "--older", "0")
    pruning = time.perf_counter() - pruning
    figures = {
        "actions": count,
        "seconds": round(took, 1),
        "actions a second": round(count / took),
        "engine MiB, most": round(_memory_mib(pid)[1], 1),
        "engine MiB at tenths": [round(memory[len(memory) * k // 10], 1) for k in range(10)] if memory else [],
        "leaf us, first and last tenth": [round(mean(rows, 0) * 1e6, 1) for rows in (first, last)],
        "single call ms, first and last tenth": [round(mean(rows, 1) * 1e3, 2) for rows in (first, last)],
        "single call ms at tenths": [round(told[len(told) * k // 10][1] * 1e3, 2) for k in range(10)],
        "engine CPU us an action, first and last tenth": [round(mean(rows, 2) * 1e6, 1) for rows in (first, last)],
        "ratio of leaves": round(mean(last, 0) / mean(first, 0), 2),
        "ratio of the engine's CPU": round(mean(last, 2) / mean(first, 2), 2),
        "ratio of single calls": round(mean(last, 1) / mean(first, 1), 2),
        "store MiB": round(size, 1),
        "bytes an action": round(size * (1 << 20) / count),
        "prune seconds": round(pruning, 1),
        "store MiB after pruning": round(_size_mib(home), 1),
        "pruned": (pruned.stdout or pruned.stderr).strip()[-300:],
    }
    cli("engine", "stop", "--force")
    print(json.dumps(figures, indent=1))
    shutil.rmtree(folder, ignore_errors=True)
    return int(figures["engine MiB, most"] > words.most_mib)


if __name__ == "__main__":
    sys.exit(main())
