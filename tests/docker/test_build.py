"""Images really built by a real engine: layers, caching, what stays, what fails and how."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from flytenb import errors
from flytenb.codec.objects import ObjectStore
from flytenb.containers.client import connect
from flytenb.containers.labels import home_id
from flytenb.containers.run import run_to_end
from flytenb.images.builds import Builds
from flytenb.images.hooks import Hooks
from flytenb.images.progress import Progress
from flytenb.model.build import CACHED, DONE, FAILED, BuildRow, Built
from flytenb.model.image import ImageSpec
from flytenb.sdk.image import Image
from flytenb.sdk.image_spec import image_spec
from tests.docker.engine import DockerEngine


class Site:
    """A home, an engine, and what was built."""

    def __init__(self, engine: DockerEngine, home: Path) -> None:
        self.host, self.home, self.is_alone = engine.host, home, engine.is_own
        self.api = connect(engine.host).api
        self.objects = ObjectStore(home / "objects", is_durable=False)
        self.hooks = Hooks()
        self.hooks.on_change = self._changed
        self.rows: dict[float, BuildRow] = {}
        self.news: list[str] = []
        self.base = Image.from_base(engine.image).clone(name=f"test-{os.getpid()}", extendable=True)

    def _changed(self, progress: Progress) -> None:
        self.rows[progress.row.started_at] = progress.row
        self.last_progress = progress

    def spec(self, image: Image) -> ImageSpec:
        spec = image_spec(image, self.objects)
        assert spec is not None
        return spec

    def build(self, image: Image, *, force: bool = False) -> Built:
        async def go() -> Built:
            built = Builds(self.hooks).image(
                self.spec(image), home=self.home, news=self.news.append, engine=self.host, force=force
            )
            done = await built
            await asyncio.sleep(0)  # what the thread told last
            return done

        return asyncio.run(go())

    @property
    def last(self) -> BuildRow:
        return self.rows[max(self.rows)]

    def run(self, image: str, *command: str) -> str:
        return run_to_end(connect(self.host), image, command).output

    def leftovers(self) -> tuple[int, int, int]:
        """(containers of this home, layers without a name that nobody uses, volumes) at the engine."""
        mine = self.api.containers(all=True, filters={"label": [f"flytenb.home={home_id(self.home)}"]})
        dangling = self.api.images(filters={"dangling": True, "label": ["flytenb.step"]})
        volumes = len(self.api.volumes()["Volumes"] or ()) if self.is_alone else 0
        return len(mine), len(dangling), volumes


@pytest.fixture
def site(docker_engine: DockerEngine, tmp_path: Path) -> Site:
    return Site(docker_engine, tmp_path / "home")


def test_a_package_is_there_then_found_then_cached(site: Site):
    before = site.leftovers()
    image = site.base.with_pip_packages("six==1.16.0")
    built = site.build(image)
    assert "six==1.16.0" in built.distributions
    assert built.python_version.startswith("3.11")
    assert site.run(built.name, "python3", "-c", "import six; print(six.__version__)") == "1.16.0\n"

    again = site.build(image)
    assert (again.image_id, again.is_new) == (built.image_id, False)

    same = site.build(image, force=True)
    assert [layer.phase for layer in site.last.layers] == [CACHED]
    assert same.image_id == built.image_id

    site.api.remove_image(built.name, noprune=True)
    other = site.build(image)
    assert [layer.phase for layer in site.last.layers] == [CACHED]
    assert (other.distributions, other.is_new) == (built.distributions, True)
    assert site.leftovers() == before


def test_every_layer_and_what_the_image_says_of_itself(site: Site, tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x.txt").write_text("hallo")
    (tmp_path / "tool.sh").write_text("#!/bin/sh\necho tool")
    (tmp_path / "tool.sh").chmod(0o755)
    (tmp_path / "requirements.txt").write_text("six==1.16.0\n")
    (tmp_path / "script.py").write_text('# /// script\n# dependencies = ["idna==3.7"]\n# ///\n')
    image = (
        site.base.with_requirements(tmp_path / "requirements.txt")
        .with_env_vars({"GREETING": "good day", "TWICE": "$GREETING $GREETING", "PATH": "/app:$PATH"})
        .with_workdir("/app")
        .with_source_folder(tmp_path / "data")
        .with_source_file(tmp_path / "tool.sh")
        .with_commands(["cp data/x.txt copied.txt", 'test "$TWICE" = "good day good day"'])
    )
    built = site.build(image)
    assert built.workdir == "/app"
    assert [layer.title for layer in site.last.layers][:3] == [
        "pip install -r requirements.txt",
        "env GREETING TWICE PATH",
        "workdir /app",
    ]
    said = site.run(built.name, "sh", "-c", 'cat copied.txt; echo " $TWICE"; tool.sh; pwd; python3 -c "import six"')
    assert said == "hallo good day good day\ntool\n/app\n"
    config = site.api.inspect_image(built.name)["Config"]
    assert config["Labels"]["flytenb.image"]
    assert not any(config["Labels"].get(name) for name in ("flytenb", "flytenb.home", "flytenb.kind"))
    assert not config["Volumes"]


def test_dependencies_of_a_script(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    script = tmp_path / "script.py"
    script.write_text('# /// script\n# dependencies = ["idna==3.7"]\n# ///\nprint(1)\n')
    monkeypatch.setenv("FLYTENB_BASE_IMAGE", "flytenb-test/python:{version}")
    built = site.build(Image.from_uv_script(script, name=f"script-{os.getpid()}", python_version=(3, 11)))
    assert "idna==3.7" in built.distributions
    monkeypatch.setenv("FLYTENB_BASE_IMAGE", "flytenb-test/python:3.11")
    with pytest.raises(errors.ImageBuildError, match=r"Python 3\.12 was asked for and the base .* has 3\.11"):
        site.build(Image.from_debian_base((3, 12), name="other"))


def test_a_system_package(site: Site):
    built = site.build(site.base.with_apt_packages("file"))
    assert "file-" in site.run(built.name, "file", "--version")
    said = r'"no-such-package" is in no apt repository: image .*, step 1 of 1: .*; check its name'
    with pytest.raises(errors.InvalidPackageError, match=said):
        site.build(site.base.with_apt_packages("no-such-package"))


def test_a_layer_that_fails_names_its_line_and_leaves_nothing(site: Site):
    before = site.leftovers()
    stamp = f"echo good {time.time()}"
    bad = site.base.with_commands([stamp]).with_commands(["echo first", "echo second line; exit 3"])
    with pytest.raises(errors.ImageBuildError) as caught:
        site.build(bad)
    text = str(caught.value)
    assert "step 2 of 2 failed" in text
    assert "`echo second line; exit 3` ended with status 3" in text
    assert "\n  first\n  second line" in text
    assert site.leftovers() == before
    assert (site.last.phase, [layer.phase for layer in site.last.layers]) == (FAILED, [DONE, FAILED])

    site.build(site.base.with_commands([stamp]).with_commands(["echo mended"]))
    assert [layer.phase for layer in site.last.layers] == [CACHED, DONE]
    assert not [one for one in site.api.images("flytenb/unfinished") if stamp in str(one)]
    assert site.leftovers() == before


def test_no_setting_of_this_machine_stays_in_an_image(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / ".netrc").write_text("machine nowhere.example login me password hush-netrc")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://me:hush-index@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("BUILD_TOKEN", "hush-token")
    seen: list[bytes] = []
    image = site.base.with_commands(
        ["test ${#BUILD_TOKEN} = 10", 'grep -q nowhere.example "$NETRC"', "env | grep -c 127.0.0.1:9"],
        secret_mounts="build-token",
    ).with_pip_packages("six==1.15.0")
    built = site.build(image)
    assert "six==1.15.0" in built.distributions
    seen.append(str(site.api.history(built.name)).encode())
    seen.append(str(site.api.inspect_image(built.name)).encode())
    container = site.api.create_container(built.name, ["true"])
    try:
        stream = site.api.export(container["Id"])
        everything = b"".join(stream)
    finally:
        site.api.remove_container(container["Id"], force=True)
    for word in (b"hush-netrc", b"hush-index", b"hush-token"):
        assert word not in everything
        assert all(word not in one for one in seen)
    assert "hush" not in str(site.rows)


def test_a_secret_that_nobody_has(site: Site):
    with pytest.raises(errors.ImageBuildError, match='needs the secret "missing-one", which nobody has'):
        site.build(site.base.with_commands(["true"], secret_mounts="missing-one"))


def test_one_build_for_all_who_ask(site: Site):
    image = site.base.with_commands([f"echo {time.time()}; sleep 0.3"])

    async def go() -> list[Built]:
        builds = Builds(site.hooks)
        spec = site.spec(image)
        ask = partial(builds.image, spec, home=site.home, news=site.news.append, engine=site.host)
        return list(await asyncio.gather(*(ask() for _ in range(5))))

    done = asyncio.run(go())
    assert len({built.image_id for built in done}) == 1
    assert len(site.rows) == 1


def test_a_cancelled_build_leaves_nothing(site: Site):
    before = site.leftovers()

    async def go() -> None:
        builds = Builds(site.hooks)
        began = asyncio.Event()
        site.hooks.on_change = (
            lambda progress: progress.row.layers and progress.row.layers[0].line_count and began.set()
        )
        spec = site.spec(site.base.with_commands([f"echo {time.time()}; sleep 600"]))
        waiting = asyncio.ensure_future(builds.image(spec, home=site.home, news=site.news.append, engine=site.host))
        await asyncio.wait_for(began.wait(), 30)
        await builds.stop()
        with pytest.raises(errors.ImageBuildError, match="given up"):
            await waiting

    asyncio.run(go())
    assert site.leftovers() == before


@pytest.mark.parametrize("syntax", ["", "--mount=type=cache,target=/c "], ids=["classic", "buildkit"])
def test_dockerfiles(site: Site, tmp_path: Path, syntax: str):
    folder = tmp_path / f"context-{len(syntax)}"
    folder.mkdir()
    (folder / "a.txt").write_text("hallo")
    file = folder / "Dockerfile"
    file.write_text(f"FROM flytenb-test/python:3.11\nCOPY a.txt /a.txt\nRUN {syntax}cat /a.txt && echo {time.time()}\n")
    image = Image.from_dockerfile(file, registry="", name=f"dockerfile-{os.getpid()}")
    before = site.leftovers()
    built = site.build(image)
    assert site.run(built.name, "cat", "/a.txt") == "hallo"
    assert built.python_version.startswith("3.11")
    assert not site.build(image).is_new
    site.build(image, force=True)
    assert [layer.phase for layer in site.last.layers][1:] == [CACHED, CACHED]

    file.write_text(f"FROM flytenb-test/python:3.11\nRUN {syntax}echo working; exit 7\n")
    with pytest.raises(errors.ImageBuildError, match=r"`RUN .*exit 7`.*code: 7.*\n  working"):
        site.build(Image.from_dockerfile(file, registry="", name=f"dockerfile-{os.getpid()}"))
    assert site.leftovers() == before


def test_a_dockerfile_that_mounts_a_secret(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """With BuildKit's own mount, by a command line that can do it; Debian's docker.io has one."""
    file = tmp_path / "Dockerfile"
    run = "RUN --mount=type=secret,id=pull-key test $(cat /run/secrets/pull-key | wc -c) = 7"
    file.write_text(f"FROM flytenb-test/python:3.11\n{run} && echo {time.time()} > /made\n")
    image = Image.from_dockerfile(file, registry="", name=f"dockerfile-{os.getpid()}")
    before = site.leftovers()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.ImageBuildError, match='mounts the secret "pull-key", which nobody has'):
        site.build(image)
    monkeypatch.setenv("PULL_KEY", "hunter2")
    with pytest.raises(errors.ImageBuildError, match=r"there is no docker's command line.*install the package"):
        site.build(image)
    monkeypatch.setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
    try:
        built = site.build(image)
    except errors.ImageBuildError as error:
        if "install the package docker-buildx" not in str(error):
            raise
        wanted = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "docker-cli", "docker-buildx"]
        if os.geteuid() or not shutil.which("apt-get") or subprocess.run(wanted, check=False).returncode:
            pytest.skip(str(error))
        built = site.build(image)
    assert "." in site.run(built.name, "cat", "/made")
    assert [layer.title.split()[0] for layer in site.last.layers] == ["FROM", "RUN"]
    history = json.dumps(site.api.history(built.image_id)) + json.dumps(site.api.inspect_image(built.image_id))
    assert "hunter2" not in history
    assert not site.run(built.name, "sh", "-c", "cat /run/secrets/* 2>/dev/null; true").strip()

    file.write_text(f"FROM flytenb-test/python:3.11\n{run}\nRUN --mount=type=secret,id=pull-key echo working; exit 7\n")
    with pytest.raises(errors.ImageBuildError, match=r"`RUN .*exit 7`.*code: 7.*\n  working"):
        site.build(Image.from_dockerfile(file, registry="", name=f"dockerfile-{os.getpid()}"))
    assert site.leftovers() == before


def test_images_that_cannot_be_had(site: Site):
    with pytest.raises(
        errors.ImagePullBackOffError, match=r'"nowhere\.invalid/none:1" is not on this machine and cannot'
    ):
        site.build(Image.from_base("nowhere.invalid/none:1"))
    with pytest.raises(errors.InvalidImageNameError, match='"Not A Name" is no name of an image'):
        site.build(Image.from_base("Not A Name"))
    with pytest.raises(errors.ContainerEngineError, match=r"no Docker engine at unix:///nowhere/d\.sock"):
        asyncio.run(
            Builds(site.hooks).image(
                site.spec(site.base.with_commands(["true"])),
                home=site.home,
                news=print,
                engine="unix:///nowhere/d.sock",
            )
        )


def test_an_image_without_python_is_told_so(site: Site):
    if not site.api.images("flytenb-test/empty"):
        from flytenb.containers.steps import tar_of

        site.api.import_image_from_data(tar_of([("/hallo", b"", 0o644)]), repository="flytenb-test/empty", tag="1")
    built = site.build(Image.from_base("flytenb-test/empty:1"))
    assert (built.python, built.distributions) == ("", ())
    assert site.leftovers()[0] == 0
