"""A key that may be incomplete never hits, and the run says why and what to write."""

from __future__ import annotations

import pytest

from tests.integration.conftest import Home
from tests.integration.telling import check_sentence, told_by_script

pytestmark = pytest.mark.engine

SCRIPT = """
    import subprocess, sys
    from pathlib import Path
    import doubtful, sound
    env = flyte.TaskEnvironment(name="doubt", cache="auto")

    def count(name: str) -> int:
        with open(name, "a") as file:
            file.write("x")
        return Path(name).stat().st_size

    @env.task
    def first(name: str) -> int:
        return count(name) + doubtful.level()

    @env.task
    def second(name: str) -> int:
        return count(name) + sound.level()

    @env.task(cache=flyte.Cache("auto", version_override="1"))
    def third(name: str) -> int:
        return count(name) + doubtful.level()

    @env.task(cache="disable")
    async def parent(name: str) -> list[int]:
        return [await first.aio(name), await second.aio(name), await third.aio(name)]

    if __name__ == "__main__":
        folder = sys.argv[1]
        for task in (first, second, third):
            for _ in range(2):
                tell(lambda: outputs(task, f"{folder}/{task.short_name}")[0])
        run = flyte.run(parent, f"{folder}/all")
        tell(lambda: run.outputs()[0])
        again = flyte.run(parent, f"{folder}/all")
        tell(lambda: again.outputs()[0])
        tell(lambda: list(again.snapshot().run.origin.get("doubts", ())))
"""


def test_a_doubtful_key_never_hits(home: Home) -> None:
    home.script("doubtful.py", "import os\nLEVEL = int(os.environ.get('LEVEL', '0'))\ndef level(): return LEVEL\n")
    home.script("sound.py", "LEVEL = 0\ndef level(): return LEVEL\n")
    *values, doubts = told_by_script(home, "doubt.py", SCRIPT, str(home.path.parent))
    # The first counts on, the others are taken from the cache.
    assert [one["value"] for one in values] == ["1", "2", "1", "1", "1", "1", "[1, 2, 3]", "[4, 2, 3]"]
    (told,) = eval(doubts["value"])
    parts = "first is not taken from the cache", "module doubtful, line 2: reads the environment", "version_override"
    check_sentence(told, *parts)


MAIN = """
    import os, sys
    from pathlib import Path
    import quiet, switch
    env = flyte.TaskEnvironment(name="main", cache="auto")
    LEVEL = os.environ.get("LEVEL", "")

    @env.task
    def t(name: str) -> int:
        with open(name, "a") as file:
            file.write("x")
        return Path(name).stat().st_size

    if __name__ == "__main__":
        for _ in range(2):
            tell(lambda: outputs(t, sys.argv[1])[0])
        tell(lambda: list(flyte.run(t, sys.argv[1]).snapshot().run.origin["doubts"]))
"""


def test_a_script_that_reads_the_environment_is_in_doubt(home: Home) -> None:
    home.script("quiet.py", "import os\nHERE = os.environ.get('X')\n")
    home.script("switch.py", "import sys\nsys.dont_write_bytecode = True\n")
    one, two, doubts = told_by_script(home, "main.py", MAIN, str(home.path.parent / "count"))
    assert [one["value"], two["value"]] == ["1", "2"]
    (told,) = eval(doubts["value"])
    check_sentence(told, "module main", "reads the environment", "module switch", "changes sys.dont_write_bytecode")
    assert "quiet" not in told
    path = next(home.path.parent.glob("work/main.py"))
    by_cli = [home.cli("run", str(path), "t", "--name", str(home.path.parent / "count")).stdout for _ in range(2)]
    assert by_cli[0].count("from cache") == by_cli[1].count("from cache") == 0
