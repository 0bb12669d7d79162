"""`flytenb compare`: what differs between two runs."""

from __future__ import annotations

import click

from flytenb.cli.explain import emit
from flytenb.cli.output import json_or_text


@click.command("compare")
@click.argument("before", metavar="RUN")
@click.argument("after", metavar="[RUN]", default="")
@json_or_text
def compare(before: str, after: str, output: str) -> None:
    """Tell what differs between two runs: inputs, code, environment, times by task, outputs.

    With one RUN (`last` is the newest), it is compared with the run of its task that succeeded last before it.
    """
    from flytenb.client.comparing import compare as comparing

    emit(comparing(before, after or None), output)
