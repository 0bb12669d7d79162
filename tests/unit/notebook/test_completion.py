"""What may stand behind a magic."""

import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

import flytenb as flyte
from flytenb.capture.registry import registry
from flytenb.notebook import extension
from flytenb.notebook.completion import completions, magic_of

env = flyte.TaskEnvironment(name="c")


@env.task
async def search(cs: list[float], gammas: list[float], seed: int = 7) -> float:
    return 0.0


NAMES = {"search": search, "env": env, "other": 1, "_hidden": search}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%flyte_run ", ["search"]),
        ("%flyte_run se", ["search"]),
        ("%flyte_run search ", ["cs=", "gammas=", "seed="]),
        ("%flyte_run search cs=[1] g", ["gammas="]),
        ("%flyte_run search cs=[1] --over", ["--overwrite-cache"]),
        ("%flyte_run search -", ["--name", "--mode", "-o", "--overwrite-cache"]),
        ("%%flyte_task --env ", ["c", "env"]),
        ("%%flyte_task --cache ", ["auto", "disable", "override"]),
        ("%%flyte_task --ret", ["--retries"]),
        ("%flyte_env prep --me", ["--memory"]),
        ("%flyte_export --target ", ["flyte", "flytenb"]),
        ("%flyte_show la", ["last"]),
        ("%flyte_runs ", []),
    ],
)
def test_completions(monkeypatch, tmp_path, line, expected):
    monkeypatch.setenv("FLYTENB_HOME", str(tmp_path))
    magic, symbol = line.split()[0], "" if line.endswith(" ") else line.split()[-1]
    assert sorted(completions(NAMES, magic, line, symbol)) == sorted(expected)
    assert not (tmp_path / "engine.sock").exists()  # completion starts no engine


@pytest.mark.parametrize(
    ("line", "magic", "rest"),
    [
        ("%flyte_run ", "%flyte_run", "%flyte_run "),
        ("    %flyte_run se", "%flyte_run", "%flyte_run se"),
        ("run = %flyte_run search cs=[1] g", "%flyte_run", "%flyte_run search cs=[1] g"),
        ("%%flyte_task --env p", "%%flyte_task", "%%flyte_task --env p"),
        ("# %flyte task --ret", "%%flyte_task", "%%flyte_task --ret"),
        ("%flyte_ru", "", ""),
        ("%timeit 1", "", ""),
        ("print('%flyte_run ", "", ""),
        ("", "", ""),
    ],
)
def test_where_a_magic_is(line, magic, rest):
    assert magic_of(line) == (magic, rest)


def test_a_shell_completes_and_forgets():
    hook = sys.excepthook
    shell = InteractiveShell()
    extension.load_ipython_extension(shell)
    try:
        shell.user_ns.update(NAMES)
        assert "search" in shell.complete("sea", "%flyte_run sea", 14)[1]
        assert shell.complete("", "%flyte_run ", 11)[1] == ["search"]
    finally:
        extension.unload_ipython_extension(shell)
        registry.forget()
        sys.excepthook = hook
        shell.history_manager.end_session()
    assert "search" not in shell.complete("--env", "%%flyte_task --env se", 21)[1]
