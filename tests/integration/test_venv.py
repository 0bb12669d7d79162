"""Virtual environments made for images, without an engine: all kinds of layers, sharing, cancelling, pip without uv."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from flytenb import errors
from flytenb.executors.router import Router
from flytenb.images import venv
from flytenb.images.progress import Progress
from flytenb.images.pythons import find_python, find_uv
from flytenb.images.realise import Realiser
from flytenb.images.runtime import library_folder, own_folder
from flytenb.images.venv import Environments
from flytenb.model.declaration import Grant, Launch
from flytenb.model.image import FileSpec, ImageSpec, LayerSpec, SecretSpec

pytestmark = pytest.mark.timeout(180)


class Site:
    """A home and the contents of layers."""

    def __init__(self, home: Path) -> None:
        self.home, self.contents, self.news = home, {}, []

    def files(self, **texts: str | bytes) -> tuple[FileSpec, ...]:
        found = []
        for name, text in texts.items():
            path = name.replace("__", "/").replace("_dot_", ".")
            self.contents[path] = text if isinstance(text, bytes) else text.encode()
            found.append(FileSpec(path=path, digest=path))
        return tuple(found)

    async def make(self, *layers: LayerSpec, environments: Environments | None = None) -> venv.Environment:
        spec = ImageSpec(text="ours", base="python:3", python=sys.version_info[:2], is_debian=True, layers=layers)
        made = environments or Environments(self.home)
        return await made.get(spec, sys.executable, self.contents.__getitem__, self.news.append, {})


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "home")


def pip(*words: str, **options: str) -> LayerSpec:
    return LayerSpec(kind="pip", values=words, options=tuple(options.items()))


def made(site: Site, *layers: LayerSpec) -> tuple[str, ...]:
    return asyncio.run(site.make(*layers)).distributions


def test_layers_come_one_after_another(site: Site):
    assert made(site, pip("iniconfig==1.1.1"), pip("iniconfig==2.0.0"), pip("semver<3")) == (
        "iniconfig==2.0.0",
        "semver==2.13.0",
    )
    assert [one for one in site.news if "step" in one][:3] == [
        "prepares a virtual environment: step 1 of 3, pip iniconfig==1.1.1",
        "prepares a virtual environment: step 2 of 3, pip iniconfig==2.0.0",
        "prepares a virtual environment: step 3 of 3, pip semver<3",
    ]


def test_pip_does_where_there_is_no_uv(site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(venv, "find_uv", lambda python="": "")
    assert "iniconfig==1.1.1" in made(site, pip("iniconfig==1.1.1"))
    with pytest.raises(errors.ImageBuildError, match=r'"no-such-distribution-of-ours" cannot be had; check names'):
        made(site, pip("no-such-distribution-of-ours"))


def test_a_lock_of_uv(site: Site, tmp_path: Path):
    uv = find_uv(sys.executable)
    if not uv:
        pytest.skip("uv is not on this machine")
    project = tmp_path / "project"
    project.mkdir()
    text = '[project]\nname = "ours"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["iniconfig<2"]\n'
    (project / "pyproject.toml").write_text(text)
    from flytenb.images.installing import machine_settings

    env = {**os.environ, **machine_settings(tmp_path).variables}
    subprocess.run([uv, "lock", "--python", sys.executable], cwd=project, check=True, capture_output=True, env=env)
    lock = (project / "uv.lock").read_text()
    layer = LayerSpec(kind="uv-project", files=site.files(pyproject_dot_toml=text, uv_dot_lock=lock))
    version = lock.partition('name = "iniconfig"\nversion = "')[2].partition('"')[0]
    assert made(site, layer) == (f"iniconfig=={version}",)


def test_a_lock_of_poetry(site: Site):
    layer = LayerSpec(
        kind="poetry-project",
        files=site.files(
            pyproject_dot_toml='[tool.poetry.dependencies]\npython = "^3.10"\nsemver = "^2"\n',
            poetry_dot_lock='[[package]]\nname = "semver"\nversion = "2.13.0"\n'
            '[[package]]\nname = "six"\nversion = "1"\n',
        ),
    )
    assert made(site, layer) == ("semver==2.13.0",)


def test_wheels(site: Site, tmp_path: Path):
    wheel = tmp_path / "ours-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("ours.py", "ANSWER = 42\n")
        archive.writestr("ours-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
        archive.writestr("ours-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("ours-1.0.dist-info/RECORD", "ours.py,,\nours-1.0.dist-info/METADATA,,\n")
    site.contents["wheel"] = wheel.read_bytes()
    layer = LayerSpec(kind="wheels", values=("ours",), files=(FileSpec(path=wheel.name, digest="wheel"),))
    assert made(site, layer) == ("ours==1.0",)


def test_an_index_that_is_not_there(site: Site):
    layer = pip("ours", index_url="http://somebody:secret@127.0.0.1:9/simple")
    with pytest.raises(errors.ImageBuildError, match="check the network, the proxy and the package index") as caught:
        made(site, layer)
    assert "secret" not in str(caught.value)
    assert not [one for one in (site.home / "environments").iterdir() if one.is_dir()]


def test_equal_images_are_made_once(site: Site):
    async def go() -> list[venv.Environment]:
        shared = Environments(site.home)
        return await asyncio.gather(*(site.make(pip("iniconfig==2.0.0"), environments=shared) for _ in range(5)))

    first, *others = asyncio.run(go())
    assert all(one == first for one in others)
    assert sum("step 1 of 1" in one for one in site.news) <= 5
    assert len([one for one in (site.home / "environments").iterdir() if one.is_dir()]) == 1


def test_processes_wait_for_each_other(site: Site, tmp_path: Path):
    """Two processes ask at once: one makes it, the other uses it."""
    script = tmp_path / "ask.py"
    script.write_text(
        "import asyncio, os, sys\nfrom pathlib import Path\nfrom flytenb.images.venv import Environments\n"
        "from flytenb.model.image import ImageSpec, LayerSpec\n"
        "layer = LayerSpec(kind='pip', values=('iniconfig==2.0.0', 'semver==3.0.2'))\n"
        "spec = ImageSpec(text='x', base='python', python=sys.version_info[:2], is_debian=True, layers=(layer,))\n"
        "news = []\n"
        f"home = Path({str(site.home)!r})\n"
        "made = asyncio.run(Environments(home).get(spec, sys.executable, None, news.append, {}))\n"
        "print(os.stat(made.path / 'pyvenv.cfg').st_ino)\n"
    )
    both = [
        subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert said[0][0] == said[1][0]


def slow(tmp_path: Path) -> tuple[LayerSpec, Path]:
    """A package whose build does not end, and the file with the builder's process."""
    package, started = tmp_path / "slow", tmp_path / "started"
    package.mkdir()
    (package / "setup.py").write_text(
        f"import os, time\nopen({str(started)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    return pip(str(package)), started


def test_it_ends_with_the_last_who_waits(site: Site, tmp_path: Path):
    layer, started = slow(tmp_path)

    async def go() -> None:
        shared = Environments(site.home)
        waiters = [asyncio.create_task(site.make(layer, environments=shared)) for _ in range(2)]
        while not (started.exists() and started.read_text()):
            await asyncio.sleep(0.02)
        waiters[0].cancel()
        await asyncio.sleep(0.2)
        assert alive(int(started.read_text()))
        waiters[1].cancel()
        await asyncio.gather(*waiters, return_exceptions=True)
        while alive(int(started.read_text())):
            await asyncio.sleep(0.02)

    asyncio.run(go())
    assert not [one for one in (site.home / "environments").iterdir() if one.is_dir()]


class Owner:
    """Writes down what an executor tells."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def on_worker_exit(self, worker: str, status: int, cause: str, detail: str = "", code: str = "") -> None:
        self.told.append(("exit", worker, cause, detail, code))

    def on_worker_placed(self, worker: str, placement: object, is_single: bool = False) -> None:
        self.told.append(("placed", worker))

    def on_worker_news(self, worker: str, words: str) -> None:
        self.told.append(("news", worker))

    def on_worker_build(self, worker: str, build: Progress) -> None:
        self.told.append(("build", worker, build.row.kind))


def test_a_worker_killed_while_its_image_is_made(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLYTENB_HOME", str(site.home))
    layer, started = slow(tmp_path)
    spec = ImageSpec(text="slow", base="python:3", python=sys.version_info[:2], is_debian=True, layers=(layer,))
    owner = Owner()

    async def go() -> None:
        router = Router(str(tmp_path / "s"), b"secret", owner)
        launch = Launch(python=sys.executable, cwd="/", image=spec, executor="process")
        router.spawn("w1", launch, Grant())
        while not (started.exists() and started.read_text()):
            await asyncio.sleep(0.02)
        router.kill("w1")
        while alive(int(started.read_text())):
            await asyncio.sleep(0.02)
        await router.stop()

    asyncio.run(go())
    assert ("exit", "w1", "killed", "it was stopped while its image was prepared", "") in owner.told
    assert ("build", "w1", "environment") in owner.told
    assert ("placed", "w1") not in owner.told


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_folder_that_cannot_be_written(site: Site):
    site.home.mkdir()
    (site.home / "environments").write_text("a file")
    with pytest.raises((errors.ImageBuildError, OSError), match="environments"):
        made(site, pip("iniconfig"))


def test_secrets_reach_the_installation_and_nothing_else(site: Site, monkeypatch: pytest.MonkeyPatch):
    layer = LayerSpec(kind="pip", values=("iniconfig==2.0.0",), secrets=(SecretSpec(key="index-password"),))
    spec = ImageSpec(text="ours", base="python:3", python=sys.version_info[:2], is_debian=True, layers=(layer,))
    launch = Launch(python=sys.executable, cwd="/", image=spec, executor="process")

    async def go():
        realiser = Realiser(site.home, lambda digest: site.home / digest)
        return await realiser.realise(launch, news=site.news.append)

    from flytenb.images.interpreter import look_at

    if look_at(sys.executable).distributions.get("iniconfig", ("",))[0] == "2.0.0":
        pytest.skip("this environment has that version")
    with pytest.raises(errors.ImageBuildError, match="set INDEX_PASSWORD"):
        asyncio.run(go())
    monkeypatch.setenv("INDEX_PASSWORD", "xyzzy")
    realised = asyncio.run(go())
    assert realised.kind == "venv"
    assert not [one for one in Path(realised.environment).rglob("*") if one.is_file() and b"xyzzy" in one.read_bytes()]


def test_the_runtime_holds_what_workers_need_and_nothing_else(site: Site):
    own, libraries = own_folder(site.home), library_folder(site.home, sys.version_info[:2])
    assert [one.name for one in own.iterdir()] == ["flytenb"]
    assert sorted(one.name for one in libraries.iterdir()) == ["cloudpickle", "msgpack", "msgspec"]
    assert own_folder(site.home) == own
    code = f"import sys; sys.path[:0] = [{str(own)!r}]; sys.path += [{str(libraries)!r}]; import flytenb.worker.zygote"
    bare = shutil.which("python3", path="/usr/bin") or ""
    if bare and find_python(sys.version_info[:2]):
        base = os.path.realpath(sys.executable)
        subprocess.run([base, "-I", "-S", "-c", code], check=True)
