"""A task that tells its secrets in every way: nothing that is kept, shown or exported has them."""

from __future__ import annotations

import base64
import contextlib
import json
from urllib.parse import quote

import httpx
import pytest

from flytenb.vault import Vault
from tests.integration.conftest import Home, until

pytestmark = pytest.mark.engine

KEY = "needle/of+gold=in a hay&stack"
CERT = "-----BEGIN-----\nneedleline1needle\nneedleline2needle\n-----END-----\n"
SCRIPT = """
    import asyncio, base64, ctypes, json, logging, os, subprocess, sys, urllib.parse
    from pathlib import Path
    import flytenb as flyte

    env = flyte.TaskEnvironment(
        name="loud",
        secrets=[flyte.Secret("api-key", as_env_var="API_KEY"), flyte.Secret("cert", mount="/etc/flyte/secrets")],
    )

    class Refused(Exception):
        def __init__(self, key):
            super().__init__(f"the server refused {key}")
            self.key = key

    def forms(key):
        raw = key.encode()
        return [key, repr({"key": key}), json.dumps([key]), urllib.parse.quote(key, safe=""),
                urllib.parse.quote_plus(key), base64.b64encode(raw).decode(),
                base64.b64encode(b"ann:" + raw).decode(), raw.hex()]

    @env.task
    def loud(how: str) -> str:
        key = os.environ["API_KEY"]
        cert = (Path(os.environ["FLYTE_SECRETS_DIR"]) / "cert").read_text()
        if how == "print":
            print(*forms(key), sep="\\n")
            print(cert)
            print("begin " + key, file=sys.stderr)
            sys.stdout.write(key[:7]); sys.stdout.flush(); sys.stdout.write(key[7:] + "\\n")
            logging.warning("log %s", key)
            os.write(1, (key + "\\n").encode())
            pieces = 'printf "%.9s" "$API_KEY"; sleep 0.1; printf "%s\\n" "${API_KEY#?????????}"'
            subprocess.run(["/bin/sh", "-c", f'echo "$API_KEY"; {pieces}'])
            sys.stdout.write("x" * 65_530 + key + "x" * 65_530 + key)
            print("\\rbar " + key, end="\\r")
            flyte.report.log(f"<p>{key}</p><p>{forms(key)[5]}</p>", do_flush=True)
            flyte.report.get_tab(key).log("named by it")
        if how == "raise":
            try:
                raise Refused(key)
            except Refused as error:
                error.__notes__ = ["a note of " + key]
                raise
        if how == "chain":
            try:
                open("/nowhere/" + key)
            except OSError as error:
                raise RuntimeError("while using " + forms(key)[6]) from error
        if how == "exit":
            os.write(2, (key + "\\nlast words " + key + "\\n").encode())
            os._exit(3)
        return key if how == "return" else "done"

    if __name__ == "__main__":
        run = flyte.run(loud, how=sys.argv[1])
        print(run.name, flush=True)
        try:
            run.wait()
            print(run, repr(run))
            run.outputs()
        except BaseException as error:
            print(type(error), error, error.__dict__)
            import traceback
            traceback.print_exc(file=sys.stdout)
"""
PIECES = ["needle", quote("needle/of+", safe=""), b"needle/of+gold=in a hay&stack".hex()[:30]]
PIECES += [base64.b64encode(b"ann:" + KEY.encode()).decode()[8:20], base64.b64encode(KEY.encode()).decode()[:14]]


def _tells(data: bytes | str) -> list[str]:
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    return [piece for piece in PIECES if piece in text]


def _kept(home: Home) -> dict[str, list[str]]:
    """Files of the home that tell something, but for its own store of secrets and what workers have mounted."""
    found = {}
    for path in home.path.rglob("*"):
        if path.is_file() and path.relative_to(home.path).parts[0] not in ("secrets", "mounted"):
            with contextlib.suppress(OSError):
                if said := _tells(path.read_bytes()):
                    found[str(path)] = said
    return found


@pytest.mark.parametrize(
    ("how", "source"),
    [("print", "store"), ("print", "submitter"), ("raise", "store"), ("chain", "submitter"), ("exit", "store")],
)
def test_nothing_that_leaves_a_worker_tells(home: Home, how: str, source: str) -> None:
    if source == "store":
        Vault(home.path).write("api-key", KEY.encode())
        Vault(home.path).write("cert", CERT.encode())
    else:
        home.env.update({"API_KEY": KEY, "CERT": CERT})
    done = home.python(str(home.script("loud.py", SCRIPT)), how)
    for name in ("API_KEY", "CERT"):
        home.env.pop(name, None)
    assert _tells(done.stdout + done.stderr) == [], done.stdout
    assert "***" in done.stdout or how in ("print", "exit")
    name = done.stdout.split()[0]
    shown = ""
    for words in (["run", name, "--audit"], ["logs", name], ["action", name, "-o", "json"], ["io", name]):
        shown += home.cli("get", *words).stdout
    until(lambda: json.loads((home.path / "engine.json").read_text()).get("port"), "the HTTP API")
    facts = json.loads((home.path / "engine.json").read_text())
    with httpx.Client(transport=httpx.HTTPTransport(uds=facts["http_socket"]), base_url="http://engine") as client:
        for path in ("snapshot", "actions", "logs", "actions/a0/io", "actions/a0/attempts", "actions/a0/report"):
            shown += client.get(f"/api/v1/runs/{name}/{path}").text
    assert _tells(shown) == [], _where(shown)
    if how == "print":
        assert shown.count("***") > 15
        assert "begin ***" in shown
    home.cli("engine", "stop")
    assert _kept(home) == {}


def test_a_value_that_is_a_secret_stays_the_value_and_is_not_shown(home: Home) -> None:
    """A task may pass its secret on; who looks at the run does not see it."""
    Vault(home.path).write("api-key", KEY.encode())
    Vault(home.path).write("cert", CERT.encode())
    script = home.script("loud.py", SCRIPT)
    done = home.python(str(script), "return")
    name = done.stdout.split()[0]
    shown = "".join(home.cli("get", *words).stdout for words in (["run", name], ["run", name, "--audit"], ["io", name]))
    assert _tells(shown) == [], _where(shown)
    assert "***" in shown
    assert json.loads(home.cli("get", "io", name, "-o", "json").stdout)["outputs"]["o0"] == KEY


def _where(text: str) -> list[str]:
    return [text[max(0, text.index(piece) - 80) : text.index(piece) + 80] for piece in _tells(text)]
