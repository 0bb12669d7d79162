"""`flytenb abort …`."""

from __future__ import annotations

import click

from flytenb.cli.output import emit, json_or_text


@click.group()
def abort() -> None:
    """Stop a run, an action or a group."""


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


@abort.command("group")
@click.argument("run_name", metavar="RUN")
@click.argument("group", metavar="NAME")
@click.option("--reason", default="stopped from the command line", help="Recorded with it.")
@json_or_text
def abort_group(run_name: str, group: str, reason: str, output: str) -> None:
    """Stop the actions of a group, and all below them."""
    _abort(run_name, "", reason, output, group)


def _abort(run_name: str, action: str, reason: str, output: str, group: str = "") -> None:
    from dataclasses import asdict

    from flytenb.client import aborting
    from flytenb.client.session import session

    done = aborting.abort(session(), run_name, action=action, group=group, reason=reason)
    emit({**asdict(done), "was_running": bool(done)}, output, str(done))
