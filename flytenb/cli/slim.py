"""`flytenb slim`: small views in saved notebooks."""

from __future__ import annotations

import click

from flytenb.cli.output import emit, json_or_text


@click.command()
@click.argument("notebooks", nargs=-1, required=True, type=click.Path())
@click.option("--offline", is_flag=True, help="Never ask the store; large twins stay as they are.")
@json_or_text
def slim(notebooks: tuple[str, ...], offline: bool, output: str) -> None:
    """Make the views in saved notebooks small: reports go, the static view (at most 60 KB) stays."""
    from dataclasses import asdict

    from flytenb.notebook.slim import from_store, slim_file

    done = [slim_file(path, None if offline else from_store) for path in notebooks]
    emit([asdict(one) for one in done], output, "\n".join(map(str, done)))
