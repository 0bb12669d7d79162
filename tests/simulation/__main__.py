"""`python -m tests.simulation [SEED] [--seeds N] [--first N] [--jobs N]`."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.people import PeopledWorld
from tests.simulation.recovering import RecoveringWorld
from tests.simulation.world import World

#: Seeds that one process takes at a time.
CHUNK = 500
_KINDS: tuple[type[World], ...] = (World, RecoveringWorld, World, PeopledWorld)


def try_seed(seed: int, *, is_told: bool = False) -> str:
    """What broke in this world; "" when nothing did."""
    world = _KINDS[seed % len(_KINDS)](seed, tell=print if is_told else None)
    try:
        world.run()
    except Exception as error:
        if is_told:
            traceback.print_exc()
        return f"seed {seed}: {type(error).__name__}: {error}"
    finally:
        world.close()
    return ""


def try_chunk(first: int) -> list[str]:
    """What broke in the worlds of one chunk."""
    return [said for seed in range(first, first + CHUNK) if (said := try_seed(seed))]


def try_all(first: int, count: int, jobs: int, *, until_broken: bool = True) -> list[str]:
    """What broke in many worlds, on several processes."""
    broken: list[str] = []
    with ProcessPoolExecutor(jobs) as pool:
        for said in pool.map(try_chunk, range(first, first + count, CHUNK)):
            broken += said
            if broken and until_broken:
                pool.shutdown(cancel_futures=True)
                break
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, help="replay this one and tell every step")
    parser.add_argument("--seeds", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--all", action="store_true", help="go on after the first broken one")
    words = parser.parse_args()
    if words.seed is not None:
        said = try_seed(words.seed, is_told=True)
        print(said or f"seed {words.seed}: all promises held")
        return bool(said)
    begun = time.perf_counter()
    broken = try_all(words.first, words.seeds, words.jobs, until_broken=not words.all)
    for said in broken[:20]:
        print(f"{said}\n  replay it: python -m tests.simulation {said.split()[1].rstrip(':')}")
    took = time.perf_counter() - begun
    print(f"{words.seeds:,} worlds from {words.first} in {took:.0f} s, {len(broken)} broken")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
