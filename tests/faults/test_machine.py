"""Engines on machines in trouble: every cause is named in words, nothing that runs is lost, all goes on by itself."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Faults
from tests.integration.conftest import Home, _is_alive, until

pytestmark = pytest.mark.engine

WORK = """
    import asyncio, os, sys, time
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="trouble")

    @env.task
    async def leaf(i: int) -> int:
        await asyncio.sleep(0.01)
        return i

    @env.task
    async def gated(folder: str) -> int:
        with open(f"{folder}/began", "a") as f:
            f.write("x")
        while not os.path.exists(f"{folder}/go"):
            await asyncio.sleep(0.02)
        return sum(await asyncio.gather(*(leaf(i) for i in range(20))))

    @env.task
    async def large(folder: str) -> bytes:
        with open(f"{folder}/began", "a") as f:
            f.write("x")
        while not os.path.exists(f"{folder}/go"):
            await asyncio.sleep(0.02)
        return os.urandom(4 << 20)

    @env.task(timeout=5)
    async def limited() -> int:
        await asyncio.sleep(1.5)
        return 3

    if __name__ == "__main__":
        name, *words = (int(word) if word.isdigit() else word for word in sys.argv[1:])
        run = flyte.run({"gated": gated, "limited": limited, "large": large, "leaf": leaf}[name], *words)
        value = run.outputs()[0]
        print(len(value) if isinstance(value, bytes) else value)
"""


def _status(home: Home) -> dict:
    return json.loads(home.cli("engine", "status", "-o", "json").stdout)


def _fill(folder: Path, leave: int = 0) -> Path:
    """Use up the disk, but for so many bytes."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
        size = file.tell()
        if leave:
            file.truncate(max(0, size - leave))
    return filler


@pytest.mark.timeout(120)
def test_a_full_disk_stops_nothing_for_good(small_disk: Home, tmp_path: Path) -> None:
    home = small_disk
    script = tmp_path / "work.py"
    script.write_text(__import__("textwrap").dedent(WORK))
    assert home.python(str(script), "leaf", "1").stdout.strip() == "1"  # its program is stored
    process = home.popen(str(script), "gated", str(tmp_path))
    until(lambda: (tmp_path / "began").exists(), "the task to begin")
    filler = _fill(home.path.parent)
    (tmp_path / "go").touch()
    until(lambda: "cannot be written" in str(_status(home)), "the trouble")
    refused = home.python(str(script), "leaf", "1", check=False, timeout=40)
    assert refused.returncode, refused.stdout
    assert "its disk is full; free some space" in refused.stderr
    assert "Nothing is lost" in refused.stderr
    assert process.poll() is None, "the run that goes on waits for the disk"
    filler.unlink()
    out, err = process.communicate(timeout=40)
    assert out.strip() == str(sum(range(20))), err
    assert (tmp_path / "began").read_text() == "x"
    assert home.python(str(script), "leaf", "1").stdout.strip() == "1"
    assert home.rows("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.timeout(120)
def test_a_result_waits_for_room(small_disk: Home, tmp_path: Path) -> None:
    """What a body has computed is not thrown away because it cannot be written at that moment."""
    home = small_disk
    script = tmp_path / "work.py"
    script.write_text(__import__("textwrap").dedent(WORK))
    process = home.popen(str(script), "large", str(tmp_path))
    until(lambda: (tmp_path / "began").exists(), "the task to begin")
    filler = _fill(home.path.parent, leave=1 << 20)  # room for rows, none for the value
    (tmp_path / "go").touch()
    until(lambda: home.rows("SELECT 1 FROM log WHERE text LIKE '%no room%'"), "the wait to be told", 60)
    assert process.poll() is None
    filler.unlink()
    out, err = process.communicate(timeout=60)
    assert out.strip() == str(4 << 20), err
    assert (tmp_path / "began").read_text() == "x"


@pytest.mark.timeout(120)
def test_a_disk_that_becomes_read_only(home: Home, faults: Faults) -> None:
    faults.into(home)
    script = home.script("work.py", WORK)
    folder = home.path.parent
    process = home.popen(str(script), "gated", str(folder))
    until(lambda: (folder / "began").exists(), "the task to begin")
    faults.set("readonly", 1)
    (folder / "go").touch()
    until(lambda: "cannot be written" in str(_status(home)), "the trouble")
    refused = home.python(str(script), "leaf", "1", check=False, timeout=40)
    assert "read-only" in refused.stderr
    faults.set("readonly", 0)
    out, err = process.communicate(timeout=40)
    assert out.strip() == str(sum(range(20))), err


@pytest.mark.timeout(60)
def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", str(place)], capture_output=True
    ).returncode:
        pytest.skip("needs the right to mount a disk")
    try:
        home = Home(place)
        refused = home.cli("engine", "start", check=False)
        assert refused.returncode
        assert str(place) in refused.stderr
        assert "FLYTENB_HOME" in refused.stderr
        assert "Read-only file system" in refused.stderr
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.timeout(120)
def test_a_disk_whose_syncs_take_seconds(home: Home, faults: Faults) -> None:
    """The engine answers at once while its journal waits; the run ends with two or three syncs, not with forty."""
    faults.into(home)
    script = home.script("work.py", WORK)
    (home.path.parent / "go").touch()
    assert home.python(str(script), "leaf", "1").stdout.strip() == "1"
    faults.set("fsync", 1500)
    begun = time.monotonic()
    process = home.popen(str(script), "gated", str(home.path.parent))
    slowest = 0.0
    while process.poll() is None:
        asked = time.monotonic()
        _ask(home)
        slowest = max(slowest, time.monotonic() - asked)
    out, err = process.communicate()
    faults.set("fsync", 0)
    assert out.strip() == str(sum(range(20))), err
    assert time.monotonic() - begun < 40
    assert slowest < 1.5, f"the engine was silent for {slowest:.1f} s"


def _ask(home: Home) -> None:
    """A connection and its refusal: the loop's own answer, without the cost of starting a program."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(str(home.path / "engine.sock"))
        link.sendall(b"\x01\x00\x00\x00\x90")
        link.recv(1024)
    time.sleep(0.05)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seconds", [86_400, -86_400], ids=["forwards", "backwards"])
def test_the_clock_jumps_by_a_day(home: Home, faults: Faults, seconds: int) -> None:
    """A time-out of five seconds neither ends a body of one and a half, nor waits a day for one of ten."""
    faults.into(home)
    script = home.script("work.py", WORK)
    assert home.python(str(script), "leaf", "1").stdout.strip() == "1"
    process = home.popen(str(script), "limited")
    until(lambda: home.rows("SELECT 1 FROM run WHERE ended_at IS NULL"), "the run to begin")
    faults.set("clock", seconds)
    out, err = process.communicate(timeout=40)
    assert out.strip() == "3", err
    [(took,)] = home.rows("SELECT max(ended_at - started_at) FROM action")
    assert 0 <= took < 60
    slow = home.script(
        "slow.py",
        """
        import asyncio
        import flytenb as flyte

        env = flyte.TaskEnvironment(name="slow")

        @env.task(timeout=2)
        async def slow() -> int:
            await asyncio.sleep(30)
            return 1

        if __name__ == "__main__":
            try:
                flyte.run(slow).outputs()
            except Exception as error:
                print(error)
        """,
    )
    late = home.popen(str(slow))
    until(lambda: home.rows("SELECT 1 FROM run WHERE ended_at IS NULL"), "the run to begin")
    faults.set("clock", 0)
    out, err = late.communicate(timeout=25)
    assert "ran longer than its timeout" in out, err


@pytest.mark.timeout(120)
def test_no_more_files_can_be_open(home: Home) -> None:
    """Connections that find no descriptor wait; what runs goes on, and the log says what to do."""
    script = home.script("work.py", WORK)
    folder = home.path.parent

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    process = home.popen(str(script), "gated", str(folder), preexec_fn=limit)
    until(lambda: (folder / "began").exists(), "the task to begin")
    held = []
    for _ in range(80):
        link = socket.socket(socket.AF_UNIX)
        link.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            link.connect(str(home.path / "engine.sock"))
        held.append(link)
    until(lambda: "no more files can be open" in home.engine_log_of_trouble(), "the trouble")
    assert "ulimit -n" in home.engine_log_of_trouble()
    for link in held:
        link.close()
    (folder / "go").touch()
    out, err = process.communicate(timeout=60)
    assert out.strip() == str(sum(range(20))), err
    assert home.python(str(script), "leaf", "1").stdout.strip() == "1"


@pytest.mark.timeout(90)
def test_an_engine_that_is_told_to_end_keeps_what_it_knows(home: Home) -> None:
    """SIGTERM ends workers too; the run goes on with the next engine, and finished children do not run again."""
    script = home.script("work.py", WORK)
    folder = home.path.parent
    process = home.popen(str(script), "gated", str(folder))
    until(lambda: (folder / "began").exists(), "the task to begin")
    pid = home.engine_pid()
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    until(lambda: not _is_alive(pid), "the engine to end")
    assert not (home.path / "engine.json").exists()
    (folder / "go").touch()
    home.cli("engine", "start")
    out, err = process.communicate(timeout=40)
    assert out.strip() == str(sum(range(20))), err
    assert (folder / "began").read_text() == "xx"


@pytest.mark.timeout(60)
def test_processes_of_another_boot_are_never_signalled(home: Home, tmp_path: Path) -> None:
    """After a restart of the machine numbers of processes belong to others, also when all else looks right."""
    import fcntl

    from flytenb.wire import alive

    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    try:
        alive.folder(home.path).mkdir(parents=True)
        home.path.chmod(0o700)
        place = alive.folder(home.path) / "w1"
        place.write_text(f"{innocent.pid} {alive.born(innocent.pid)} another-boot")
        with open(place) as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert alive.living(home.path) == {}
        place.write_text(f"{innocent.pid} {alive.born(innocent.pid)} {alive.boot()}")
        assert alive.living(home.path) == {}, "its file is not locked"
        place.write_text(f"{innocent.pid} 1 {alive.boot()}")
        with open(place) as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert alive.living(home.path) == {}, "it began at another time"
        script = home.script("work.py", WORK)
        assert home.python(str(script), "leaf", "1").stdout.strip() == "1"
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


@pytest.mark.timeout(120)
def test_a_storm_of_connections(home: Home) -> None:
    """Hundreds of links come, send half a frame, and go, while a run goes on."""
    script = home.script("work.py", WORK)
    folder = home.path.parent
    process = home.popen(str(script), "gated", str(folder))
    until(lambda: (folder / "began").exists(), "the task to begin")
    for count in range(600):
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(str(home.path / "engine.sock"))
            link.sendall(b"\x40\x00\x00\x00" + b"\x91\x97" * (count % 9))
    (folder / "go").touch()
    out, err = process.communicate(timeout=60)
    assert out.strip() == str(sum(range(20))), err
    pid = home.engine_pid()
    until(lambda: len(os.listdir(f"/proc/{pid}/fd")) < 60, "the links to be forgotten")
