"""`flytenb get condition` and `flytenb signal condition`: what runs ask a person, and the answer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from flytenb.cli.output import emit, json_or_text

if TYPE_CHECKING:
    from flytenb.model.snapshot import ConditionRow


@click.command("condition")
@click.argument("run_name", metavar="[RUN]", default="")
@click.option("--all", "with_all", is_flag=True, help="Also those of the run that were answered.")
@json_or_text
def get_condition(run_name: str, with_all: bool, output: str) -> None:
    """List what runs (or one of them) ask, and wait for."""
    from flytenb.client.session import session
    from flytenb.model.snapshot import ConditionRow

    asked = {"run": run_name, "is_on": not with_all} if run_name else {}
    rows = session().query("conditions", list[ConditionRow], **asked)
    nothing = f"run {run_name} waits for no answer" if run_name else "no run waits for an answer"
    emit(rows, output, "\n".join(_lines(rows)) or nothing)


def _lines(rows: list[ConditionRow]) -> list[str]:
    from flytenb.views.conditions import shell_line, state_words

    lines = []
    for row in rows:
        lines.append(f"{row.run}/{row.action}  {row.name}  {state_words(row)}")
        lines.append(f"    {row.prompt}")
        if row.is_open:
            lines.append(f"    {shell_line(row)}")
    return lines


@click.group()
def signal() -> None:
    """Answer what a run asks."""


@signal.command("condition")
@click.argument("run_name", metavar="RUN")
@click.argument("name", metavar="ACTION")
@click.argument("value", required=False)
@json_or_text
def signal_condition(run_name: str, name: str, value: str | None, output: str) -> None:
    """Answer a condition, named by its name or its action's, with VALUE: true or false, a number, a text.

    Without VALUE the question is put here.
    """
    from flytenb.client.condition import answer
    from flytenb.client.session import session

    link = session()
    if value is None:
        value = _asked_here(run_name, name)
    row = answer(link, run_name, name, value, origin="command line")
    emit(row, output, f"condition {row.name} of run {row.run} is answered: {row.value!r}")


def _asked_here(run_name: str, name: str) -> str:
    from flytenb.client.condition import Condition
    from flytenb.model.condition import KINDS

    found = Condition.get(name, run_name=run_name)
    if found is None:
        return ""  # the engine says what there is
    if not sys.stdin.isatty():
        kind = KINDS[found.row.data_type]
        raise click.UsageError(f"condition {name!r} takes {kind} and nobody can be asked here: give VALUE")
    if found.row.description:
        click.echo(found.row.description)
    if found.expected_type is bool:
        return str(click.confirm(found.prompt))
    return str(click.prompt(found.prompt, type=found.expected_type))
