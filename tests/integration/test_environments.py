"""Images without a container engine: real virtual environments on a real engine."""

from __future__ import annotations

import json
import os
import sys
import textwrap

import pytest

from flytenb.images.pythons import find_python, find_uv
from tests.integration.conftest import Home, until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]
#: Two versions of a small distribution that nothing here needs in either of them.
OLD, NEW = "iniconfig==1.1.1", "iniconfig==2.0.0"

HEAD = """
import asyncio, json, sys
from importlib.metadata import distributions, version
import flytenb as flyte

def image(*packages, **options):
    return flyte.Image.from_debian_base(**options).with_pip_packages(*packages)

def report(run):
    value, told = run.value(), {}
    for action in run.actions:
        placement = action.placement
        told[action.task_name.rpartition(".")[2]] = placement and {
            name: getattr(placement, name) for name in ("executor", "reason", "environment", "distributions", "notes")
        }
    print(json.dumps({"value": value, "placements": told}))
"""


@pytest.fixture
def bare(home: Home) -> Home:
    """A home where no container engine answers."""
    home.env["DOCKER_HOST"] = f"unix://{home.path.parent}/no-docker.sock"
    home.env.pop("FLYTENB_EXECUTOR", None)
    home.env.pop("FLYTENB_IMAGES", None)
    return home


def told(home: Home, body: str, **options):
    """What a script prints at last; from "RUN" on it is the script's main part."""
    head, _, main = body.partition("RUN\n")
    text = f"{HEAD}{head}\nif __name__ == '__main__':\n" + textwrap.indent(main, "    ")
    done = home.python(str(home.script("job.py", text)), timeout=100, **options)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else done


def test_conflicting_versions_in_one_run(bare: Home):
    answer = told(
        bare,
        f"""
old, new = flyte.TaskEnvironment("old", image=image("{OLD}")), flyte.TaskEnvironment("new", image=image("{NEW}"))
env = flyte.TaskEnvironment("main", depends_on=[old, new])

@old.task
async def with_old() -> list[str]:
    return [version("iniconfig"), *sorted(one.name for one in distributions())]

@new.task
async def with_new() -> list[str]:
    return [version("iniconfig"), *sorted(one.name for one in distributions())]

@env.task
async def both() -> list[list[str]]:
    return await asyncio.gather(with_old(), with_new())

RUN
report(flyte.run(both))
""",
    )
    assert answer["value"] == [["1.1.1", "iniconfig"], ["2.0.0", "iniconfig"]]
    first, second = answer["placements"]["with_old"], answer["placements"]["with_new"]
    assert first["distributions"] == [OLD]
    assert second["distributions"] == [NEW]
    assert first["environment"] != second["environment"]
    assert first["reason"] == "no Docker engine answers"
    assert answer["placements"]["both"]["reason"] == "its environment names no image"
    shown = bare.cli("get", "run", "last").stdout
    assert "env old      virtual environment (iniconfig 1.1.1), no Docker engine answers" in shown
    assert "packages     iniconfig==2.0.0" in bare.cli("get", "action", "last", "a2").stdout
    assert (
        json.loads(bare.cli("get", "action", "last", "a1", "-o", "json").stdout)["placement"]["executor"] == "process"
    )


def test_nothing_of_the_caller_is_seen_in_an_environment(bare: Home):
    bare.env["PYTHONPATH"] = os.pathsep.join((str(bare.path.parent / "modules"), bare.env.get("PYTHONPATH", "")))
    (bare.path.parent / "modules").mkdir()
    (bare.path.parent / "modules" / "of_the_caller.py").write_text("")
    answer = told(
        bare,
        f"""
env = flyte.TaskEnvironment("apart", image=image("{OLD}").with_env_vars({{"COLOUR": "blue", "SHAPE": "round"}}),
                            env_vars={{"SHAPE": "square"}})

@env.task
def look() -> list[str]:
    import importlib.util, os, subprocess, sys
    found = [one for one in ("numpy", "click", "pytest", "of_the_caller") if importlib.util.find_spec(one)]
    inner = "import importlib.util as u; print(u.find_spec('iniconfig') is not None, u.find_spec('click') is not None)"
    said = subprocess.run(["python", "-c", inner], capture_output=True, text=True).stdout.split()
    flyte_is_here = importlib.util.find_spec("flytenb") is not None
    return [*found, *said, str(flyte_is_here), os.environ["COLOUR"], os.environ["SHAPE"], sys.prefix]

RUN
report(flyte.run(look))
""",
    )
    *seen, prefix = answer["value"]
    assert seen == ["True", "False", "True", "blue", "square"]
    assert prefix == answer["placements"]["look"]["environment"]


def test_an_environment_that_satisfies_is_used_as_it_is(bare: Home):
    answer = told(
        bare,
        """
env = flyte.TaskEnvironment("here", image=image("packaging>=20", "msgspec"))

@env.task
def where() -> str:
    return sys.prefix

RUN
report(flyte.run(where))
""",
    )
    placement = answer["placements"]["where"]
    assert answer["value"] == sys.prefix
    assert placement["reason"] == (
        "the caller's environment satisfies every layer of the image; no Docker engine answers"
    )
    assert placement["environment"] == ""
    assert any(one.startswith("packaging==") for one in placement["distributions"])
    assert not (bare.path / "environments").exists()


APT = """
env = flyte.TaskEnvironment("tools", image=flyte.Image.from_debian_base().with_apt_packages("git"))

@env.task
def where() -> str:
    return sys.prefix
"""


def test_auto_notes_what_was_left_out(bare: Home):
    answer = told(bare, APT + "RUN\nreport(flyte.run(where))")
    assert answer["value"] == sys.prefix
    assert answer["placements"]["where"]["notes"] == [
        'it runs in the caller\'s environment without layer "apt git": that needs a container and no Docker engine '
        'answers (start Docker, or refuse such runs with images="strict")'
    ]
    shown = bare.cli("get", "run", "last").stdout
    assert "! note       tools: it runs in the caller's environment without layer \"apt" in shown


def test_auto_realises_the_rest_where_one_layer_needs_a_container(bare: Home):
    answer = told(
        bare,
        f"""
env = flyte.TaskEnvironment("tools", image=image("{NEW}").with_commands(["make all"]))

@env.task
def which() -> str:
    return version("iniconfig")

RUN
report(flyte.run(which))
""",
    )
    placement = answer["placements"]["which"]
    assert answer["value"] == "2.0.0"
    assert placement["environment"]
    assert placement["notes"][0].startswith('it runs in a virtual environment without layer "run make all": that needs')


@pytest.mark.parametrize("how", ['with_runcontext(images="strict")', "init"])
def test_strict_refuses_with_the_fix(bare: Home, how: str):
    start = 'flyte.init(images="strict"); run = flyte.run(where)' if how == "init" else f"run = flyte.{how}.run(where)"
    done = told(bare, f"{APT}\nRUN\n{start}\nrun.wait()", check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert "ImageBuildError: image" in done.stderr
    assert (
        'layer "apt git" can only be realised in a container and no Docker engine answers; start Docker, or allow'
        in last
    )


def test_ignore_never_looks(bare: Home):
    bare.env["FLYTENB_IMAGES"] = "ignore"
    answer = told(
        bare,
        APT.replace('with_apt_packages("git")', 'with_pip_packages("no-such-thing-at-all")')
        + "RUN\nreport(flyte.run(where))",
    )
    assert answer["value"] == sys.prefix
    assert answer["placements"]["where"]["notes"] == []
    assert answer["placements"]["where"]["reason"].startswith('images are ignored (images="ignore")')


def test_containers_without_an_engine_are_refused(bare: Home):
    bare.env["FLYTENB_EXECUTOR"] = "docker"
    done = told(bare, APT + "RUN\nflyte.run(where).wait()", check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("flytenb.errors.ContainerEngineError: image")
    assert "there is no socket" in last
    assert 'executor="process"' in last


def test_a_missing_package_is_named(bare: Home):
    done = told(
        bare,
        f"""
env = flyte.TaskEnvironment("bad", image=image("{NEW}", "no-such-distribution-of-ours==9.9"))

@env.task
def never() -> None: ...

RUN
flyte.run(never).wait()
""",
        check=False,
    )
    assert "flytenb.errors.ImageBuildError: layer" in done.stderr
    assert (
        'cannot be installed into a virtual environment: "no-such-distribution-of-ours==9.9" cannot be had; '
        in done.stderr
    )
    assert "check names and versions, and the package index" in done.stderr
    assert not [one for one in (bare.path / "environments").iterdir() if one.is_dir()]


def test_another_python(bare: Home):
    minor = next(
        (one for one in ((3, 12), (3, 13), (3, 10)) if one != sys.version_info[:2] and find_python(one, find_uv())),
        None,
    )
    if minor is None:
        pytest.skip("this machine has one Python only")
    answer = told(
        bare,
        f"""
env = flyte.TaskEnvironment("other", image=image("{NEW}", python_version={minor}))
plain = flyte.TaskEnvironment("plain", image=flyte.Image.from_debian_base(python_version={minor}))

@env.task
def which(n: int) -> list[int]:
    return [n, *sys.version_info[:2]]

@plain.task
def none() -> list[int]:
    return list(sys.version_info[:2])

RUN
report(flyte.run(which, 7 + flyte.run(none).value()[1]))
""",
    )
    assert answer["value"] == [7 + minor[1], *minor]


def test_a_python_that_is_not_here(bare: Home):
    body = """
env = flyte.TaskEnvironment("none", image=image("iniconfig==2.0.0", python_version=(3, 99)))

@env.task
def which() -> list[int]:
    return list(sys.version_info[:2])
"""
    answer = told(bare, body + "RUN\nreport(flyte.run(which))")
    assert answer["value"] == list(sys.version_info[:2])
    assert "Python 3.99 is not on this machine: install it" in answer["placements"]["which"]["notes"][0]
    done = told(bare, body + 'RUN\nflyte.with_runcontext(images="strict").run(which).wait()', check=False)
    assert "no virtual environment can be made (Python 3.99 is not on this machine" in done.stderr


def test_files_and_working_directory(bare: Home):
    folder = bare.path.parent / "data"
    folder.mkdir()
    (folder / "words.txt").write_text("ja")
    (bare.path.parent / "one.txt").write_text("nein")
    answer = told(
        bare,
        f"""
from pathlib import Path
made = image("packaging").with_workdir("/app").with_source_folder(Path({str(folder)!r}))
made = made.with_source_file(Path({str(bare.path.parent / "one.txt")!r}), "/app/deep/one.txt")
env = flyte.TaskEnvironment("files", image=made)

@env.task
def read() -> list[str]:
    return [Path("data/words.txt").read_text(), Path("deep/one.txt").read_text()]

RUN
report(flyte.run(read))
""",
    )
    assert answer["value"] == ["ja", "nein"]


def test_projects_requirements_and_scripts(bare: Home):
    work = bare.path.parent / "sources"
    (work / "project" / "src" / "ours").mkdir(parents=True)
    (work / "project" / "src" / "ours" / "__init__.py").write_text("ANSWER = 42\n")
    (work / "project" / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "ours"\nversion = "1.0"\nrequires-python = ">=3.10"\ndependencies = ["iniconfig<2"]\n'
    )
    (work / "requirements.txt").write_text("# ours\niniconfig \\\n  >=2\n-c limits.txt\n")
    (work / "limits.txt").write_text("iniconfig<2.0.1\n")
    (work / "job.py").write_text('# /// script\n# dependencies = ["iniconfig==1.1.1"]\n# ///\n')
    answer = told(
        bare,
        f"""
from pathlib import Path
work = Path({str(work)!r})
base = flyte.Image.from_debian_base()
asked = flyte.TaskEnvironment("asked", image=base.with_requirements(work / "requirements.txt"))
script = flyte.TaskEnvironment("script", image=flyte.Image.from_uv_script(work / "job.py", name="job"))
project = flyte.TaskEnvironment("project", image=base.with_uv_project(
    work / "project" / "pyproject.toml", project_install_mode="install_project"))
env = flyte.TaskEnvironment("main", depends_on=[asked, script, project])

@asked.task
async def one() -> str:
    return version("iniconfig")

@script.task
async def two() -> str:
    return version("iniconfig")

@project.task
async def three() -> str:
    import ours
    return f"{{version('iniconfig')}} {{ours.ANSWER}}"

@env.task
async def all_of_them() -> list[str]:
    return list(await asyncio.gather(one(), two(), three()))

RUN
report(flyte.run(all_of_them))
""",
    )
    assert answer["value"][:2] == ["2.0.0", "1.1.1"]
    assert answer["value"][2].endswith(" 42")
    assert answer["value"][2].startswith("1.")


def test_an_environment_is_made_once_and_half_made_ones_never_count(bare: Home):
    body = f"""
env = flyte.TaskEnvironment("one", image=image("{NEW}"))

@env.task
def which() -> str:
    return version("iniconfig")

RUN
report(flyte.run(which))
"""
    first = told(bare, body)
    environment = first["placements"]["which"]["environment"]
    made_at = os.stat(os.path.join(environment, "pyvenv.cfg")).st_mtime_ns
    bare.cli("engine", "stop")
    assert told(bare, body)["value"] == "2.0.0"
    assert os.stat(os.path.join(environment, "pyvenv.cfg")).st_mtime_ns == made_at
    bare.cli("engine", "stop")
    os.remove(os.path.join(environment, "flytenb-environment.json"))
    assert told(bare, body)["value"] == "2.0.0"
    assert os.stat(os.path.join(environment, "pyvenv.cfg")).st_mtime_ns != made_at


def test_an_engine_killed_while_it_makes_one_is_followed_by_one_that_makes_it(bare: Home):
    """A package whose build takes long; killed in its middle, made anew by the next engine."""
    package = bare.path.parent / "slow"
    package.mkdir()
    (package / "slow_to_make.py").write_text("DONE = True\n")
    started = bare.path.parent / "started"
    (package / "setup.py").write_text(
        "import os, time\nfrom setuptools import setup\n"
        f"marker = {str(started)!r}\n"
        "if not os.path.exists(marker):\n"
        "    with open(marker, 'w') as file:\n        file.write(str(os.getpid()))\n    time.sleep(600)\n"
        "setup(name='slow-to-make', version='1', py_modules=['slow_to_make'])\n"
    )
    script = bare.script(
        "job.py",
        HEAD
        + f"""
env = flyte.TaskEnvironment("slow", image=image({str(package)!r}))

@env.task
def which() -> str:
    import slow_to_make
    return version("slow-to-make")

if __name__ == "__main__":
    report(flyte.run(which))
""",
    )
    running = bare.popen(str(script))
    until(lambda: started.exists() and started.read_text(), "the build to begin", 60)
    waits = json.loads(bare.cli("get", "action", "last", "-o", "json").stdout)[0]
    assert waits["phase"] == "waiting_for_resources"
    assert waits["reason"].startswith("prepares a virtual environment: step 1 of 1, pip ")
    assert bare.kill_engine()
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["value"] == "1"
    assert not _runs(int(started.read_text()))


def test_stopping_the_engine_ends_what_it_makes(bare: Home):
    package = bare.path.parent / "slow"
    package.mkdir()
    started = bare.path.parent / "started"
    (package / "setup.py").write_text(
        f"import os, time\nopen({str(started)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    script = bare.script(
        "job.py",
        HEAD
        + f"""
env = flyte.TaskEnvironment("slow", image=image({str(package)!r}))

@env.task
def which() -> None: ...

if __name__ == "__main__":
    flyte.run(which)
""",
    )
    bare.python(str(script))
    until(lambda: started.exists() and started.read_text(), "the build to begin", 60)
    builder = int(started.read_text())
    bare.cli("engine", "stop", "--force")
    until(lambda: not _runs(builder), "the build to end", 60)
    assert not [one for one in (bare.path / "environments").iterdir() if one.is_dir()]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
