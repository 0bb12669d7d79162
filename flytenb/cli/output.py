"""Answers of commands as text or JSON."""

from __future__ import annotations

from typing import Any

import click

#: The option of every command that answers.
json_or_text = click.option(
    "-o", "--output", "--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="Text for people or JSON for programs.",
)  # fmt: skip


def emit(value: Any, output: str, text: str) -> None:
    """Print the value as JSON, or its text."""
    if output == "json":
        from flytenb.cli.show import to_json

        click.echo(to_json(value))
    elif text:
        click.echo(text)
