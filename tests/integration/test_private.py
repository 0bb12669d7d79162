"""A home is its user's alone: what another user of the machine can see, and what happens where others could write."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import stat
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Home, until

pytestmark = pytest.mark.engine

SCRIPT = """
    import os, sys, time
    from pathlib import Path
    import flytenb as flyte

    env = flyte.TaskEnvironment(
        name="private",
        secrets=[flyte.Secret("key", as_env_var="KEY"), flyte.Secret("file", mount="/etc/flyte/secrets")],
    )

    @env.task
    def hold(folder: str, data: bytes) -> bytes:
        print("a line of output", flush=True)
        flyte.report.log("<p>a page</p>", do_flush=True)
        Path(folder, "began").touch()
        while not Path(folder, "go").exists():
            time.sleep(0.01)
        return data

    if __name__ == "__main__":
        run = flyte.run(hold, folder=sys.argv[1], data=os.urandom(100_000))
        print(run.name, flush=True)
        run.wait()
"""


def _seen(tops: list[str], needles: list[bytes]) -> list[str]:
    """Every file below that can be read, every socket that can be met, every process that shows a needle."""
    found = []
    for top in tops:
        for folder, _, files in os.walk(top, onerror=lambda _: None):
            for name in files:
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    if stat.S_ISSOCK(os.lstat(path).st_mode):
                        socket.socket(socket.AF_UNIX).connect(path)
                    else:
                        Path(path).read_bytes()
                    found.append(path)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                if any(needle in Path(f"/proc/{pid}/{name}").read_bytes() for needle in needles):
                    found.append(f"/proc/{pid}/{name}")
    return found


def _as_nobody(tops: list[str], needles: list[bytes]) -> list[str]:
    """The same, by another user of the machine."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            with os.fdopen(write, "w") as told:
                json.dump(_seen(tops, needles), told)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        found: list[str] = json.load(told)
    os.waitpid(pid, 0)
    return found


@pytest.fixture
def open_place() -> Iterator[Home]:
    """A home in a folder that everybody may enter, as `/home/ann` often is."""
    top = Path(tempfile.mkdtemp(prefix="flytenb-test-"))
    top.chmod(0o755)
    home = Home(top / "home")
    yield home
    with contextlib.suppress(AssertionError):
        home.cli("engine", "stop", "--force", check=False)
    shutil.rmtree(top, ignore_errors=True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("mode", [None, 0o777], ids=["made by flytenb", "made by a person"])
def test_another_user_reads_nothing(open_place: Home, mode: int | None) -> None:
    home = open_place
    if mode is not None:
        home.path.mkdir()
        home.path.chmod(mode)
    folder = home.path.parent / "work"
    home.env.update({"KEY": "needle-one", "FILE": "needle-two"})
    process = home.popen(str(home.script("private.py", SCRIPT)), str(folder))
    until((folder / "began").exists, "the task to begin")
    until(lambda: json.loads((home.path / "engine.json").read_text()).get("port"), "the HTTP API")
    assert list((home.path / "mounted").rglob("file"))
    token = (home.path / "token").read_text().strip()
    open_to_all = home.path.parent / "open.txt"
    open_to_all.write_text("a file that everybody may read")
    seen = _as_nobody(
        [str(home.path.parent), f"/tmp/flytenb-{os.getuid()}"], [b"needle-one", b"needle-two", token.encode()]
    )
    (folder / "go").touch()
    process.communicate(timeout=60)
    assert str(open_to_all) in seen, "it looked"
    assert [path for path in seen if not path.startswith((str(open_to_all), str(folder)))] == []


def test_every_file_of_a_home_is_private_by_itself(home: Home) -> None:
    home.path.mkdir(mode=0o755)
    (home.path / "notes.txt").write_text("a file of the person's own")
    (home.path.parent / "work").mkdir()
    (home.path.parent / "work" / "go").touch()
    home.env.update({"KEY": "needle-one", "FILE": "needle-two"})
    home.python(str(home.script("private.py", SCRIPT)), str(home.path.parent / "work"))
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o755, "a folder with other files is left as it is"
    for path in home.path.iterdir():
        if path.name != "notes.txt":
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_home_where_others_may_write_is_refused(home: Home) -> None:
    home.path.mkdir()
    (home.path / "notes.txt").write_text("a file of the person's own")
    home.path.chmod(0o775)
    done = home.cli("engine", "start", check=False)
    assert done.returncode != 0
    assert "others may write into the state directory" in done.stderr
    assert f"chmod 700 {home.path}" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_home_of_another_user_is_refused(home: Home) -> None:
    home.path.mkdir()
    os.chown(home.path, 65534, 65534)
    done = home.cli("engine", "start", check=False)
    assert done.returncode != 0
    assert "belongs to another user (number 65534)" in done.stderr
    assert "set FLYTENB_HOME to a folder of yours" in done.stderr


@pytest.mark.parametrize("kind", ["open to all", "a link"])
def test_a_folder_of_sockets_that_somebody_else_prepared(tmp_path: Path, kind: str) -> None:
    """Where a home's path is too long for a socket, it lies in a folder whose name everybody can foresee."""
    home = Home(tmp_path / ("long-" * 20) / "home")
    home.path.parent.mkdir()
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    home.env["XDG_RUNTIME_DIR"] = str(runtime)
    if kind == "a link":
        (tmp_path / "theirs").mkdir()
        (runtime / "flytenb").symlink_to(tmp_path / "theirs")
    else:
        (runtime / "flytenb").mkdir()
        (runtime / "flytenb").chmod(0o777)
    done = home.cli("engine", "start", check=False)
    assert done.returncode != 0
    assert "is not a folder of yours alone" in done.stderr
    assert "remove it, or set XDG_RUNTIME_DIR" in done.stderr
    assert home.engine_pid() is None


def _http(home: Home, token: str) -> int:
    port = json.loads((home.path / "engine.json").read_text())["port"]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/status", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_token_is_another_one_with_every_engine_and_on_demand(home: Home) -> None:
    folder = home.path.parent / "work"
    home.env.update({"KEY": "one", "FILE": "two"})
    process = home.popen(str(home.script("private.py", SCRIPT)), str(folder))
    until((folder / "began").exists, "the task to begin")
    until(lambda: json.loads((home.path / "engine.json").read_text()).get("port"), "the HTTP API")
    first = (home.path / "token").read_text()
    assert "is a new one" in home.cli("engine", "rotate-token").stdout
    second = (home.path / "token").read_text()
    assert len({first, second}) == 2
    assert stat.S_IMODE((home.path / "token").stat().st_mode) == 0o600
    assert (_http(home, first), _http(home, second)) == (403, 200)
    (folder / "go").touch()
    process.communicate(timeout=60)
    assert process.returncode == 0, "links and workers stay"
    home.cli("engine", "restart")
    assert (home.path / "token").read_text() not in (first, second)
