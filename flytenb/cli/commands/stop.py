"""`flytenb abort …`."""

from __future__ import annotations

import click

from flytenb.cli.output import emit, json_or_text


@click.group()
def abort() -> None:
    """Stop a run or an action."""


@abort.command("run")
@click.argument("name", metavar="RUN")
@click.option("--reason", default="stopped from the command line", help="Recorded with it.")
@json_or_text
def abort_run(name: str, reason: str, output: str) -> None:
    """Stop a run with all its actions."""
    _abort(name, "", reason, output)


@abort.command("action")
@click.argument("run_name", metavar="RUN")
@click.argument("action", metavar="ACTION")
@click.option("--reason", default="stopped from the command line", help="Recorded with it.")
@json_or_text
def abort_action(run_name: str, action: str, reason: str, output: str) -> None:
    """Stop one action and all below it."""
    _abort(run_name, action, reason, output)


def _abort(run_name: str, action: str, reason: str, output: str) -> None:
    from flytenb.client.session import session

    answer = session().query("abort", run=run_name, action=action, reason=reason)
    what = f"{answer['run']}/{answer['action']}" if action else f"run {answer['run']}"
    emit(answer, output, f"{what} is being stopped" if answer["was_running"] else f"{what} has ended already")
