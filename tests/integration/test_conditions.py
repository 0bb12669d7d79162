"""Runs that ask a person: answered from code, the command line and HTTP; restarts; time-outs; who is told."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.integration.conftest import Home, until

_SCRIPT = """
    import sys, time
    import flytenb as flyte

    env = flyte.TaskEnvironment("ask")

    @env.task
    async def prepare(n: int) -> int:
        with open(MARKS, "a") as file:
            file.write("prepare\\n")
        return n + 1

    @env.task
    async def deploy(n: int) -> str:
        made = await prepare(n)
        ok = await flyte.new_condition("deploy", prompt="Deploy **now**?", prompt_type="markdown", HOOK).wait.aio()
        with open(MARKS, "a") as file:
            file.write(f"answer {ok}\\n")
        share = await flyte.new_condition("share", prompt="How much?", data_type=float).wait.aio()
        return f"{made} {ok} {share}"

    @env.task
    def blocking() -> str:
        return flyte.new_condition("word", data_type=str, description="any word").wait()

    @env.task
    async def nested() -> str:
        return await deploy(1)

    if __name__ == "__main__":
        run = flyte.run(globals()[sys.argv[1]], **({"n": 1} if sys.argv[1] == "deploy" else {}))
        print(run.name, flush=True)
        print(run.outputs()[0], flush=True)
"""


class Asking:
    """A script whose run asks."""

    def __init__(self, home: Home, hook: str = "") -> None:
        self.home = home
        self.marks = home.path.parent / "marks"
        text = _SCRIPT.replace("MARKS", repr(str(self.marks))).replace(", HOOK", f", webhook={hook}" if hook else "")
        self.script = home.script("ask.py", text)

    def start(self, task: str = "deploy") -> tuple[subprocess.Popen[str], str]:
        process = self.home.popen(str(self.script), task)
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert name, process.communicate()[1]
        return process, name

    def open(self, run: str = "") -> list[dict[str, Any]]:
        words = [run] if run else []
        return json.loads(self.home.cli("get", "condition", *words, "-o", "json").stdout)

    def waits(self, run: str, name: str) -> dict[str, Any]:
        until(lambda: any(one["name"] == name for one in self.open(run)), f"condition {name} of {run}")
        (found,) = [one for one in self.open(run) if one["name"] == name]
        return found

    def answer(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.home.cli("signal", "condition", *words, check=check)

    def lines(self) -> list[str]:
        return self.marks.read_text().splitlines()


def http(home: Home, method: str, path: str, body: Any = None, token: bool = True) -> tuple[int, Any]:
    """One request to the loopback port."""
    until(lambda: json.loads((home.path / "engine.json").read_text()).get("port"), "the HTTP API")
    info = json.loads((home.path / "engine.json").read_text())
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {(home.path / 'token').read_text().strip()}"
    return request(method, f"http://127.0.0.1:{info['port']}{path}", body, headers)


def request(method: str, url: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_answered_from_the_command_line(home: Home) -> None:
    asking = Asking(home)
    process, run = asking.start()
    told = asking.waits(run, "deploy")
    assert told["prompt"] == "Deploy **now**?"
    assert (told["prompt_type"], told["phase"], told["parent"]) == ("markdown", "paused", "a0")
    text = home.cli("get", "condition").stdout
    assert f"{run}/{told['action']}  deploy  waits for a bool since " in text
    assert f"flytenb signal condition {run} {told['action']} true" in text
    assert json.loads(home.cli("get", "run", "--in-phase", "paused", "-o", "json").stdout)[0]["name"] == run
    refused = asking.answer(run, "deploy", "perhaps", check=False)
    assert refused.returncode == 1
    assert "condition 'deploy' takes a bool: 'perhaps' is none; give true or false" in refused.stderr
    refused = asking.answer(run, "deploy", check=False)
    assert "condition 'deploy' takes a bool and nobody can be asked here: give VALUE" in refused.stderr
    assert asking.answer(run, "deploy", "yes").stdout == f"condition deploy of run {run} is answered: True\n"
    refused = asking.answer(run, "deploy", "no", check=False)
    assert f"condition 'deploy' of run '{run}' was answered with True by " in refused.stderr
    assert "(command line) at " in refused.stderr
    refused = asking.answer(run, "nothing", "no", check=False)
    assert f"run '{run}' has no condition 'nothing'; it has: " in refused.stderr
    asking.waits(run, "share")
    asking.answer(run, "share", "0.25")
    assert process.communicate(timeout=60)[0] == "2 True 0.25\n"
    assert home.cli("get", "condition").stdout == "no run waits for an answer\n"
    done = home.cli("get", "condition", run, "--all").stdout
    assert "0.25, by " in done
    who = home.rows("SELECT who, origin FROM answer")
    assert [origin for _, origin in who] == ["command line", "command line"]


def test_answered_over_http(home: Home) -> None:
    asking = Asking(home)
    process, run = asking.start("blocking")
    told = asking.waits(run, "word")
    status, listed = http(home, "GET", "/api/v1/conditions")
    assert (status, [one["description"] for one in listed]) == (200, ["any word"])
    status, said = http(home, "POST", f"/api/v1/runs/{run}/conditions/word/signal", {"value": 5})
    assert (status, said["code"]) == (422, "BadAnswer")
    assert said["message"] == "condition 'word' takes a str: 5 is none; give a text"
    status, said = http(home, "POST", f"/api/v1/runs/{run}/conditions/word/signal", b"[1")
    assert (status, said["code"]) == (400, "BadQuery")
    status, said = http(home, "POST", f"/api/v1/runs/{run}/conditions/word/signal", {"value": "x"}, token=False)
    assert status == 403
    status, said = http(home, "POST", f"/api/v1/runs/{run}/conditions/nothing/signal", {"value": "x"})
    assert (status, said["code"]) == (404, "ConditionNotFoundError")
    path = f"/api/v1/runs/{run}/conditions/{told['action']}/signal"
    status, said = http(home, "POST", path, {"value": "<b>hé</b>", "who": "ada"})
    assert (status, said["value"], said["answered_by"], said["answered_from"]) == (200, "<b>hé</b>", "ada", "http")
    status, said = http(home, "POST", path, {"value": "again"})
    assert (status, said["code"]) == (409, "ConditionAnswered")
    assert process.communicate(timeout=60)[0] == "<b>hé</b>\n"


def test_one_of_many_answers_counts(home: Home) -> None:
    asking = Asking(home)
    process, run = asking.start("blocking")
    asking.waits(run, "word")
    path = f"/api/v1/runs/{run}/conditions/word/signal"
    answers: list[tuple[int, Any]] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(http(home, "POST", path, {"value": f"w{n}"})))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = [said["value"] for status, said in answers if status == 200]
    assert sorted(status for status, _ in answers) == [200] + [409] * 7
    assert process.communicate(timeout=60)[0] == f"{good[0]}\n"


@pytest.mark.parametrize("task", ["deploy", "nested"])
def test_an_engine_that_dies_keeps_questions_and_answers(home: Home, task: str) -> None:
    asking = Asking(home)
    process, run = asking.start(task)
    first = asking.waits(run, "deploy")
    assert home.kill_engine()
    again = asking.waits(run, "deploy")
    assert (again["action"], again["since"]) == (first["action"], first["since"])
    asking.answer(run, "deploy", "true")
    asking.waits(run, "share")
    assert home.kill_engine()
    asking.waits(run, "share")
    asking.answer(run, "share", "1")
    assert process.communicate(timeout=60)[0] == "2 True 1.0\n"
    assert asking.lines().count("prepare") == 1
    assert len(home.rows("SELECT * FROM answer")) == 2


def test_a_worker_that_dies_asks_nothing_twice(home: Home) -> None:
    asking = Asking(home)
    process, run = asking.start()
    asking.waits(run, "deploy")
    asking.answer(run, "deploy", "true")
    asking.waits(run, "share")
    status = json.loads(home.cli("engine", "status", "-o", "json").stdout)
    for worker in status["workers"]:
        if worker["parked"]:
            os.kill(worker["pid"], signal.SIGKILL)
    asking.answer(run, "share", "0.5")
    assert process.communicate(timeout=60)[0] == "2 True 0.5\n"
    assert len(home.rows("SELECT * FROM answer")) == 2
    assert asking.lines().count("prepare") == 1


def test_an_aborted_run_asks_no_more(home: Home) -> None:
    asking = Asking(home)
    process, run = asking.start()
    asking.waits(run, "deploy")
    home.cli("abort", "run", run)
    assert process.wait(60) == 1
    assert home.cli("get", "condition").stdout == "no run waits for an answer\n"
    refused = asking.answer(run, "deploy", "true", check=False)
    assert f"condition 'deploy' of run '{run}' waits no longer: it is aborted" in refused.stderr


# ---- webhooks -----------------------------------------------------------------------------------------------------


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.told.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Hook)
    server.told = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_webhook_is_told_and_may_answer(home: Home, hook: HTTPServer) -> None:
    url = f"http://127.0.0.1:{hook.server_port}/x?secret=s3cret"
    payload = {"text": "Deploy?", "links": [{"yes": "{callback_uri}"}]}
    asking = Asking(home, f"flyte.ConditionWebhook({url!r}, {payload!r})")
    process, run = asking.start()
    told: list[Any] = hook.told  # type: ignore[attr-defined]
    until(lambda: told, "the webhook")
    uri = told[0]["links"][0]["yes"]
    assert told[0]["text"] == "Deploy?"
    json_headers = {"content-type": "application/json"}
    status, said = request("POST", uri[:-1] + ("0" if uri[-1] != "0" else "1"), {"value": True}, json_headers)
    assert status == 403
    assert "the key of this address is not that of the condition" in said["message"]
    status, _ = request("POST", uri.replace(f"/conditions/{uri.split('/')[-2]}/signal?", "/abort?"), None, json_headers)
    assert status == 403
    status, said = request("POST", uri, {"value": True, "who": "bot"}, json_headers)
    assert (status, said["answered_from"], said["answered_by"]) == (200, "webhook", "bot")
    asking.waits(run, "share")
    asking.answer(run, "share", "1")
    assert process.communicate(timeout=60)[0] == "2 True 1.0\n"
    logs = home.cli("get", "logs", run).stdout
    assert f"webhook: 127.0.0.1:{hook.server_port} was told that an answer is awaited (status 204)" in logs
    assert "s3cret" not in logs


def test_a_webhook_that_fails_is_told_in_the_log(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        port = taken.getsockname()[1]
        asking = Asking(home, f"flyte.ConditionWebhook('http://127.0.0.1:{port}/')")
        process, run = asking.start()
        asking.waits(run, "deploy")
        until(lambda: "webhook" in home.cli("get", "logs", run).stdout, "the log line")
    logs = home.cli("get", "logs", run).stdout
    assert f"webhook: 127.0.0.1:{port} could not be told that an answer is awaited (" in logs
    assert "the condition waits all the same: answer it with 'flytenb signal condition'" in logs
    asking.answer(run, "deploy", "true")
    asking.waits(run, "share")
    asking.answer(run, "share", "1")
    assert process.communicate(timeout=60)[0] == "2 True 1.0\n"
