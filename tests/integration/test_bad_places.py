"""Workers, disks, engines and stores that fail: each error names cause, object and fix, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Home, until
from tests.integration.telling import check_sentence, script, told_by_script, told_in

pytestmark = pytest.mark.engine

PLAIN = """
    env = flyte.TaskEnvironment(name="plain")

    @env.task
    def double(n: int) -> int:
        return 2 * n

    if __name__ == "__main__":
        tell(lambda: outputs(double, 21)[0])
"""


def test_worker_killed_three_times(home: Home) -> None:
    killed, caught, after = told_by_script(
        home,
        "killed.py",
        """
        import os, signal
        env = flyte.TaskEnvironment(name="killed")

        @env.task
        def dies(folder: str) -> int:
            with open(f"{folder}/ran", "a") as f:
                f.write("x")
            os.kill(os.getpid(), signal.SIGKILL)

        @env.task
        async def parent(folder: str) -> str:
            try:
                await dies.aio(folder)
            except flyte.errors.RuntimeSystemError as error:
                return f"caught {error.code}"

        @env.task
        def fine(n: int) -> int:
            return n

        if __name__ == "__main__":
            import sys
            tell(lambda: outputs(dies, sys.argv[1]))
            tell(lambda: outputs(parent, sys.argv[1])[0])
            tell(lambda: outputs(fine, 5)[0])
        """,
        str(home.path.parent),
    )
    assert "RuntimeSystemError" in killed["bases"]
    assert killed["code"] == "WorkerLost"
    check_sentence(killed["message"], "killed.dies", "killed by signal 9", "3 times", "look for what kills it")
    assert caught["value"] == "'caught WorkerLost'"
    assert after["value"] == "5"
    assert (home.path.parent / "ran").read_text() == "x" * 6


def test_out_of_memory(home: Home) -> None:
    failed, caught = told_by_script(
        home,
        "memory.py",
        """
        import time
        env = flyte.TaskEnvironment(name="memory", resources=flyte.Resources(memory="200Mi"))

        @env.task
        def hungry(mb: int) -> int:
            data = bytearray(mb << 20)
            data[::4096] = b"x" * len(data[::4096])
            time.sleep(0.5)
            return len(data) >> 20

        @env.task
        async def parent(mb: int) -> str:
            try:
                return str(await hungry.aio(mb))
            except flyte.errors.OOMError as error:
                got = await hungry.override(resources=flyte.Resources(memory="2Gi")).aio(mb)
                return f"{error.code} {got}"

        if __name__ == "__main__":
            tell(lambda: outputs(hungry, 400))
            tell(lambda: outputs(parent, 400)[0])
        """,
    )
    assert {"OOMError", "RuntimeUserError"} <= set(failed["bases"])
    parts = ("memory.hungry", "ran out of memory", "asks for 200 MiB", "it used", "Resources(memory=")
    check_sentence(failed["message"], *parts)
    assert caught["value"] == "'OOMError 400'", caught


# ---- a disk that is full -----------------------------------------------------------------------------------------

WAITING = """
    import asyncio, os, sys
    env = flyte.TaskEnvironment(name="full")

    @env.task
    async def child(i: int) -> int:
        return i

    @env.task
    async def fan(go: str) -> int:
        total = await child(1000)
        open(go + ".begun", "w").close()
        while not os.path.exists(go):
            await asyncio.sleep(0.01)
        return total + sum(await asyncio.gather(*(child(i) for i in range(50))))

    if __name__ == "__main__":
        if len(sys.argv) > 1:
            tell(lambda: outputs(fan, sys.argv[1])[0])
        else:
            tell(lambda: outputs(child, 7)[0])
"""


def _go_on_when_space_is_back(home: Home, fill: Callable[[], None], free: Callable[[], None]) -> None:
    """A run waits while its engine cannot commit, a new one is refused, and the first ends when there is room."""
    path = script(home, "full.py", WAITING)
    go = home.path.parent / "go"
    waiting = home.popen(str(path), str(go))
    until(Path(f"{go}.begun").exists, "the parent to begin")
    fill()
    try:
        go.touch()
        until(lambda: "the store cannot be written" in home.engine_log() or _is_troubled(home), "the trouble")
        (refused,) = told_in(home.python(str(path)).stdout)
        check_sentence(refused["message"], "cannot", "room" if "cannot write into" in refused["message"] else "disk")
        assert waiting.poll() is None, waiting.communicate()
        engine = home.engine_pid()
    finally:
        free()
    out, err = waiting.communicate(timeout=60)
    (told,) = told_in(out)
    assert told.get("value") == str(1000 + sum(range(50))), f"{told} {err} {home.engine_log()}"
    assert home.engine_pid() == engine
    (after,) = told_in(home.python(str(path)).stdout)
    assert after.get("value") == "7"
    assert home.rows("SELECT phase, count(*) FROM action GROUP BY 1") == [(5, 53)]
    assert home.rows("PRAGMA integrity_check") == [("ok",)]


def _is_troubled(home: Home) -> bool:
    return "cannot be written" in home.cli("engine", "status", check=False).stdout  # where the log is full too


@pytest.fixture
def small_home(tmp_path: Path) -> Iterator[Home]:
    """A home on a file system of its own."""
    place = tmp_path / "home"
    place.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], check=False).returncode
    ):
        pytest.skip("needs the right to mount a file system")
    home = Home(place)
    try:
        yield home
    finally:
        pid = home.engine_pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            until(lambda: home.engine_pid() is None, "the engine to stop")
        subprocess.run(["umount", "-l", place], check=True)


def _fill(filler: Path) -> None:
    with open(filler, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue


def test_full_disk(small_home: Home) -> None:
    filler = small_home.path / "filler"
    _go_on_when_space_is_back(small_home, lambda: _fill(filler), filler.unlink)


def test_full_disk_at_the_start(small_home: Home) -> None:
    """Nothing begins there, nothing recorded is lost, and all goes on when there is room."""
    path, _ = _stopped_after_a_run(small_home)
    filler = small_home.path / "filler"
    _fill(filler)
    (told,) = told_in(small_home.python(str(path)).stdout)
    assert told["error"] == "EngineError"
    check_sentence(told["message"], "cannot start", str(small_home.path), "No space left", "free some space")
    filler.unlink()
    assert told_in(small_home.python(str(path)).stdout)[0]["value"] == "42"
    assert small_home.rows("SELECT count(*) FROM run") == [(2,)]


@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit")
def test_store_at_its_largest_file(home: Home) -> None:
    """The same without a mount: the engine's files may not grow."""
    import resource

    def limit(bytes_: int) -> None:
        pid = home.engine_pid()
        assert pid is not None
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (bytes_, hard))

    _go_on_when_space_is_back(home, lambda: limit(4096), lambda: limit(resource.RLIM_INFINITY))


# ---- engines and stores ------------------------------------------------------------------------------------------


def test_second_engine(home: Home) -> None:
    path = script(home, "plain.py", PLAIN)
    assert told_in(home.python(str(path)).stdout)[0]["value"] == "42"
    pid = home.engine_pid()
    ready, theirs = os.pipe()
    command = [sys.executable, "-m", "flytenb.engine", "--home", str(home.path), "--ready-fd", str(theirs)]
    second = subprocess.run(command, env=home.env, pass_fds=(theirs,), capture_output=True, text=True, timeout=30)
    os.close(theirs)
    with open(ready) as told:
        assert told.read() == "ready\n"
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert home.engine_pid() == pid
    assert told_in(home.python(str(path)).stdout)[0]["value"] == "42"
    assert home.rows("SELECT count(*) FROM run") == [(2,)]


def test_engine_of_another_version(home: Home) -> None:
    path = script(home, "plain.py", PLAIN)
    assert told_in(home.python(str(path)).stdout)[0]["value"] == "42"
    pid = home.engine_pid()
    other = script(
        home, "other.py", PLAIN.replace("tell(", 'import flytenb.client.link as l; l.VERSION = "99.1"; tell(')
    )
    (told,) = told_in(home.python(str(other)).stdout)
    assert told["error"] == "EngineError"
    check_sentence(told["message"], "the running engine is flytenb", "99.1", "engine stop")
    assert home.engine_pid() == pid
    assert told_in(home.python(str(path)).stdout)[0]["value"] == "42"


def _stopped_after_a_run(home: Home) -> tuple[os.PathLike[str], Path]:
    path = script(home, "plain.py", PLAIN)
    assert told_in(home.python(str(path)).stdout)[0]["value"] == "42"
    home.cli("engine", "stop")
    until(lambda: home.engine_pid() is None, "the engine to stop")
    return path, home.path / "store.db"


@pytest.mark.parametrize("damage", ["garbage", "torn pages", "truncated"])
def test_corrupt_database(home: Home, damage: str) -> None:
    path, store = _stopped_after_a_run(home)
    data = store.read_bytes()
    bad = {
        "garbage": b"this is no database" * 500,
        "torn pages": data[:4096] + b"\x5a" * (len(data) - 4096),
        "truncated": data[: len(data) // 2 // 4096 * 4096],
    }[damage]
    store.write_bytes(bad)
    assert told_in(home.python(str(path)).stdout)[0].get("value") == "42", home.engine_log()
    (kept,) = home.path.glob("store.db.corrupt-*[0-9]")
    assert kept.read_bytes() == bad
    assert home.rows("SELECT count(*) FROM run") == [(1,)]
    check_sentence(
        next(line for line in home.engine_log().splitlines() if "corrupt" in line),
        str(kept),
        "kept",
        "a new one was begun",
    )


def test_newer_database(home: Home) -> None:
    path, store = _stopped_after_a_run(home)
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = store.read_bytes()
    assert sorted(home.path.glob("store.db?*")) == []
    (told,) = told_in(home.python(str(path)).stdout)
    assert told["error"] == "EngineError"
    check_sentence(told["message"], str(store), "newer flytenb", "schema 999", "upgrade flytenb", "FLYTENB_HOME")
    assert store.read_bytes() == before
    assert not list(home.path.glob("store.db?*"))
    assert home.engine_pid() is None


# ---- a home that cannot be written -------------------------------------------------------------------------------


def _check_refused(home: Home) -> None:
    begun = time.monotonic()
    (told,) = told_in(home.python(str(script(home, "plain.py", PLAIN))).stdout)
    assert told["error"] == "EngineError"
    check_sentence(told["message"], home.env["FLYTENB_HOME"], "set FLYTENB_HOME to")
    done = home.cli("get", "run", check=False)
    assert done.returncode != 0
    check_sentence(done.stderr.strip(), home.env["FLYTENB_HOME"], "set FLYTENB_HOME to")
    assert time.monotonic() - begun < 30


def test_home_below_a_file(home: Home) -> None:
    file = home.path.parent / "file"
    file.touch()
    home.env["FLYTENB_HOME"] = str(file / "home")
    _check_refused(home)


def test_read_only_home(small_home: Home) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_home.path], check=True)
    _check_refused(small_home)
