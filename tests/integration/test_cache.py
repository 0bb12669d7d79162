"""The cache as a user meets it: what hits, what runs, and for whom."""

from __future__ import annotations

import pytest

from tests.integration.conftest import Home
from tests.integration.telling import told_by_cells, told_by_script

pytestmark = pytest.mark.engine

COUNT = """
    import asyncio
    from dataclasses import dataclass
    from datetime import timedelta
    from pathlib import Path
    FOLDER = str(Path(__file__).resolve().parent.parent)
    env = flyte.TaskEnvironment(name="c", cache="auto")

    def count(name: str) -> int:
        with open(name, "a") as file:
            file.write("x")
        return Path(name).stat().st_size
"""
WORDS = (
    COUNT
    + """
    @dataclass
    class Point:
        x: int

    @env.task(cache=flyte.Cache("auto", version_override="1"))
    def a(name: str) -> int:
        return count(name + "a")

    @env.task(cache=flyte.Cache("auto", version_override="1"))
    def b(name: str) -> int:
        return 100 + count(name + "b")

    @env.task(cache=True)
    def always(name: str) -> int:
        return count(name)

    @env.task(cache=flyte.Cache("auto", ignored_inputs="noise"))
    def ignoring(name: str, noise: int = 0) -> int:
        return count(name)

    @env.task(cache=flyte.Cache("auto", max_age=timedelta(microseconds=1)))
    def short(name: str) -> int:
        return count(name)

    @env.task
    def point(p: Point, name: str) -> Point:
        return Point(p.x + count(name))

    @env.task(cache="disable")
    async def parent(name: str) -> list[int]:
        p = await point.aio(Point(1), name + "p")
        return [await always.aio(name), p.x, await a.aio(name)]

    @env.task
    def element(x: int, name: str) -> int:
        return x * 100 + count(name + str(x))

    @env.task(cache="disable")
    async def mapped(xs: list[int], name: str) -> list[int]:
        return [value async for value in flyte.map.aio(element, xs, [name] * len(xs))]

    @env.task(cache="disable")
    async def together(name: str) -> list[int]:
        return await asyncio.gather(*[slow.aio(name) for _ in range(4)])

    @env.task
    async def slow(name: str) -> int:
        await asyncio.sleep(0.2)
        return count(name)

    def at(name):
        return f"{FOLDER}/{name}"

    def under(**options):
        return lambda task, *args: flyte.with_runcontext(**options).run(task, *args).outputs()[0]
"""
)
SCRIPT = (
    WORDS
    + """
    if __name__ == "__main__":
        usual = under()
        tell(lambda: [usual(t, at("v")) for t in (a, b, a, b)])
        over, off = under(overwrite_cache=True), under(disable_run_cache=True)
        tell(lambda: [run(always, at("w")) for run in (usual, usual, over, usual, off, usual)])
        tell(lambda: [usual(ignoring, at("i"), n) for n in range(3)])
        tell(lambda: [usual(short, at("s")) for _ in range(2)])
        tell(lambda: (usual(point, Point(1), at("rp")), usual(always, at("r")), usual(a, at("r")),
                      usual(parent, at("r"))))
        tell(lambda: [usual(mapped, xs, at("m")) for xs in ([1, 2], [2, 3], [1, 2, 3])])
        tell(lambda: usual(together, at("t")))
        tell(lambda: [under(cache_lookup_scope="project-domain", project=p)(always, at("q")) for p in "xyxy"])
        tell(lambda: under(cache_lookup_scope="project-domain", project="x")(parent, at("q")))
        tell(lambda: under(cache_lookup_scope="project-domain", project="z")(parent, at("q")))
        flyte.init(project="x")
        tell(lambda: under(cache_lookup_scope="project-domain")(always, at("q")))
        tell(lambda: under(cache_lookup_scope="mine")(always, at("q")))
"""
)


def test_every_way_to_say_it(home: Home) -> None:
    told = told_by_script(home, "words.py", SCRIPT)
    *values, wrong = told
    assert [eval(one["value"], {"Point": lambda x: x}) if one["value"] else one for one in map(_value, values)] == [
        [1, 101, 1, 101],  # one version, two tasks
        [1, 1, 2, 2, 3, 2],  # with overwrite_cache the new one is kept, with disable_run_cache it is not
        [1, 1, 1],
        [1, 2],
        (2, 1, 1, [1, 2, 1]),  # a run's result serves children
        [[101, 201], [201, 301], [101, 201, 301]],
        [1, 1, 1, 1],
        [1, 2, 1, 2],
        [1, 2, 1],  # the scope goes on to children
        [3, 3, 2],
        1,
    ]
    assert "global, project-domain" in wrong["message"]


def _value(told: dict) -> dict:
    assert not told["error"], told
    return told


POLICY = (
    COUNT
    + """
    class Weather:
        def __init__(self, file): self.file = file
        def get_version(self, salt, params): return salt + Path(self.file).read_text()

    class Nothing:
        def get_version(self, salt, params): return ""

    @env.task(cache=flyte.Cache("auto", policies=Weather(FOLDER + "/weather")))
    def outside(name: str) -> int:
        return count(name)

    @env.task(cache=flyte.Cache("auto", policies=[Nothing()]))
    def nothing(name: str) -> int:
        return count(name)

    @env.task(cache="disable")
    async def both(name: str) -> list[int]:
        return [await outside.aio(name), await nothing.aio(name + "n")]

    if __name__ == "__main__":
        name = FOLDER + "/count"
        for weather in ("sun", "sun", "rain", "sun"):
            Path(FOLDER, "weather").write_text(weather)
            tell(lambda: (outputs(outside, name)[0], outputs(both, name)[0]))
"""
)


def test_policies_of_ones_own(home: Home) -> None:
    told = told_by_script(home, "policy.py", POLICY)
    # A policy without a version means no key: its task runs whenever it is called.
    assert [eval(_value(one)["value"]) for one in told] == [(1, [1, 1]), (1, [1, 2]), (2, [2, 3]), (1, [1, 4])]


def test_files_and_frames_count_by_content(home: Home) -> None:
    text = (
        COUNT
        + """
    from flytenb.io import DataFrame, Dir, File
    import pandas as pd

    @env.task
    def of_file(file: File, name: str) -> int:
        return count(name)

    @env.task
    def of_dir(folder: Dir, name: str) -> int:
        return count(name)

    @env.task
    def of_frame(frame: pd.DataFrame, name: str) -> int:
        return count(name)

    if __name__ == "__main__":
        one, two, other = (Path(FOLDER, name) for name in ("one", "two", "other"))
        for path, content in ((one, "same"), (two, "same"), (other, "different")):
            path.mkdir()
            (path / "file.txt").write_text(content)
        tell(lambda: [outputs(of_file, File.from_local_sync(str(p / "file.txt")), FOLDER + "/f")[0]
                      for p in (one, two, other, one)])
        tell(lambda: [outputs(of_dir, Dir.from_local_sync(str(p)), FOLDER + "/d")[0] for p in (one, two, other, one)])
        tell(lambda: [outputs(of_frame, pd.DataFrame({"x": x}), FOLDER + "/p")[0] for x in ([1], [1], [2], [1], [1.0])])
"""
    )
    told = told_by_script(home, "files.py", text)
    assert [eval(_value(one)["value"]) for one in told] == [[1, 1, 2, 1], [1, 1, 2, 1], [1, 1, 2, 1, 3]]


def test_two_processes_share_one_execution(home: Home) -> None:
    script = home.script(
        "shared.py",
        "import flytenb as flyte"
        + COUNT.replace("\n    ", "\n")
        + """
@env.task
async def slow(name: str) -> int:
    await asyncio.sleep(1)
    return count(name)

if __name__ == "__main__":
    print(flyte.run(slow, FOLDER + "/count").outputs()[0])
""",
    )
    home.cli("engine", "start")
    both = [home.popen(str(script)) for _ in range(2)]
    assert [one.communicate(timeout=60)[0].split() for one in both] == [["1"], ["1"]]


def test_a_notebook_and_a_script_share_results(home: Home) -> None:
    body = """
env = flyte.TaskEnvironment(name="s", cache="auto")
LIMIT = 3

def helper(x: int) -> int:
    return x + LIMIT

@env.task
def t(x: int) -> list[int]:
    import random
    return [helper(x), random.getrandbits(60)]
"""
    by_script = told_by_script(
        home, "same.py", body + 'if __name__ == "__main__":\n    tell(lambda: outputs(t, 1)[0])\n'
    )
    by_cells = told_by_cells(home, *body.split("\n\n"), "tell(lambda: outputs(t, 1)[0])")
    moved = body.split("\n\n")
    first = '# moved\nenv = flyte.TaskEnvironment(name="s", cache="auto")'
    by_moved = told_by_cells(home, "LIMIT = 3", moved[1], first, moved[2], "tell(lambda: outputs(t, 1)[0])")
    (path,) = home.path.parent.glob("work/same.py")
    by_cli = home.cli("run", str(path), "t", "--x", "1", "-o", "json").stdout
    assert by_script[0]["value"] == by_cells[0]["value"] == by_moved[0]["value"]
    assert by_script[0]["value"].split(",")[1].strip(" ]") in by_cli
    assert len(home.rows("select 1 from cache")) == 1


def test_a_parent_that_runs_again_sees_what_it_saw(home: Home) -> None:
    text = (
        COUNT
        + """
    import os

    @env.task
    def leaf(x: int, name: str) -> int:
        return x * 100 + count(name + str(x))

    @env.task(cache="disable", retries=1)
    async def parent(name: str) -> list[int]:
        seen = [await leaf.aio(x, name) for x in (1, 2, 1)]
        Path(name + "saw").open("a").write(repr(seen) + chr(10))
        if count(name + "tries") == 1:
            # Meanwhile somebody else makes another result.
            flyte.with_runcontext(overwrite_cache=True).run(leaf, 1, name).outputs()
            raise ValueError("once more")
        return seen

    if __name__ == "__main__":
        name = FOLDER + "/n"
        tell(lambda: [outputs(leaf, x, name)[0] for x in (1, 2)])
        run = flyte.run(parent, name)
        tell(lambda: run.outputs()[0])
        saw = Path(name + "saw")
        tell(lambda: (saw.read_text().split(chr(10)), len(run.snapshot().actions), outputs(leaf, 1, name)[0]))
"""
    )
    told = told_by_script(home, "again.py", text)
    first, again, (saw, actions, now) = (eval(_value(one)["value"]) for one in told)
    assert (first, again) == ([101, 201], [101, 201, 101])
    assert saw == ["[101, 201, 101]", "[101, 201, 101]", ""]
    assert (actions, now) == (4, 102)
