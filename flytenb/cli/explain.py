"""`flytenb why`, `flytenb plan`: explanations and forecasts for people and programs."""

from __future__ import annotations

import sys
from typing import Any

import click

from flytenb.cli.output import json_or_text


def emit(told: Any, output: str) -> None:
    """Print something that has a text and `to_dict`."""
    if output == "json":
        from flytenb.cli.show import to_json

        click.echo(to_json(told.to_dict()))
    else:
        click.echo(str(told))


@click.command("why")
@click.argument("run_name", metavar="RUN")
@click.argument("action", metavar="[ACTION]", default="")
@json_or_text
def why(run_name: str, action: str, output: str) -> None:
    """Tell why actions of a run were taken from the cache or not (`last` is the newest run)."""
    from flytenb.client.run_handle import Run

    emit(Run.get(run_name).why(action or None), output)


@click.command("plan", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("words", metavar="FILE TASK [--INPUT VALUE …]", nargs=-1, type=click.UNPROCESSED, required=True)
def plan(words: tuple[str, ...]) -> int:
    """Tell what a run of a task would take from the cache, what it would run, and how long. Runs nothing.

    Takes the options of `flytenb run`, as --overwrite-cache, before FILE or at the end.
    """
    from flytenb.cli.options import UsageError, inputs_of, split
    from flytenb.cli.run import runner_of

    try:
        parsed = split(words)
        if not parsed.file:
            raise UsageError("name a file and a task: flytenb plan digits.py search --cs '[0.1, 1]'")
        found = load_task(parsed.file, parsed.task)
        inputs = inputs_of(parsed, found.interface, found.name)
        output = parsed.given.get("output", "text")
        if output not in ("text", "json"):
            raise UsageError(f"-o {output}: write text or json")
        runner = runner_of(parsed)
    except UsageError as error:
        click.echo(f"flytenb: {error}", err=True)
        return 2
    emit(runner.plan(found, **inputs), output)
    return 0


def load_task(file: str, task: str) -> Any:
    """The task of a script or notebook."""
    from flytenb.cli.load import find_task, load_file

    return find_task(load_file(file), task, file)


def print_audit(run_name: str) -> None:
    """`flytenb get run RUN --audit`."""
    from flytenb.cli.show import to_json
    from flytenb.client.action import here
    from flytenb.client.audit import audit

    print(to_json(audit(*here(), run_name)), file=sys.stdout)
