"""`python oracle.py HOME FOLDER`: what was observed against what the store knows, read by nobody's engine.

Prints one JSON object; `broken` lists every promise that was not kept, in words.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

#: The engine gives an action up that lost its worker so often; so do shapes whose workers never come.
GIVEN_UP = (b"WorkerLost", b"WorkerStartError")
_ROOT = 0xFFFFFFFF


def compare(home: Path, folder: Path) -> dict[str, Any]:
    """Read the log and the store."""
    lines = [json.loads(line) for line in (folder / "log").read_bytes().splitlines() if line.strip()]
    store = sqlite3.connect(f"file:{home / 'store.db'}?mode=ro", uri=True, timeout=30)
    broken: list[str] = []
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    ran_again = 0
    for line in lines:
        pair = (line["run"], line.get("key", ""))
        if line["what"] == "sees":
            seen[pair].add(line["value"])
        elif line["what"] == "begins" and seen.get(pair):
            ran_again += 1
            broken.append(f"{pair} was seen and began again")
    twice = [pair for pair, values in seen.items() if len(values) > 1]
    broken += [f"{pair} was seen with {len(seen[pair])} values" for pair in twice]
    outputs = _everything(store, home)
    lost = 0
    for pair, values in seen.items():
        for value in values:
            if value not in outputs:
                lost += 1
                broken.append(f"{pair} was seen as {value}, which is not in the store")
    runs = {name: (phase, ended) for name, phase, ended in store.execute("SELECT name, phase, ended_at FROM run")}
    failures = dict(
        store.execute(
            "SELECT r.name, a.outputs FROM run r JOIN action a ON a.id = r.id << 32 WHERE r.phase IN (6, 7, 8)"
        )
    )
    given_up = [name for name, said in failures.items() if any(word in said for word in GIVEN_UP)]
    broken += [f"run {name} failed: {said!r}" for name, said in failures.items() if name not in given_up]
    open_runs = [name for name, (_, ended) in runs.items() if ended is None]
    broken += [f"run {name} never ended" for name in open_runs]
    told = {line["run"] for line in lines if line["what"] == "sees" and line["key"] == "root"}
    broken += [
        f"run {name} was seen and is not in the store as succeeded" for name in told if runs.get(name, (0,))[0] != 5
    ]
    whole = [row[0] for row in store.execute("PRAGMA integrity_check")]
    broken += [f"the database: {words}" for words in whole if words != "ok"]
    (loose,) = store.execute(
        "SELECT count(*) FROM action WHERE phase < 5 AND (id >> 32) IN (SELECT id FROM run WHERE ended_at IS NOT NULL)"
    ).fetchone()
    broken += [f"{loose} actions of ended runs have no end"] if loose else []
    return {
        "runs": len(runs),
        "actions": store.execute("SELECT count(*) FROM action").fetchone()[0],
        "attempts lost": store.execute("SELECT count(*) FROM attempt WHERE why = 'lose'").fetchone()[0],
        "observations": sum(line["what"] == "sees" for line in lines),
        "began": sum(line["what"] == "begins" for line in lines),
        "given up after three lost workers": len(given_up),
        "lost": lost,
        "finished twice": len(twice) + ran_again,
        "hangs": len(open_runs),
        "broken": broken,
    }


def _everything(store: sqlite3.Connection, home: Path) -> set[str]:
    """Every token in a result or a traced call that is recorded, also in files that these name."""
    import re

    token = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
    found: set[str] = set()
    for (body,) in store.execute("SELECT outputs FROM action WHERE phase = 5 UNION ALL SELECT outputs FROM trace"):
        found.update(word.decode() for word in token.findall(body or b""))
    for path in (home / "objects").glob("??/*"):
        with open(path, "rb") as file:
            head = file.read(64)
        if re.fullmatch(rb"[0-9a-f]{64}", head):
            found.add(head[:32].decode())
    return found


if __name__ == "__main__":
    print(json.dumps(compare(Path(sys.argv[1]), Path(sys.argv[2])), indent=1))
