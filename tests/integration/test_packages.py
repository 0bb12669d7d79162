"""What plain processes could import is recorded with their actions, later and without slowing them."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import pytest

SCRIPT = """
import flytenb as flyte
env = flyte.TaskEnvironment(name="e")
@env.task
async def f(x: int) -> int:
    return x + 1
if __name__ == "__main__":
    print(flyte.run(f, x=1).name)
"""


def found(python: Path, home: Path, run: str) -> tuple[int, list[str]]:
    """Number and packages of a run's place, when they are there."""
    code = (
        "from flytenb.client.session import session; from flytenb.model.snapshot import RunSnapshot as S;"
        f"s = session().query('snapshot', S, run={run!r}); n = s.actions[0].placement;"
        "print(n, *s.placements[n].distributions)"
    )
    number, *packages = subprocess.run(
        [python, "-c", code], env={"FLYTENB_HOME": str(home), "PATH": "/usr/bin:/bin"}, cwd=home,
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    return int(number), packages


def install(site: Path, name: str) -> None:
    (site / f"{name}.dist-info").mkdir()
    (site / f"{name}.dist-info" / "METADATA").write_text("Name: {}\nVersion: {}\n".format(*name.split("-")))


@pytest.mark.engine
def test_packages_of_plain_processes_are_recorded_when_the_engine_idles(tmp_path: Path) -> None:
    venv.create(tmp_path / "v", with_pip=False)
    site = next((tmp_path / "v" / "lib").glob("python*/site-packages"))
    root = Path(__file__).resolve().parents[2]
    (site / "all.pth").write_text(f"{root}\n{sysconfig.get_path('purelib')}\n")
    install(site, "first-1.0")
    python, home = tmp_path / "v" / "bin" / "python", tmp_path / "home"
    home.mkdir()
    (home / "s.py").write_text(SCRIPT)

    def run() -> str:
        return subprocess.run(
            [python, "s.py"], env={"FLYTENB_HOME": str(home), "PATH": "/usr/bin:/bin"}, cwd=home,
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip

    def until_known(name: str) -> tuple[int, list[str]]:
        deadline = time.monotonic() + 30
        while not (told := found(python, home, name))[1]:
            assert time.monotonic() < deadline, "they are never recorded"
            time.sleep(0.5)
        return told

    try:
        name = run()
        number, packages = until_known(name)
        assert "first==1.0" in packages
        assert any(one.startswith("msgspec==") for one in packages)
        assert found(python, home, run()) == (number, packages)  # known at once, and the same

        install(site, "second-2.0")
        after, packages = until_known(run())
        assert "second==2.0" in packages
        assert after != number
        assert "second==2.0" not in found(python, home, name)[1]  # what was recorded stays
    finally:
        subprocess.run(
            [sys.executable, "-m", "flytenb.cli", "engine", "stop", "--force"],
            env={"FLYTENB_HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(root)}, cwd=root, check=False,
        )  # fmt: skip
