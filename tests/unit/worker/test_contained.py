"""Files of containers, before and after: no container is started."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flytenb.codec.current import set_objects
from flytenb.codec.file import File
from flytenb.codec.folder import Dir
from flytenb.codec.objects import ObjectStore
from flytenb.containers import leftovers
from flytenb.errors import OutputTypeError
from flytenb.extras import ContainerTask
from flytenb.model.image import SecretSpec
from flytenb.sdk.container_task import Job
from flytenb.worker.contained.results import parse_duration, read_outputs
from flytenb.worker.contained.staging import stage_inputs, stage_secrets


@pytest.fixture(autouse=True)
def _objects(tmp_path):
    set_objects(ObjectStore(tmp_path / "objects"))
    yield
    set_objects(None)


def read(folder: Path, kind: object, pattern: str = "*") -> object:
    made = ContainerTask("tool", "alpine", ["true"], outputs={"x": kind})
    return read_outputs(folder, made, Job([], patterns={"x": pattern}))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (int, " 42\n", 42),
        (float, "1e3\n", 1000.0),
        (str, "as it is\n", "as it is\n"),
        (bool, "False\n", False),
        (bool, "1", True),
        (bytes, "raw\n", b"raw\n"),
        (dt.datetime, "2026-01-31T09:30:00Z\n", dt.datetime(2026, 1, 31, 9, 30, tzinfo=dt.timezone.utc)),
        (dt.date, "2026-01-31", dt.date(2026, 1, 31)),
        (dt.timedelta, "1 day, 0:00:03\n", dt.timedelta(1, 3)),
        (dt.timedelta, "PT1H30M\n", dt.timedelta(hours=1, minutes=30)),
        (dt.timedelta, "90", dt.timedelta(seconds=90)),
        (list[int], "[1, 2]\n", [1, 2]),
        (dict[str, float], '{"a": 1}', {"a": 1.0}),
        (int | None, "3", 3),
    ],
)
def test_plain_outputs(tmp_path, kind, text, value):
    (tmp_path / "x").write_text(text)
    got = read(tmp_path, kind)
    assert (type(got), got) == (type(value), value)


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        (int, None, r'output "x": the container ended and there is no /var/outputs/x \(it wrote nothing'),
        (int, b"many\n", r'holds "many"; write a int \(3\) there'),
        (int, b"", "is empty; write a int there"),
        (bool, b"maybe", "write a bool"),
        (str, b"\xff", "not text in UTF-8"),
        (list[int], b'["a"]', r"write a list\[int\]"),
        (Dir, b"x", "it is a file"),
        (list[File], b"x", "it is a file"),
    ],
)
def test_outputs_that_cannot_be_read_name_task_output_and_fix(tmp_path, kind, content, said):
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(OutputTypeError, match=said) as caught:
        read(tmp_path, kind)
    assert 'task "tool", output "x"' in str(caught.value)


def test_a_folder_where_a_file_should_be(tmp_path):
    (tmp_path / "x").mkdir()
    for kind in (int, File):
        with pytest.raises(OutputTypeError, match="it is a folder"):
            read(tmp_path, kind)


def test_none_where_it_is_allowed(tmp_path):
    assert read(tmp_path, int | None) is None
    assert read_outputs(tmp_path, ContainerTask("tool", "alpine", ["true"]), Job([])) is None


def test_files_and_folders(tmp_path):
    (tmp_path / "x" / "deep").mkdir(parents=True)
    (tmp_path / "x" / "a.txt").write_text("A")
    (tmp_path / "x" / "deep" / "b.txt").write_text("B")
    (tmp_path / "x" / "c.csv").write_text("C")
    (tmp_path / "x" / "link").symlink_to("a.txt")
    assert sorted(os.listdir(read(tmp_path, Dir).download_sync())) == ["a.txt", "c.csv", "deep", "link"]
    assert [one.name for one in read(tmp_path, list[File], "*.txt")] == ["a.txt"]
    assert [one.name for one in read(tmp_path, list[File], "**/*.txt")] == ["a.txt", "b.txt"]
    assert sorted(read(tmp_path, dict[str, File])) == ["a.txt", "c.csv", "link"]


@pytest.mark.parametrize("target", ["/etc/hostname", "../secret", "nothing"])
def test_links_that_lead_away_are_refused(tmp_path, target):
    (tmp_path / "secret").write_text("not theirs")
    out = tmp_path / "out"
    (out / "x").mkdir(parents=True)
    (out / "x" / "link").symlink_to(target if target != "../secret" else "../../secret")
    (out / "y").symlink_to(target)
    with pytest.raises(OutputTypeError, match="is a link"):
        read(out, Dir)
    for kind in (File, str, list[File]):
        made = ContainerTask("tool", "alpine", ["true"], outputs={"y": kind})
        with pytest.raises(OutputTypeError):
            read_outputs(out, made, Job([]))


@pytest.mark.parametrize(
    "value", [dt.timedelta(0), dt.timedelta(-1, 5), dt.timedelta(3, 4, 500_000), dt.timedelta(hours=30)]
)
def test_durations_as_python_prints_them(value):
    assert parse_duration(str(value)) == value


def test_inputs_are_linked_from_the_store(tmp_path):
    (tmp_path / "src" / "d").mkdir(parents=True)
    (tmp_path / "src" / "d" / "f").write_text("in a folder")
    (tmp_path / "src" / "a.txt").write_text("A")
    file, folder = File.from_local_sync(tmp_path / "src" / "a.txt"), Dir.from_local_sync(tmp_path / "src" / "d")
    kinds = {"f": File, "d": Dir, "many": list[File], "n": int, "none": File | None}
    made = ContainerTask("tool", "alpine", ["true"], inputs=kinds, file_input_layout="NAMED_DIR")
    values = {"f": file, "d": folder, "many": [file, file], "n": 3, "none": None}
    stage_inputs(tmp_path / "in", made, values, Job([], files={".script": b"#"}))
    there = sorted(str(path.relative_to(tmp_path / "in")) for path in (tmp_path / "in").rglob("*") if path.is_file())
    assert there == [".script", "d/f", "f/a.txt", "inputs.json", "many/1_a.txt", "many/a.txt", "n"]
    assert (tmp_path / "in" / "f" / "a.txt").stat().st_nlink > 1
    assert json.loads((tmp_path / "in" / "inputs.json").read_bytes()) == {
        "f": "/var/inputs/f/a.txt",
        "d": "/var/inputs/d",
        "many": ["/var/inputs/many/a.txt", "/var/inputs/many/1_a.txt"],
        "n": 3,
        "none": None,
    }


def test_an_input_that_is_gone_is_named(tmp_path):
    made = ContainerTask("tool", "alpine", ["true"], inputs={"f": File})
    with pytest.raises(FileNotFoundError, match="'/nowhere/x' of an input is not there"):
        stage_inputs(tmp_path / "in", made, {"f": File(path="/nowhere/x")}, Job([]))


def test_secrets_are_private_files(tmp_path, monkeypatch):
    monkeypatch.setenv("KEY", "it's $HOME")
    (tmp_path / "mounted" / "w1").mkdir(parents=True)
    (tmp_path / "mounted" / "w1" / "token").write_text("t")
    wanted = (SecretSpec(key="key", variable="KEY"), SecretSpec(key="token", mount="/etc/flyte/secrets"))
    private = tmp_path / "private"
    private.mkdir()
    variables, mounted = stage_secrets(private, wanted, tmp_path, "w1", is_for_all=False)
    told = subprocess.run(["sh", "-c", f'. {variables}/env; printf %s "$KEY"'], capture_output=True, text=True)
    assert told.stdout == "it's $HOME"
    assert (mounted / "token").read_text() == "t"
    assert {path.stat().st_mode & 0o777 for path in (variables / "env", mounted / "token")} == {0o400}
    assert stage_secrets(private / "none", (), tmp_path, "w1", is_for_all=False) == (None, None)


# ---- what a killed worker leaves -------------------------------------------------------------------------------------


def test_folders_of_living_processes_stay(tmp_path, monkeypatch):
    removed: list[str] = []
    monkeypatch.setattr(leftovers, "connect", lambda: None)
    monkeypatch.setattr(leftovers, "remove", lambda docker, name: removed.append(name))
    mine = leftovers.new_folder(tmp_path, "mine")
    private = leftovers.new_private_folder(mine)
    dead = leftovers.new_folder(tmp_path, "dead")
    (dead / "owner").write_text(f"{os.getpid()} 1.00")
    assert leftovers.clear(tmp_path) == 1
    assert (removed, mine.exists(), dead.exists()) == (["dead"], True, False)
    assert leftovers.clear(tmp_path, os.getpid()) == 1
    assert (removed, mine.exists(), private.exists()) == (["dead", "mine"], False, False)
    assert leftovers.clear(tmp_path / "nothing") == 0


def test_a_guard_ends_with_its_process_when_there_is_nothing_to_do(tmp_path):
    code = (
        f"import sys; from pathlib import Path; from flytenb.containers.leftovers import start_guard; "
        f"guard = start_guard(Path({str(tmp_path)!r})); print(guard.pid, flush=True); sys.stdin.read(); "
        "import os; os.kill(os.getpid(), 9)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    guard = os.pidfd_open(int(child.stdout.readline())) if hasattr(os, "pidfd_open") else -1
    child.communicate()
    if guard >= 0:
        import select

        assert select.select([guard], [], [], 10)[0], "the guard has ended"
        os.close(guard)
