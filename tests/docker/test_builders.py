"""Builders other than the usual one: plug-ins, uv inside of the base, locked projects; and what is given up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from flytenb.images.installing import machine_settings
from flytenb.images.keeping import DAY_S, images, note_use, prune_images, used_path
from flytenb.model.build import CACHED
from flytenb.sdk.image import Image
from tests.docker.conftest import DockerHome
from tests.docker.engine import DockerEngine
from tests.docker.test_build import Site
from tests.integration.conftest import until


@pytest.fixture
def site(docker_engine: DockerEngine, tmp_path: Path) -> Site:
    return Site(docker_engine, tmp_path / "home")


PLUGIN = """
    import json, os, subprocess
    import flytenb as flyte
    from flyte_like import Builder

    base = flyte.Image.from_base("flytenb-test/python:3.11").clone(name="plug", extendable=True)
    env = flyte.TaskEnvironment("plug", image=base.with_env_vars({"LEFT": "to the builder"}))

    @env.task
    def look() -> list[str]:
        return [os.environ.get("MADE_BY", "nobody"), os.environ.get("LEFT", "not there")]

    if __name__ == "__main__":
        HOW
        built = flyte.build(env.image)
        run = flyte.run(look)
        print(json.dumps([run.outputs()[0], built.uri]))
"""

BUILDER = '''
"""A tiny builder: `docker build` of two lines."""
import subprocess
from flytenb.sdk.later import ImageBuild


class Builder:
    async def build_image(self, image, dry_run, wait=True, force=False):
        assert image.uri
        subprocess.run(
            ["docker", "build", "-q", "-t", "plugged:1", "-"], check=True, capture_output=True,
            input=b"FROM flytenb-test/python:3.11\\nENV MADE_BY=plugin\\n",
        )
        return ImageBuild(uri="plugged:1")

    def get_checkers(self):
        return None
'''


@pytest.mark.parametrize("is_installed", [False, True], ids=["registered", "entry point"])
def test_a_plug_in_builds_what_tasks_run_in(docker_home: DockerHome, is_installed: bool) -> None:
    library = docker_home.path.parent / "library"
    library.mkdir()
    (library / "flyte_like.py").write_text(BUILDER)
    if is_installed:
        facts = library / "flyte_like-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Name: flyte-like\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text("[flyte.plugins.image_builders]\ntiny = flyte_like:Builder\n")
        how = 'flyte.init(image_builder="tiny")'
    else:
        how = (
            'import flytenb.extend as extend; extend.ImageBuildEngine.register("tiny", Builder); '
            'flyte.init(image_builder="tiny")'
        )
    docker_home.env["PYTHONPATH"] = os.pathsep.join((docker_home.env.get("PYTHONPATH", ""), str(library)))
    told = json.loads(docker_home.run(PLUGIN.replace("HOW", how)).strip().splitlines()[-1])
    assert told == [["plugin", "not there"], "plugged:1"]


@pytest.fixture(scope="module")
def uv(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program, wherever it can be had."""
    if found := shutil.which("uv"):
        return found
    folder = tmp_path_factory.mktemp("uv")
    pip = [sys.executable, "-m", "pip"] if find_spec("pip") else [shutil.which("pip") or "pip"]
    subprocess.run([*pip, "install", "-q", "--target", folder, "uv"], check=True)
    return str(folder / "bin" / "uv")


def with_uv(site: Site) -> Image:
    """A base that has uv."""
    built = site.build(site.base.with_pip_packages("uv"))
    return Image.from_base(built.name).clone(name=f"uv-{os.getpid()}", extendable=True)


def said(site: Site) -> str:
    """What the layers of the last build wrote."""
    return "\n".join(log.text for log in site.last_progress.logs())


def test_uv_is_used_where_the_base_has_it(site: Site) -> None:
    built = site.build(with_uv(site).with_pip_packages("six==1.16.0"))
    assert "six==1.16.0" in built.distributions
    assert "Resolved 1 package" in said(site)


def test_a_locked_uv_project(site: Site, tmp_path: Path, uv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions are those of the lock, where a newer one may be had; the project itself only where it is asked for."""
    monkeypatch.setenv("PATH", f"{Path(uv).parent}:{os.environ['PATH']}")
    project, lock = tmp_path / "pyproject.toml", tmp_path / "uv.lock"
    text = '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["six<1.17", "idna"]\n'
    project.write_text(text)
    settings = machine_settings(tmp_path).variables
    subprocess.run([uv, "lock", "--project", tmp_path], env={**os.environ, **settings}, check=True, cwd=tmp_path)
    assert 'version = "1.16.0"' in lock.read_text()
    # As `uv lock` leaves it when only the bound has gone: what was chosen stays.
    project.write_text(text.replace("six<1.17", "six"))
    lock.write_text(lock.read_text().replace('{ name = "six", specifier = "<1.17" }', '{ name = "six" }'))
    for base in (site.base, with_uv(site)):
        image = base.with_uv_project(project, lock)
        built = site.build(image)
        assert "six==1.16.0" in built.distributions
        assert any(one.startswith("idna==") for one in built.distributions)
        assert not any(one.startswith("p==") for one in built.distributions)
        assert site.build(image, force=True).image_id == built.image_id
        assert {layer.phase for layer in site.last.layers} == {CACHED}


# ---- given up ------------------------------------------------------------------------------------------------------

SLOW = """
    import sys, time
    import flytenb as flyte

    IMAGE
    env = flyte.TaskEnvironment("slow", image=image)

    @env.task
    def one() -> int:
        return 1

    if __name__ == "__main__":
        runs = [flyte.run(one) for _ in range(int(sys.argv[1]))]
        print(*(run.name for run in runs))
"""
BY_STEPS = """
    base = flyte.Image.from_base("flytenb-test/python:3.11").clone(name="slow", extendable=True)
    image = base.with_commands(["echo MARK", "sleep 60"])
"""
BY_DOCKERFILE = """
    from pathlib import Path
    folder = Path("context").absolute()  # apart from the home, whose files change
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text("FROM flytenb-test/python:3.11\\nRUN echo MARK && sleep 60\\n")
    image = flyte.Image.from_dockerfile(folder / "Dockerfile", registry="", name="slow")
"""


@pytest.mark.parametrize("image", [BY_STEPS, BY_DOCKERFILE], ids=["steps", "Dockerfile"])
def test_a_build_ends_with_the_last_run_that_waits_for_it(docker_home: DockerHome, image: str) -> None:
    image = image.replace("MARK", str(time.time()))
    first, second = docker_home.run(SLOW.replace("IMAGE", image), "2").split()

    def builds() -> list[dict]:
        return json.loads(docker_home.cli("get", "build", "-o", "json").stdout)

    until(lambda: any(layer.get("phase") == "building" for row in builds() for layer in row["layers"]), "a build", 60)
    docker_home.cli("abort", "run", first)
    time.sleep(1)
    assert builds()[0].get("phase", "building") == "building"  # the other one waits
    docker_home.cli("abort", "run", second)
    until(lambda: builds()[0].get("phase") == "given up", "the end of the build", 40)
    until(lambda: not docker_home.containers(), "the build's container to go")
    until(lambda: not [one for one in docker_home.docker.api.containers() if "sleep 60" in one["Command"]], "its end")


def test_images_are_listed_and_go_when_nobody_uses_them(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", site.host)
    built = site.build(site.base.with_commands([f"echo {time.time()}"]))
    other = site.build(site.base.with_commands([f"echo {time.time()}"]))

    def mine() -> dict[str, bool]:
        return {one.name: one.is_used for one in images(site.home) if one.is_own}

    assert mine() == {built.name: False, other.name: False}
    assert not prune_images(site.home, 0.0, is_own=True)  # just used
    past = time.time() - 40 * DAY_S
    for one in (built, other):
        os.utime(used_path(site.home, one.image_id), (past, past))
    container = site.api.create_container(built.name, ["true"])
    assert mine()[built.name]
    assert [one.name for one in prune_images(site.home, 30 * DAY_S, is_own=True)] == [other.name]
    site.api.remove_container(container["Id"])
    note_use(site.home, built.image_id)
    assert not prune_images(site.home, 30 * DAY_S, is_own=True)
