"""What a run waits for while it is built is part of the run: live, and from the store of a later engine."""

from __future__ import annotations

import json

import pytest

from tests.integration.conftest import Home, until

SCRIPT = """
    import sys
    import flytenb as flyte
    from pathlib import Path

    image = flyte.Image.from_debian_base().with_pip_packages(*sys.argv[1:])
    env = flyte.TaskEnvironment("e", image=image, executor="process")

    @env.task
    def one() -> int:
        return 1

    if __name__ == "__main__":
        print(flyte.run(one).name)
"""


def builds(home: Home, run: str) -> list[dict]:
    code = (
        "import msgspec; from flytenb.client.session import session as the\n"
        "from flytenb.model.snapshot import RunSnapshot\n"
        f"print(msgspec.json.encode(the().query('snapshot', RunSnapshot, run={run!r}).builds).decode())"
    )
    return json.loads(home.python("-c", code).stdout)


@pytest.mark.engine
def test_a_failed_environment_is_shown_with_its_lines_also_later(home: Home) -> None:
    run = home.python(str(home.script("s.py", SCRIPT)), "no-such-package-zz9==3").stdout.strip()
    until(lambda: any(row.get("phase") == "failed" for row in builds(home, run)), "the failure", 60)
    (row,) = builds(home, run)
    assert row["kind"] == "environment"
    assert [layer.get("phase", "waiting") for layer in row["layers"]] == ["done", "failed", "waiting"]
    assert any("no-such-package-zz9" in line for line in row["layers"][1]["lines"])
    shown = home.cli("get", "run", run).stdout
    assert "failed, step 2 of 3" in shown
    assert f"flytenb get build {row['id']} --log" in shown
    home.cli("engine", "restart")
    (later,) = builds(home, run)
    assert later["layers"][1]["lines"] == row["layers"][1]["lines"]
    assert later["error"] == row["error"]
    assert builds(home, home.python(str(home.script("t.py", SCRIPT.replace(", image=image", "")))).stdout.strip()) == []
