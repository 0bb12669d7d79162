"""What people install: the wheel in a clean environment, and what wheel and sdist hold."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.integration.conftest import Home

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
    import asyncio
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="packed")

    @env.task
    async def square(x: int) -> int:
        return x * x

    @env.task
    async def total(n: int = 5) -> int:
        return sum(await asyncio.gather(*(square(x) for x in range(n))))
"""


def _run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _pip_installed(wheel: Path, folder: Path) -> Path:
    """A new environment with the wheel; returns the folder of its programs."""
    python = folder / "bin" / "python"
    if importlib.util.find_spec("pip"):  # our own installs into it: Debian leaves ensurepip out
        _run(sys.executable, "-m", "venv", "--without-pip", folder)
        pip = [sys.executable, "-m", "pip", "--python", python]
    else:
        _run(sys.executable, "-m", "venv", folder)
        pip = [python, "-m", "pip"]
    _run(*pip, "install", "--quiet", "--disable-pip-version-check", wheel)
    return python.parent


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    isolation = ["--no-isolation"] if importlib.util.find_spec("hatchling") else []
    _run(sys.executable, "-m", "build", *isolation, "--outdir", folder, ROOT)
    return folder


def test_wheel_holds_all_that_runs(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (points,) = [name for name in names if name.endswith(".dist-info/entry_points.txt")]
        assert "flytenb = flytenb.cli:main" in archive.read(points).decode()
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "flytenb").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"flytenb/py.typed", "flytenb/store/migrations/001.sql"} <= here
    # The front end of JupyterLab is data of the wheel, installed to where Jupyter looks for it.
    shared = {
        name.split("share/jupyter/labextensions/flytenb/")[1] for name in names if "labextensions/flytenb/" in name
    }
    built = {name for name in here if name.startswith("flytenb/labextension/")}
    assert not here - built - names
    assert not {name.removeprefix("flytenb/labextension/") for name in built} - shared
    assert not [name for name in names if not name.startswith(("flytenb/", "flytenb-"))]
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_sdist_holds_what_make_needs(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        ".ci/run",
        ".pre-commit-config.yaml",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "pyproject.toml",
        "requirements/dev.txt",
        "tools/bootstrap.py",
    ):
        assert name in names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("dist/", ".venv/", ".git/"))]


def test_wheel_works_in_a_clean_environment(dist: Path, home: Home, tmp_path: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    programs = _pip_installed(wheel, tmp_path / "clean")

    strangers = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    env = {name: value for name, value in home.env.items() if name not in strangers}
    env["PATH"] = f"{programs}{os.pathsep}{env['PATH']}"
    script = home.script("packed.py", SCRIPT)
    for arguments, expected in (((), "30"), (("--n", "4"), "14"), ((), "30")):
        out = _run(programs / "flytenb", "run", script, "total", *arguments, cwd=tmp_path, env=env)
        assert expected in out, f"{out}\n{home.engine_log()}"
    phases = home.rows("SELECT phase, count(*) FROM run GROUP BY 1")
    assert phases == [(5, 3)]
    where = _run(programs / "python", "-c", "import flytenb; print(flytenb.__file__)", cwd=tmp_path, env=env)
    assert Path(where.strip()).is_relative_to(tmp_path / "clean")
