"""`flyte.build` and `flytenb build` with a real engine: one build for all, told live, kept."""

from __future__ import annotations

import json
import time

import pytest

from tests.docker.conftest import DockerHome

HEAD = """
    import json, sys, time
    import flytenb as flyte
"""


@pytest.fixture
def site(docker_home: DockerHome) -> DockerHome:
    docker_home.env["FLYTENB_BASE_IMAGE"] = "flytenb-test/python:{version}"
    return docker_home


def script(commands: list[str]) -> str:
    return (
        HEAD
        + f"""
    base = flyte.Image.from_debian_base((3, 11), name="shop")
    image = base.with_pip_packages("six==1.16.0").with_commands({commands!r})
    env = flyte.TaskEnvironment("shop", image=image)

    @env.task
    def version() -> str:
        import six
        return six.__version__
"""
    )


def test_two_processes_build_once_and_the_builds_are_kept(site: DockerHome) -> None:
    text = (
        script([f"echo {time.time()}; sleep 1"])
        + """
    if __name__ == "__main__":
        built = flyte.build(image)
        print(json.dumps([built.uri, built.image_id, built.distributions]))
    """
    )
    path = str(site.script("both.py", text))
    site.cli("engine", "start")
    two = [site.popen(path) for _ in range(2)]
    said = [json.loads(one.communicate(timeout=120)[0].splitlines()[-1]) for one in two]
    assert said[0] == said[1]
    assert "six==1.16.0" in said[0][2]
    (row,) = json.loads(site.cli("get", "build", "-o", "json").stdout)
    assert (row["phase"], row["image"]) == ("done", said[0][0])
    assert [layer["phase"] for layer in row["layers"]] in (["done", "done"], ["cached", "done"])
    site.cli("engine", "stop")
    shown = site.cli("get", "build", "1", "--log").stdout
    assert "2/2" in shown
    assert "sleep 1" in shown


def test_the_command_builds_prints_layers_and_tells_a_failing_line(site: DockerHome) -> None:
    good = str(site.script("good.py", script(["echo well"])))
    first = site.cli("build", good).stdout
    assert "2/2" in first
    assert "flytenb/shop:" in first
    assert "was there" in site.cli("build", good, "shop").stdout
    assert "FROM flytenb-test/python:3.11" in site.cli("build", good, "--dry-run").stdout
    bad = str(site.script("bad.py", script(["echo oh no; exit 5"])))
    failed = site.cli("build", bad, check=False)
    assert failed.returncode == 1
    assert "✗ 2/2" in failed.stdout
    assert "`echo oh no; exit 5` ended with status 5" in failed.stderr
    assert 'no environment "x"; it has shop' in site.cli("build", good, "x", check=False).stderr


def test_a_waiting_action_says_how_far_its_image_is(site: DockerHome) -> None:
    text = (
        script([f"echo {time.time()}; sleep 4"])
        + """
    if __name__ == "__main__":
        run = flyte.run(version)
        seen = set()
        while not run.done():
            from flytenb.client.handle import read_actions
            from flytenb.client.session import session
            seen.update(row.reason for row in read_actions(session(), run.name))
            time.sleep(0.2)
        print(json.dumps([run.outputs()[0], sorted(seen)]))
    """
    )
    said, reasons = json.loads(site.run(text).splitlines()[-1])
    assert said == "1.16.0"
    assert any("builds image shop: step 2 of 2, run echo" in reason for reason in reasons), reasons


def test_a_build_that_fails_fails_what_waits_for_it(site: DockerHome) -> None:
    text = (
        script(["echo oh no; exit 5"])
        + """
    if __name__ == "__main__":
        try:
            flyte.run(version).wait()
        except flyte.errors.ImageBuildError as error:
            print(json.dumps(str(error)))
    """
    )
    assert "`echo oh no; exit 5` ended with status 5" in json.loads(site.run(text).splitlines()[-1])


def test_what_the_image_has_not_is_said_before(site: DockerHome) -> None:
    text = (
        script(["echo well"])
        + """
    @env.task
    def wants_more() -> int:
        import msgspec
        return 1

    if __name__ == "__main__":
        run = flyte.run(wants_more)
        try:
            run.wait()
        except Exception:
            pass
        print(run.name)
    """
    )
    name = site.run(text).split()[-1]
    assert 'add it with .with_pip_packages("msgspec==' in site.cli("get", "run", name, "-o", "json").stdout.replace(
        "\\", ""
    )


def test_parents_do_without_what_only_their_children_need(site: DockerHome) -> None:
    text = """
import json, sys
from IPython.testing.globalipapp import start_ipython
shell = start_ipython()
shell.run_line_magic("load_ext", "flytenb")
shell.run_cell('''
import flytenb as flyte
import yaml
base = flyte.Image.from_debian_base((3, 11))
old = flyte.TaskEnvironment("old", image=base.clone(name="old").with_pip_packages("PyYAML==6.0.1"))
new = flyte.TaskEnvironment("new", image=base.clone(name="new").with_pip_packages("six==1.16.0"))

@old.task
def child(x: int) -> str:
    return yaml.__version__

@new.task
def parent(x: int) -> str:
    import six
    return six.__version__ + " " + child(x)

run = flyte.run(parent, x=1)
run.wait()
print("said", run.outputs()[0])
''')
"""
    assert "said 1.16.0 6.0.1" in site.run(text)
