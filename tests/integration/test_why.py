"""Edit a helper, a constant, an input, a package's version; then ask why. What a plan says is what then happens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.conftest import Home

pytestmark = pytest.mark.engine

SCRIPT = """
    import json, sys
    import flytenb as flyte
    import fakedist
    env = flyte.TaskEnvironment(name="digits", cache="auto")
    LIMIT = 3

    def clean(x: float) -> float:
        return x + 1

    @env.task
    def prep(n: int) -> list[float]:
        return [clean(float(i)) for i in range(n)]

    @env.task
    def fit(x: float, c: float) -> float:
        return min(x * c, LIMIT) + fakedist.add(0)

    @env.task(cache="disable")
    async def search(n: int, c: float) -> float:
        xs = await prep.aio(n)
        import asyncio
        return sum(await asyncio.gather(*(fit.aio(x, c) for x in xs)))

    if __name__ == "__main__":
        n, c = int(sys.argv[1]), float(sys.argv[2])
        plan = flyte.plan(search, n, c)
        run = flyte.run(search, n, c)
        run.wait()
        why = run.why()
        told = {"plan": plan.to_dict(), "why": why.to_dict(), "text": str(why), "name": run.name}
        told["actions"] = [[a.row.short_name, a.row.is_cached] for a in run.actions]
        told["one"] = [run.actions[i].why().to_dict() for i in (0, 1)]
        print("TOLD " + json.dumps(told))
"""


class Project:
    def __init__(self, home: Home) -> None:
        self.home = home
        self.site = home.path.parent / "site-packages"
        self.path = home.script("digits.py", SCRIPT)
        home.env["PYTHONPATH"] = f"{self.site}:{home.env.get('PYTHONPATH', '')}"
        self.install("1.0")

    def install(self, version: str) -> None:
        """A distribution, as pip leaves it."""
        for old in self.site.glob("*.dist-info"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        (self.site / "fakedist").mkdir(parents=True, exist_ok=True)
        (self.site / "fakedist" / "__init__.py").write_text("def add(x): return x\n")
        info = self.site / f"fakedist-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: fakedist\nVersion: {version}\n")
        (info / "RECORD").write_text("fakedist/__init__.py,,\n")

    def edit(self, before: str, now: str) -> None:
        text = self.path.read_text()
        assert before in text
        self.path.write_text(text.replace(before, now))

    def run(self, n: int = 3, c: float = 0.5) -> dict:
        done = self.home.python(str(self.path), str(n), str(c))
        return json.loads(done.stdout.split("TOLD ", 1)[1])


def verdicts(told: dict) -> dict[str, tuple[int, int, int]]:
    return {
        row["task"].rpartition(".")[2]: (row["hit_count"], row["run_count"], row["unknown_count"])
        for row in told["plan"]["rows"]
    }


def happened(told: dict) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for name, is_cached in told["actions"]:
        hits, runs = found.get(name, (0, 0))
        found[name] = (hits + is_cached, runs + (not is_cached))
    return found


def fits(told: dict) -> bool:
    """Whether all that the plan knew came true, and what was unknown is no more than it said."""
    now = happened(told)
    return all(
        hits <= now[task][0] <= hits + unknown and runs <= now[task][1] <= runs + unknown
        for task, (hits, runs, unknown) in verdicts(told).items()
    )


def of(told: dict, task: str) -> dict:
    return next(one for one in told["why"]["tasks"] if one["task"] == f"digits.{task}")


def test_every_edit_is_told(home: Home) -> None:
    project = Project(home)

    first = project.run()
    assert verdicts(first) == {"search": (0, 1, 0)}
    assert "never ran to its end" in first["plan"]["rows"][0]["why"]
    assert of(first, "prep")["headline"] == "task prep never ran before"
    assert of(first, "search")["verdict"] == "off"
    assert 'write cache="auto"' in of(first, "search")["headline"]

    again = project.run()
    assert verdicts(again) == {"search": (0, 1, 0), "prep": (1, 0, 0), "fit": (3, 0, 0)}
    assert fits(again)
    assert again["why"]["badge"] == "4 of 4 cached"
    hit = again["one"][1]
    assert (hit["verdict"], hit["nearest"]) == ("hit", f"{first['name']}/a1")
    assert f"taken from {first['name']}/a1" in hit["headline"]

    project.edit("LIMIT = 3", "LIMIT = 1")
    constant = project.run()
    assert verdicts(constant) == {"search": (0, 1, 0), "prep": (1, 0, 0), "fit": (0, 3, 0)}
    assert fits(constant)
    assert of(constant, "fit")["differences"][0]["words"] == f"value `LIMIT` was 3, is 1 ({project.path}, line 6)"
    assert constant["why"]["badge"] == "1 of 4 cached; LIMIT 3 → 1"

    project.edit("    return x + 1", "    y = x + 1\n    return y * 2")
    helper = project.run()
    # What prep gives may differ, and fit's code does not: nobody can know.
    assert verdicts(helper) == {"search": (0, 1, 0), "prep": (0, 1, 0), "fit": (0, 0, 3)}
    assert fits(helper)
    (difference,) = of(helper, "prep")["differences"]
    assert difference["words"] == f"function `clean` changed: {project.path}, line 8, was 2 lines, is 3"
    assert "-    return x + 1" in difference["diff"].splitlines()
    assert "clean changed" in helper["why"]["badge"]

    project.install("2.0")
    version = project.run()
    assert verdicts(version) == {"search": (0, 1, 0), "prep": (1, 0, 0), "fit": (0, 3, 0)}
    assert fits(version)
    assert [one["words"] for one in of(version, "fit")["differences"]] == ["fakedist 1.0 → 2.0"]

    other = project.run(c=0.25)
    assert verdicts(other)["fit"] == (0, 0, 3)
    assert fits(other)
    assert of(other, "fit")["headline"].startswith("input c was 0.5, is 0.25")

    assert "function `clean` changed" in home.cli("why", helper["name"]).stdout
    plain = json.loads(home.cli("why", helper["name"], "a1", "-o", "json").stdout)
    assert plain["verdict"] == "miss"


def test_plan_and_audit_on_the_command_line(home: Home) -> None:
    project = Project(home)
    name = project.run()["name"]
    planned = json.loads(home.cli("plan", str(project.path), "search", "--n", "3", "--c", "0.5", "-o", "json").stdout)
    assert (planned["based_on"], planned["hit_count"], planned["run_count"]) == (name, 4, 1)
    text = home.cli("plan", str(project.path), "search", "--n", "3", "--c", "0.5").stdout
    assert "fit ×3" in text
    assert "nothing was run" in text
    missing = home.cli("plan", str(project.path), "search", check=False)
    assert "needs --n --c" in missing.stderr

    audit = json.loads(home.cli("get", "run", name, "--audit").stdout)
    assert sorted(audit) == ["actions", "format", "origin", "placements", "run", "tasks", "who"]
    assert audit["format"] == "flytenb.audit/1"
    fit = audit["actions"][2]
    assert [one["name"] for one in fit["inputs"]] == ["x", "c"]
    assert len(fit["inputs"][0]["digest"]) == 32
    assert fit["placement"] in audit["placements"]
    names = {one["name"] for one in audit["tasks"]["digits.fit"]["ingredients"]}
    assert {"fit", "LIMIT", "fakedist"} <= names
    assert audit["who"]["script"] == str(project.path)


NESTED = """
    import asyncio, json, sys
    import flytenb as flyte
    env = flyte.TaskEnvironment(name="digits", cache="auto")

    def add(x: int) -> int:
        return x + 1

    def top(x: int) -> int:
        return x

    @env.task
    def first(x: int) -> int:
        return add(x)

    @env.task
    def second(x: int) -> int:
        return x % 2

    @env.task
    def third(x: int, y: int) -> int:
        return x + y

    @env.task
    async def inner(x: int) -> int:
        a = await first.aio(x)
        b = await second.aio(x)
        return await third.aio(a, b)

    @env.task(cache="disable")
    async def outer(n: int) -> list[int]:
        return [top(v) for v in await asyncio.gather(*(inner(i) for i in range(n)))]

    if __name__ == "__main__":
        n = int(sys.argv[1])
        plan = flyte.plan(outer, n)
        run = flyte.run(outer, n)
        run.wait()
        told = {"plan": plan.to_dict(), "text": str(plan), "name": run.name}
        told["actions"] = [[a.row.short_name, a.row.is_cached] for a in run.actions]
        print("TOLD " + json.dumps(told))
"""


def test_a_plan_is_what_then_happens(home: Home) -> None:
    path = home.script("nested.py", NESTED)

    def go(n: int = 3) -> dict:
        told = json.loads(home.python(str(path), str(n)).stdout.split("TOLD ", 1)[1])
        now = happened(told)
        for task, (hits, runs, unknown) in verdicts(told).items():
            seen = now.get(task, (0, 0))
            if unknown and task not in now:
                continue  # nobody called it
            assert hits <= seen[0] <= hits + unknown, f"{task} {told['text']} {now}"
            assert runs <= seen[1] <= runs + unknown, f"{task} {told['text']} {now}"
        return told

    def edit(before: str, now: str) -> None:
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, now))

    go()
    assert verdicts(go()) == {"outer": (0, 1, 0), "inner": (3, 0, 0)}
    edit("return x + 1", "return x + 2")
    go()  # all of inner runs, from a graph in which it was taken from the cache: what it calls is not known
    edit("return x + 2", "return x + 3")
    told = verdicts(go())
    assert told == {"outer": (0, 1, 0), "inner": (0, 3, 0), "first": (0, 3, 0), "second": (3, 0, 0), "third": (0, 0, 3)}
    edit("return x + 3", "return x + 1")  # back to what is cached
    assert verdicts(go())["inner"] == (3, 0, 0)
    edit("return x % 2", "return x % 3")
    go()
    edit("return x % 3", "return (x % 3)")  # no other code
    assert verdicts(go()) == {"outer": (0, 1, 0), "inner": (3, 0, 0)}
    edit("    return x\n", "    return x * 5\n")  # outer itself
    assert verdicts(go())["inner"] == (0, 0, 3)
    go(4)
    edit("return x + y", "return x * y")
    go(4)
    edit("return x * y", "return x - y")
    assert verdicts(go(4))["third"] == (0, 4, 0)
    edit("return x - y", "return x + y")
    edit("return x + 1", "return x + 2")
    go(4)
    edit("return x + y", "return x - y")
    edit("return x + 2", "return x + 1")
    # Both went back: what third is given now was cached once, with other inputs than in the last run.
    go(4)


LINEAGE = """
    import flytenb as flyte
    env = flyte.TaskEnvironment(name="lin")

    class Model:
        pass

    @env.task
    def table(n: int) -> dict[str, list[int]]:
        return {"a column of numbers": list(range(n))}

    @env.task
    async def top(n: int) -> dict[str, list[int]]:
        return await table.aio(n)

    @env.task
    def model(n: int) -> Model:
        return Model()

    @env.task
    def file(n: int) -> flyte.File:
        open("made.txt", "w").write("x" * n)
        return flyte.File.from_local_sync("made.txt")

    if __name__ == "__main__":
        run = flyte.run(top, 5)
        run.wait()
        equal = {"a column of numbers": list(range(5))}
        print([f"{p.action} {p.output} {p.task} {p.by}" for p in flyte.where(equal)])
        print([f"{p.action} {p.task} {p.by}" for p in flyte.where(run)])
        print([f"{p.action} {p.task} {p.by}" for p in flyte.where(run.actions[1])])
        made = flyte.run(model, 1).outputs()[0]
        (place,) = flyte.where(made)
        print(place.task, place.by, place.code.endswith("digits_lineage.py, line 16"))
        print([p.task for p in flyte.where(flyte.run(file, 50).outputs()[0])])
        print(flyte.where({"never returned by anyone": 1}))
        try:
            flyte.where(5)
        except ValueError as error:
            print(error)
"""


def test_where_a_value_came_from(home: Home) -> None:
    done = home.python(str(home.script("digits_lineage.py", LINEAGE)))
    assert done.stdout.splitlines() == [
        "['a1 o0 lin.table content', 'a0 o0 lin.top content']",
        "['a0 lin.top handle']",
        "['a1 lin.table handle']",
        "lin.model identity True",
        "['lin.file']",
        "no recorded action gave this value",
        "5 is too small to be told from equal values; ask for what holds it: a run, or what outputs() gave",
    ]


MAPPED = """
    import flytenb as flyte
    env = flyte.TaskEnvironment(name="mapped", cache="auto")

    def scaled(x: int) -> int:
        return x * FACTOR

    FACTOR = 2

    @env.task
    def part(x: int) -> int:
        return scaled(x)

    @env.task(cache="disable")
    def whole(n: int) -> list[int]:
        return list(flyte.map(part, range(n)))

    @env.task
    def large(n: int) -> list[int]:
        return list(range(n, n + 60_000))

    if __name__ == "__main__":
        run = flyte.run(whole, 100)
        run.wait()
        print(run.why("a50").headline)
        print(flyte.rerun(run.name).why("a0").verdict)
        again = flyte.run(part, 3)
        again.wait()
        rerun = flyte.rerun(again.name)
        rerun.wait()
        print(rerun.why("a0").headline)
        value = flyte.run(large, 7).outputs()[0]
        print([place.task for place in flyte.where(value)])
"""


def test_an_element_of_a_map_is_compared_with_its_own_past(home: Home) -> None:
    path = home.script("mapped.py", MAPPED)
    assert home.python(str(path)).stdout.splitlines() == [
        "task part never ran before",
        "off",
        "this call did not ask the cache: a rerun always runs what it begins with",
        "['mapped.large']",
    ]
    path.write_text(path.read_text().replace("FACTOR = 2", "FACTOR = 3"))
    second = home.python(str(path)).stdout.splitlines()
    assert second[0].startswith(f"value `FACTOR` was 2, is 3 ({path}, line 8), since ")


REASONS = """
    import flytenb as flyte
    import sys
    env = flyte.TaskEnvironment(name="why", cache="auto")

    @env.task
    def ok(n: int) -> int:
        return n

    @env.task
    def bad(n: int) -> int:
        raise ValueError("no")

    @env.task(cache="override")
    def always(n: int) -> int:
        return n

    @env.task
    def doubtful(n: int) -> int:
        return eval("n")

    @env.task(cache=flyte.Cache("auto", salt=sys.argv[1]))
    def salted(n: int) -> int:
        return n

    if __name__ == "__main__":
        def tell(task, runner=flyte):
            run = runner.run(task, 1)
            try:
                run.wait()
            except ValueError:
                pass
            why = run.why("a0")
            print(why.verdict, "|", why.headline)

        for task in (ok, bad, always, doubtful, salted):
            tell(task)
        tell(bad)
        tell(ok, flyte.with_runcontext(overwrite_cache=True))
        tell(ok, flyte.with_runcontext(disable_run_cache=True))
"""


def test_every_reason(home: Home) -> None:
    path = home.script("reasons.py", REASONS)
    first = home.python(str(path), "a").stdout.splitlines()
    told = [line.split(" | ") for line in first]
    assert [verdict for verdict, _ in told] == ["miss", "miss", "forced", "doubt", "miss", "miss", "forced", "off"]
    parts = [
        "never ran before", "never ran before", 'cache="override" always runs', "the key may be incomplete",
        "never ran before", "failed: only results are kept", "overwrite_cache was asked", "disable_run_cache",
    ]  # fmt: skip
    for (_, headline), expected in zip(told, parts, strict=True):
        assert expected in headline
    second = home.python(str(path), "b").stdout.splitlines()
    assert second[0].startswith("hit | taken from ")
    assert 'the cache\'s salt was "a", is "b"' in second[4]


def test_a_notebook_is_told_its_cells(home: Home) -> None:
    cells = [
        "%load_ext flytenb\nimport flytenb as flyte\nenv = flyte.TaskEnvironment(name='nb', cache='auto')\nC = 3",
        "def clean(x: int) -> int:\n    return x + C",
        "@env.task\ndef fit(x: int) -> int:\n    return clean(x)",
        "flyte.run(fit, 1).wait()",
        "def clean(x: int) -> int:\n    return x - C",
        "flyte.run(fit, 1).wait()",
        "print('TOLD', get_ipython().run_line_magic('flyte_why', 'last a0'))",
        "C = 4",
        "print('PLAN', get_ipython().run_line_magic('flyte_plan', 'fit x=1'))",
    ]
    shell = home.script(
        "shell.py",
        """
        import json, sys
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        for cell in json.load(open(sys.argv[1])):
            shell.run_cell(cell, store_history=True).raise_error()
        """,
    )
    sources = Path(shell).with_suffix(".json")
    sources.write_text(json.dumps(cells))
    text = home.python(str(shell), str(sources)).stdout
    told = text.partition("TOLD")[2]
    assert "function `clean` changed: Cell In[5], line 1, 2 lines" in told
    assert "-    return x + C" in told
    assert "value `C` was 3, is 4 (Cell In[8], line 1)" in text.partition("PLAN")[2]


OPTIONS = """
    import json, sys
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="options")

    @env.task(cache="auto")
    def one(x: int) -> int:
        return x + 1

    @env.task
    async def outer(x: int) -> int:
        return await one.aio(x)

    if __name__ == "__main__":
        flyte.init(project=sys.argv[1])
        flyte.with_runcontext(**json.loads(sys.argv[2])).run(outer, 1).wait()
        for words in sys.argv[3:]:
            plan = flyte.with_runcontext(**json.loads(words)).plan(outer, x=1)
            print(json.dumps([[row.task, row.hit_count, row.run_count, row.why] for row in plan.rows][1:]))
"""


def test_a_plan_keeps_to_the_options_of_its_run(home: Home) -> None:
    script = str(home.script("options.py", OPTIONS))
    options = ["{}", '{"overwrite_cache": true}', '{"disable_run_cache": true}']
    scoped = '{"cache_lookup_scope": "project-domain"}'
    told = [json.loads(line) for line in home.python(script, "a", "{}", *options, scoped).stdout.splitlines()]
    assert told == [
        [["options.one", 1, 0, ""]],
        [["options.one", 0, 1, "overwrite_cache: it runs and writes its result anew"]],
        [["options.one", 0, 1, "the cache is switched off for this run"]],
        [["options.one", 0, 1, "no such result is in the cache, or it is too old"]],
    ]
    (mine,) = home.python(script, "b", scoped, scoped).stdout.splitlines()
    assert json.loads(mine) == [["options.one", 1, 0, ""]]
    for words, expected in (("--overwrite-cache", 0), ("--disable-run-cache", 0), ("--name=x", 1)):
        planned = json.loads(home.cli("plan", words, script, "outer", "--x", "1", "-o", "json").stdout)
        assert planned["hit_count"] == expected, planned
    refused = home.cli("plan", script, "outer", "--x", "1", "--overwrite-cash", check=False)
    assert refused.returncode == 2
    assert "did you mean --overwrite-cache" in refused.stderr
