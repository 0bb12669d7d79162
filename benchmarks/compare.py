"""The one table: this project and its peers, measured in alternating rounds of one run.

    compare.py [--quick] [--rounds N] [--only MEASURE,…] [--peers NAME,…] [--strict]

Every round runs every script once, in an order that turns from round to round; figures are medians over rounds, and
ratios are between such medians. `--quick` measures this project alone with small numbers. `--strict` fails when a
"must" is missed; a failed correctness check fails always.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import batches
import contained
import hello
import venvs
from floors import floors
from targets import TARGETS, verdict
from timing import CONTAINED, LARGE, MEASURES

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
OURS = "flytenb"
#: How each side is run, and what of it runs in the first round only because it takes most of a minute.
SCRIPTS: dict[str, tuple[str, list[str], frozenset[str]]] = {
    "flyte": ("flyte", ["peer_flyte.py", "plain"], frozenset()),
    "flyte-persist": ("flyte", ["peer_flyte.py", "persist"], frozenset({"fanout_10000", "listing"})),
    "ray": ("ray", ["peer_ray.py"], frozenset()),
    "joblib": ("joblib", ["peer_joblib.py"], frozenset()),
    "dask": ("dask", ["peer_dask.py"], frozenset({"fanout_10000"})),
    "prefect": ("prefect", ["peer_prefect.py"], frozenset({"fanout_10000", "tree"})),
}


@dataclass
class Findings:
    """All that the rounds found: measure → side → one result per round."""

    results: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, measure: str, side: str, result: dict[str, Any]) -> None:
        if "error" in result:
            self.notes.append(f"{side}, {measure}: {result['error']}")
        else:
            self.results.setdefault(measure, {}).setdefault(side, []).append(result)

    def value(self, measure: str, side: str) -> float | None:
        """The median over rounds."""
        found = self.results.get(measure, {}).get(side)
        return statistics.median(result["value"] for result in found) if found else None

    def checked(self, measure: str) -> str:
        """What the last of our rounds read back from disk."""
        found = self.results.get(measure, {}).get(OURS)
        return str(found[-1].get("checked", "")) if found else ""


def run_script(side: str, python: Path, words: list[str], env: dict[str, str], limit_s: float, into: Findings) -> None:
    """Run one script and take its JSON line; its progress goes to a file beside the results."""
    log = OUT / f"{side}.log"
    with open(log, "a") as errors:
        try:
            done = subprocess.run(
                [str(python), *words],
                env=env,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                timeout=limit_s,
                cwd=OUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            into.notes.append(f"{side}: ended after {limit_s:g} s")
            return
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines or not lines[-1].startswith("{"):
        into.notes.append(f"{side}: the script ended with {done.returncode}; see {log.relative_to(HERE.parent)}")
        return
    facts = json.loads(lines[-1])
    into.versions[side] = facts["version"]
    for measure, result in facts["measures"].items():
        into.add(measure, side, result)
    for other, found in facts.get("beside", {}).items():
        for measure, result in found.items():
            into.add(measure, other, result)


def parts(script: str, script_of_large: str, measures: list[str]) -> list[tuple[str, list[str]]]:
    """Which script runs which measures; those without a script or a measure are left out."""
    pairs = ((script, [one for one in measures if one not in LARGE]), (script_of_large, [*LARGE & set(measures)]))
    return [(name, wanted) for name, wanted in pairs if name and wanted]


def run_ours(measures: list[str], is_quick: bool, into: Findings) -> None:
    """This project, on a home of its own whose engine is stopped afterwards."""
    with hello.own_home(OUT) as home:
        try:
            for script, wanted in parts("ours.py", "large_ours.py", measures):
                words = [str(HERE / script), *wanted, *(["--quick"] if is_quick else [])]
                run_script(OURS, Path(sys.executable), words, hello.environment(home), 300, into)
        finally:
            hello.stop_engine(home)


def run_peer(side: str, measures: list[str], round_number: int, into: Findings) -> None:
    """One peer in its own environment."""
    peer, words, once = SCRIPTS[side]
    wanted = [measure for measure in measures if round_number == 0 or measure not in once]
    for name, asked in parts(words[0], "large_flyte.py" if side == "flyte" else "", wanted):
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        script = [str(HERE / "peers" / name), *words[1:], *asked]
        run_script(side, venvs.python_of(peer), script, env, 400, into)


def measure_all(options: argparse.Namespace) -> Findings:
    """All rounds."""
    found = Findings()
    sides = [] if options.quick else [side for side in SCRIPTS if side in options.peers]
    for side in list(sides):
        if not venvs.is_ready(SCRIPTS[side][0]):
            sides.remove(side)
            found.notes.append(f"{side}: not installed (benchmarks/venvs.py tells why), so not compared")
    in_scripts = [measure for measure in MEASURES if measure in options.only]
    for number in range(options.rounds):
        order = [OURS, *sides]
        for side in order[number % len(order) :] + order[: number % len(order)]:
            start = time.monotonic()
            if not in_scripts:
                break
            if side == OURS:
                run_ours(in_scripts, options.quick, found)
            else:
                run_peer(side, in_scripts, number, found)
            print(f"round {number + 1}: {side} {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    measure_contained(options, found)
    measure_batches(options, found)
    if options.only & {"script_stopped", "script_running"}:
        peer = venvs.python_of("flyte") if "flyte" in sides else None
        try:
            for measure, side, result in hello.script_times(OUT, peer, 3 if options.quick else 7):
                found.add(measure, side, result)
        except (RuntimeError, subprocess.SubprocessError) as error:
            found.notes.append(f"script to result: {error}")
    return found


def measure_contained(options: argparse.Namespace, into: Findings) -> None:
    """Containers, where a Docker engine can be had; all rounds with one engine."""
    wanted = [measure for measure in CONTAINED if measure in options.only]
    if not wanted:
        return
    try:
        with contained.docker_engine() as docker:
            for number in range(options.rounds):
                start = time.monotonic()
                with hello.own_home(OUT) as home:
                    words = [str(HERE / "contained.py"), *wanted, *(["--quick"] if options.quick else [])]
                    env = hello.environment(home) | docker.env | {"FLYTENB_TEST_DOCKER_HOST": docker.host}
                    run_script(OURS, Path(sys.executable), words, env, 300, into)
                took = time.monotonic() - start
                print(f"round {number + 1}: containers {took:.0f} s", file=sys.stderr, flush=True)
    except contained.no_engine() as error:
        options.only -= set(wanted)
        into.notes.append(f"containers: not measured, no Docker engine can be had here: {error}")


def measure_batches(options: argparse.Namespace, into: Findings) -> None:
    """Notebooks, with papermill's own engine and with ours, turn by turn."""
    wanted = options.only & set(batches.MEASURES)
    if not wanted:
        return
    try:
        for measure, side, result in batches.measured(OUT, wanted, options.rounds, is_quick=options.quick):
            into.add(measure, side, result)
    except (OSError, subprocess.SubprocessError) as error:
        into.notes.append(f"{OURS}, notebooks: {error}")


def table(found: Findings, measures: set[str], is_quick: bool) -> list[list[str]]:
    """Header and one line per measure."""
    sides = [side for side in SCRIPTS if any(side in of for of in found.results.values())]
    sides += [side for side in (contained.BARE, batches.PAPERMILL) if any(side in of for of in found.results.values())]
    lines = [["measure", OURS, *sides, "must", "reached", "aim", "verdict", "read back from disk"]]
    for target in TARGETS:
        if target.measure not in measures:
            continue
        ours = found.value(target.measure, OURS)
        peers = {side: found.value(target.measure, side) for side in sides}
        word, reached = verdict(target, ours, peers)
        lines.append([
            target.title, target.show(ours), *(target.show(peers[side]) for side in sides),
            target.must_text, reached, target.aim_text, "" if is_quick and word != "failed" else word,
            found.checked(target.measure),
        ])  # fmt: skip
    return lines


def show(lines: list[list[str]]) -> str:
    """Aligned columns."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    rows.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(rows)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Options, with names checked."""
    known = [target.measure for target in TARGETS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="this project only, small numbers, no verdicts")
    parser.add_argument("--rounds", type=int, help="default 3, with --quick 1")
    parser.add_argument("--only", default=",".join(known), help="measures, comma separated")
    parser.add_argument("--peers", default=",".join(SCRIPTS), help="peers, comma separated")
    parser.add_argument("--strict", action="store_true", help="fail when a must is missed")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.only, options.peers = set(options.only.split(",")), set(options.peers.split(","))
    if options.quick and options.only == set(known):
        options.only -= set(CONTAINED)  # a bare machine would make an engine and a base image first
    for asked, allowed in ((options.only, known), (options.peers, list(SCRIPTS))):
        unknown = sorted(asked - set(allowed) - {""})
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(allowed)}")
    return options


def main() -> int:
    options = parse(sys.argv[1:])
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    bare = floors(str(OUT))
    found = measure_all(options)
    lines = table(found, options.only, options.quick)
    print()
    print(show(lines))
    print()
    print("floors here, p50: " + ", ".join(f"{what} {result['value']:.3f} ms" for what, result in bare.items()))
    print("versions: " + ", ".join(f"{side} {version}" for side, version in found.versions.items()))
    print(f"rounds: {options.rounds}; cores: {os.cpu_count()}; Python {sys.version.split()[0]}")
    for note in found.notes:
        print(f"note: {note}")
    facts = {"floors": bare, "results": found.results, "versions": found.versions, "notes": found.notes}
    (OUT / "results.json").write_text(json.dumps(facts, indent=1))
    words = [line[-2] for line in lines[1:]]
    is_broken = any(note.startswith((OURS, "script")) for note in found.notes) or "failed" in words
    return 1 if is_broken or (options.strict and "MISSED" in words) else 0


if __name__ == "__main__":
    sys.exit(main())
