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


@click.command(
    "plan",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("file", type=click.Path())
@click.argument("task", required=False, default="")
@click.argument("words", metavar="[--INPUT VALUE …]", nargs=-1, type=click.UNPROCESSED)
def plan(file: str, task: str, words: tuple[str, ...]) -> int:
    """Tell what a run of a task would take from the cache, what it would run, and how long. Runs nothing."""
    from flytenb.cli.options import UsageError, Words, inputs_of
    from flytenb.client.planning import plan as made

    try:
        found = load_task(file, task)
        rest, output = _without_output(list(words))
        inputs = inputs_of(Words(file=file, task=task, rest=rest), found.interface, found.name)
    except UsageError as error:
        click.echo(f"flytenb: {error}", err=True)
        return 2
    emit(made(found, **inputs), output)
    return 0


def load_task(file: str, task: str) -> Any:
    """The task of a script or notebook."""
    from flytenb.cli.load import find_task, load_file

    return find_task(load_file(file), task, file)


def _without_output(words: list[str]) -> tuple[list[str], str]:
    """The words without `-o json`, and the form of output."""
    from flytenb.cli.options import UsageError

    for flag in ("-o", "--output"):
        if flag in words:
            at = words.index(flag)
            value = words[at + 1] if at + 1 < len(words) else ""
            if value not in ("text", "json"):
                raise UsageError(f"{flag} {value}: write text or json")
            return words[:at] + words[at + 2 :], value
    return words, "text"


def print_audit(run_name: str) -> None:
    """`flytenb get run RUN --audit`."""
    from flytenb.cli.show import to_json
    from flytenb.client.action import here
    from flytenb.client.audit import audit

    print(to_json(audit(*here(), run_name)), file=sys.stdout)
