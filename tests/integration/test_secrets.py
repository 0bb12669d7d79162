"""Secrets from end to end: delivered, and nowhere to be read."""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

import psutil
import pytest

from tests.integration.conftest import Home, until

pytestmark = pytest.mark.engine

SCRIPT = """
    import asyncio, hashlib, os, subprocess, sys, time
    from pathlib import Path
    import flytenb as flyte

    env = flyte.TaskEnvironment(
        name="secretive",
        secrets=[flyte.Secret("api-key"), flyte.Secret("cert", group="tls", mount="/etc/flyte/secrets")],
    )
    plain = flyte.TaskEnvironment(name="plain")

    def digest(value):
        return hashlib.sha256(value).hexdigest()

    @env.task
    def look(folder: str) -> list[str]:
        path = Path(os.environ["FLYTE_SECRETS_DIR"]) / "cert"
        Path(folder, "path").write_text(f"{path}")
        while not Path(folder, "go").exists():
            time.sleep(0.01)
        return [digest(os.environ["API_KEY"].encode()), digest(path.read_bytes())]

    @plain.task
    async def parent(folder: str) -> list[str]:
        return await look.aio(folder)

    if __name__ == "__main__":
        run = flyte.run(parent, folder=sys.argv[1])
        print(run.name, flush=True)
        if len(sys.argv) > 2:
            os._exit(0)
        print(*run.outputs()[0], flush=True)
"""
KEY, CERT = "hush-hush-key", "hush-hush-cert"


def digests() -> list[str]:
    from hashlib import sha256

    return [sha256(value.encode()).hexdigest() for value in (KEY, CERT)]


def _readable(home: Home) -> bytes:
    """Everything that the home keeps but its own store of secrets and the mounted files, and what `ps` shows."""
    found = []
    for path in home.path.rglob("*"):
        if path.is_file() and path.relative_to(home.path).parts[0] not in ("secrets", "mounted"):
            with contextlib.suppress(OSError):
                found.append(path.read_bytes())
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes())
    return b"\n".join(found)


@pytest.mark.parametrize("source", ["store", "submitter", "engine"])
def test_delivered_and_nowhere_to_be_read(home: Home, source: str) -> None:
    folder = home.path.parent
    variables = {"API_KEY": KEY, "TLS_CERT": CERT}
    if source == "engine":
        home.env.update(variables)
    home.cli("engine", "start")
    for name in variables:
        home.env.pop(name, None)
    if source == "submitter":
        home.env.update(variables)
    if source == "store":
        from flytenb.vault import Vault

        Vault(home.path).write("api-key", KEY.encode())
        Vault(home.path).write("cert", CERT.encode(), "tls")
    process = home.popen(str(home.script("secret.py", SCRIPT)), str(folder))
    until((folder / "path").exists, "the task to begin")
    until(lambda: (folder / "path").read_text(), "the task to tell its file")
    mounted = Path((folder / "path").read_text())
    assert stat.S_IMODE(mounted.parent.stat().st_mode) == 0o700
    assert home.path in mounted.parents
    assert b"hush-hush" not in _readable(home)
    (folder / "go").touch()
    out, err = process.communicate(timeout=60)
    assert out.split()[1:] == digests(), err + home.engine_log()
    assert b"hush-hush" not in _readable(home)
    home.cli("engine", "stop")
    assert not mounted.exists()
    assert not (home.path / "mounted").exists()


def test_refused_where_a_secret_is_nowhere(home: Home) -> None:
    script = home.script(
        "none.py",
        """
        import flytenb as flyte
        from secret import look, parent

        if __name__ == "__main__":
            for task in (look, parent):
                try:
                    flyte.run(task, folder="/").outputs()
                except flyte.errors.SecretNotFoundError as error:
                    print(type(error).__mro__[1].__name__, error)
        """,
    )
    home.script("secret.py", SCRIPT)
    first, second = home.python(str(script)).stdout.splitlines()
    for line in (first, second):
        assert "secret 'api-key' of environment 'secretive' has no value" in line
        assert "flytenb secret set api-key" in line
    assert len(home.rows("SELECT * FROM run")) == 1  # the first was refused before it began


@pytest.mark.parametrize("is_gone", [False, True], ids=["submitter waits", "submitter is gone"])
def test_the_engine_dies_and_values_come_again_from_who_waits(home: Home, is_gone: bool) -> None:
    folder = home.path.parent
    home.env.pop("API_KEY", None)
    home.cli("engine", "start")
    home.env.update({"API_KEY": KEY, "TLS_CERT": CERT})
    words = [str(home.script("secret.py", SCRIPT)), str(folder), *(["leave"] if is_gone else [])]
    process = home.popen(*words)
    until((folder / "path").exists, "the task to begin")
    name = process.stdout.readline().strip()  # type: ignore[union-attr]
    if is_gone:
        process.communicate(timeout=60)
    workers = psutil.Process(home.engine_pid()).children(recursive=True)  # they would go on with the next engine
    assert home.kill_engine()
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
    (folder / "go").touch()
    for variable in ("API_KEY", "TLS_CERT"):
        del home.env[variable]
    if is_gone:
        home.cli("engine", "start")
        until(lambda: home.rows("SELECT ended_at FROM run WHERE name = ?", name)[0][0], "the run to end")
        shown = home.cli("get", "action", name, "-o", "json").stdout
        assert "started anew" in shown
        assert "flytenb secret set api-key" in shown
    else:
        out, err = process.communicate(timeout=40)
        assert out.split() == digests(), err + home.engine_log()
    assert b"hush-hush" not in _readable(home)
