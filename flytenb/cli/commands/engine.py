"""`flytenb engine …`."""

from __future__ import annotations

import time
from typing import Any

import click

from flytenb.cli.output import emit, json_or_text
from flytenb.wire import paths


@click.group()
def engine() -> None:
    """The engine; it starts by itself when needed and ends by itself when idle."""


@engine.command("start")
@json_or_text
def engine_start(output: str) -> None:
    """Start the engine."""
    from flytenb.cli import engine as life

    answer = life.start(paths.home())
    emit(answer, output, f"engine running: process {answer['pid']}, {answer['socket']}")


@engine.command("stop")
@click.option("--force", is_flag=True, help="Also while runs go on; the next engine goes on with them.")
@json_or_text
def engine_stop(force: bool, output: str) -> None:
    """Stop the engine."""
    from flytenb.cli import engine as life

    was_running = life.stop(paths.home(), force=force)
    emit({"was_running": was_running}, output, "engine stopped" if was_running else "no engine was running")


@engine.command("restart")
@click.option("--force/--no-force", default=True, help="Also while runs go on; they go on with the new engine.")
@json_or_text
def engine_restart(force: bool, output: str) -> None:
    """Stop the engine and start it again; runs go on."""
    from flytenb.cli import engine as life

    life.stop(paths.home(), force=force)
    answer = life.start(paths.home())
    emit(answer, output, f"engine running: process {answer['pid']}, {answer['socket']}")


@engine.command("rotate-token")
@json_or_text
def engine_rotate_token(output: str) -> None:
    """Replace the token of the engine's sockets; every start of an engine does it too. Runs go on."""
    from flytenb.client.session import session

    answer = session(paths.home()).query("rotate_token")
    emit(answer, output, f"the token in {answer['token']} is a new one")


@engine.command("status")
@json_or_text
def engine_status(output: str) -> None:
    """Tell whether an engine runs and what it does. Starts none."""
    from flytenb.client.doctor import status

    answer = status(paths.home())
    if answer is None:
        missing: dict[str, Any] = {
            "pid": None,
            "version": None,
            "socket": str(paths.socket_path(paths.home())),
            "runs_active": 0,
            "workers": [],
        }
        emit(missing, output, f"no engine runs for {paths.home()}; it starts by itself when needed")
        return
    lines = [
        f"process   {answer['pid']}, version {answer['version']}, up {time.time() - answer.get('started_at', 0):.0f} s",
        f"home      {answer.get('home', paths.home())}",
        f"socket    {answer['socket']}",
        f"runs      {answer['runs_active']} active, {answer.get('actions_live', 0)} actions",
        f"workers   {_count(answer['workers'])}{_states(answer['workers'])}",
        *([f"GPUs      {answer['gpus_words']}"] if answer.get("gpus_words") else []),
    ]
    emit(answer, output, "\n".join(lines + [f"note      {note}" for note in answer.get("notes") or ()]))


def _count(workers: Any) -> int:
    return workers if isinstance(workers, int) else len(workers)


def _states(workers: Any) -> str:
    """How many of them are warm, busy, parked, starting."""
    from flytenb.client.pool import STATES

    if isinstance(workers, int):
        return ""
    counts = [(sum(worker.get("state") == state for worker in workers), state) for state in STATES]
    told = ", ".join(f"{count} {state}" for count, state in counts if count)
    return f" ({told})" if told else ""


@engine.command("logs")
@click.option("-n", "--lines", default=100, show_default=True, help="How many of the last lines.")
def engine_logs(lines: int) -> None:
    """Print the end of the engine's own log."""
    from flytenb.cli import engine as life

    found = life.last_log_lines(paths.home(), lines)
    click.echo("\n".join(found) if found else f"the engine of {paths.home()} has nothing to report")
