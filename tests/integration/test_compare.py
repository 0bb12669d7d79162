"""Two runs that differ in an input, a constant, an environment and the number of calls; and figures of them."""

from __future__ import annotations

import json

import pytest

from tests.integration.conftest import Home

pytestmark = pytest.mark.engine

SCRIPT = """
    import asyncio, json, sys
    import flytenb as flyte
    FACTOR = 2
    env = flyte.TaskEnvironment(name="digits", resources=flyte.Resources(cpu=0, memory="100Mi"))

    @flyte.trace
    async def read(x: int) -> int:
        return x

    @env.task(retries=1)
    async def fit(x: int) -> int:
        if x == 1 and flyte.ctx().attempt_number == 0:
            raise ValueError("bad row")
        return await read(x) * FACTOR

    @env.task
    async def search(n: int, name: str = "a") -> int:
        return sum(await asyncio.gather(*(fit(x) for x in range(n))))

    if __name__ == "__main__":
        run = flyte.run(search, n=int(sys.argv[1]))
        run.wait()
        figures = {"timeline": [one.name for one in run.timeline().data], "resources": len(run.resources().data)}
        print(json.dumps([run.name, figures]))
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("compare") / "home")
    home.path.mkdir()
    first = home.python(str(home.script("digits.py", SCRIPT)), "2").stdout
    edited = SCRIPT.replace("FACTOR = 2", "FACTOR = 3").replace("100Mi", "200Mi")
    told = [json.loads(first), json.loads(home.python(str(home.script("digits.py", edited)), "3").stdout)]
    yield home, told
    home.cli("engine", "stop", "--force", check=False)


def test_what_differs_is_told_by_part(runs):
    home, ((before, _), (after, _)) = runs
    found = json.loads(home.cli("compare", before, after, "-o", "json").stdout)
    rows = {(row["part"], row["name"]): row for row in found["rows"]}
    assert rows["inputs", "n"]["change"] == "+1"
    assert rows["inputs", "name"]["is_same"]
    assert rows["code", "fit"]["after"].startswith("value `FACTOR` was 2, is 3")
    assert (rows["environment", "digits: memory"]["before"], rows["environment", "digits: memory"]["after"]) == (
        "100 MiB", "200 MiB",
    )  # fmt: skip
    assert rows["environment", "digits: python"]["is_same"]
    assert rows["tasks", "fit: calls"]["change"] == "+1"
    assert rows["tasks", "fit: further attempts"]["is_same"]
    assert (rows["outputs", "result"]["before"], rows["outputs", "result"]["after"]) == ("2", "9")
    assert [one[0] for one in found["times"]] == ["search", "fit"]
    text = home.cli("compare", before, after).stdout
    assert text.startswith(f"{before} → {after}: ")
    assert "    n: 2 → 3 (+1)\n" in text
    # Of one name the other is the run of its task before it.
    assert home.cli("compare", "last").stdout == text


def test_there_is_nothing_to_compare_a_first_run_with(runs):
    home, ((before, _), _) = runs
    done = home.cli("compare", before, check=False)
    assert done.returncode != 0
    assert f'no run of task "digits.search" before {before} succeeded: name the run to compare it with' in done.stderr


def test_figures_of_a_real_run(runs):
    _, ((_, figures), _) = runs
    assert "Earlier attempt" in figures["timeline"]
    assert "Traced call" in figures["timeline"]
    assert any("critical path" in name for name in figures["timeline"])
    assert figures["resources"] > 0


def test_the_runs_of_a_home(runs):
    home, ((before, _), (after, _)) = runs
    code = (
        "import flytenb as flyte; print([run.name for run in flyte.runs]); print(flyte.runs);"
        "print(flyte.runs['last'].name, flyte.runs[1].name, len(flyte.runs(limit=1).list()));"
        "print([trace.name for trace in flyte.runs.plot().data]); print(len(flyte.runs._repr_html_()) > 100);"
        "print(flyte.compare(flyte.runs[1], flyte.runs[0])._repr_html_().count('<table'))"
    )
    told = home.python("-c", code).stdout.splitlines()
    assert told[0] == f"['{after}', '{before}']"
    assert told[1].startswith(f"✔ {after}")
    assert told[3:] == [f"{after} {before} 1", "['Succeeded']", "True", "6"]
