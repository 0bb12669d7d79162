"""What views ask of a finished action over HTTP: its report as one page, its code as it ran."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.integration.conftest import Home, until

pytestmark = pytest.mark.engine

SCRIPT = """
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="shown")
    LIMIT = 3

    def clean(x):
        return min(x, LIMIT)

    @env.task(report=True)
    def double(x: int) -> int:
        flyte.report.replace("<h2>doubled</h2><script>window.ran = 1</script>")
        flyte.report.flush()
        return 2 * clean(x)

    if __name__ == "__main__":
        run = flyte.run(double, x=21)
        run.wait()
        print(run.name)
"""


def test_a_page_and_the_code_of_an_action(home: Home) -> None:
    run = home.python(str(home.script("shown.py", SCRIPT))).stdout.strip()
    until(lambda: json.loads((home.path / "engine.json").read_text()).get("port"), "the HTTP API")
    facts = json.loads((home.path / "engine.json").read_text())
    transport = httpx.HTTPTransport(uds=facts["http_socket"])
    with httpx.Client(transport=transport, base_url=f"http://engine/api/v1/runs/{run}/actions", timeout=60) as client:
        page = client.get("/a0/page").json()["page"]
        assert page.index("Content-Security-Policy") < page.index("<h2>doubled</h2>"), "its policy stands first"
        code = client.get("/a0/code").json()
        assert code["source"].splitlines()[0] == "def double(x: int) -> int:"
        assert "return 2 * clean(x)" in code["source"]
        assert code["place"].endswith("shown.py")
        found = {each["name"]: each for each in code["captured"]}
        assert found["clean"]["source"].startswith("def clean(x):")
        assert found["LIMIT"]["text"] == "3"
        missing = client.get("/a7/code")
        assert (missing.status_code, missing.json()["code"]) == (404, "ActionNotFound")
