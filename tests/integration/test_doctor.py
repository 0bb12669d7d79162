"""What the doctor says, from a shell and from a notebook, of healthy and of sick homes."""

from __future__ import annotations

import json
import os

import pytest

from tests.integration.conftest import Home, until
from tests.integration.telling import script, told_by_cells, told_in

pytestmark = pytest.mark.engine

HELLO = """
    env = flyte.TaskEnvironment(name="plain")

    @env.task
    def double(n: int) -> int:
        return 2 * n

    if __name__ == "__main__":
        tell(lambda: outputs(double, 21)[0])
"""


def _findings(home: Home, code: int = 0) -> dict[str, dict]:
    done = home.cli("doctor", "-o", "json", check=False)
    assert done.returncode == code, done
    return {found["what"]: found for found in json.loads(done.stdout)}


def test_life_of_a_home(home: Home) -> None:
    found = _findings(home)
    assert found["home"]["text"] == f"{home.path} (FLYTENB_HOME, made by the first run)"
    assert "none yet" in found["store"]["text"]
    assert "not running; it starts by itself" in found["engine"]["text"]
    assert not home.path.exists(), "the doctor makes and starts nothing"
    assert told_in(home.python(str(script(home, "hello.py", HELLO))).stdout)[0]["value"] == "42"
    found = _findings(home)
    assert found["home"]["text"] == f"{home.path} (FLYTENB_HOME)"
    assert f"process {home.engine_pid()}, version" in found["engine"]["text"]
    assert "0 runs going on" in found["engine"]["text"]
    assert all(one["is_good"] for one in found.values())


def test_what_is_wrong_is_told_with_its_fix(home: Home) -> None:
    path = script(home, "hello.py", HELLO)
    assert told_in(home.python(str(path)).stdout)[0]["value"] == "42"
    home.cli("engine", "stop")
    until(lambda: home.engine_pid() is None, "the engine to stop")
    (home.path / "store.db").write_bytes(b"this is no database" * 500)
    assert told_in(home.python(str(path)).stdout)[0]["value"] == "42"
    (kept,) = home.path.glob("store.db.corrupt-*[0-9]")
    assert f"a damaged one is kept aside: {kept.name}" in _findings(home)["store"]["text"]
    home.env["FLYTENB_HOME"] = os.devnull + "/home"
    found = _findings(home, 1)["home"]
    assert not found["is_good"]
    assert "cannot be written" in found["text"]
    assert found["fix"] == "set FLYTENB_HOME to a directory of yours"


def test_in_a_notebook(home: Home) -> None:
    _, shown = told_by_cells(home, "tell(lambda: None)", "from flytenb.notebook import commands\ntell(commands.doctor)")
    text = eval(shown["value"])
    assert "ok  home " in text
    assert "ok  kernel " in text
    assert "UnknownQuery" not in text
    assert "BAD" not in text


def test_of_docker(home: Home) -> None:
    home.env["DOCKER_HOST"] = f"unix://{home.path}/no-docker.sock"
    found = _findings(home, 1)["docker"]
    assert not found["is_good"], "who names an engine expects it to be there"
    assert f"no Docker engine at unix://{home.path}/no-docker.sock (from DOCKER_HOST)" in found["text"]
    assert "start Docker" in found["text"]
    assert found["text"].endswith("only images and containers need it")


def test_all_that_is_looked_at(home: Home) -> None:
    names = json.loads(home.cli("doctor", "-o", "json", check=False).stdout)
    looked_at = [found["what"] for found in names]
    for what in ("flytenb", "home", "disk", "store", "engine", "docker", "GPUs", "ipykernel", "kernel spec"):
        assert what in looked_at
    assert {"front end", "server part"} <= set(looked_at)
    assert all(found["fix"] for found in names if not found["is_good"] and found["what"] != "docker")
