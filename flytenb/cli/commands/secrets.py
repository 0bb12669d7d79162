"""`flytenb secret …`, and Flyte's words for it: `create`, `delete`."""

from __future__ import annotations

import click

from flytenb.cli.output import emit, json_or_text

_group = click.option("--group", default="", help="The group it is looked up in.")


_kind = click.option("--type", "kind", type=click.Choice(["regular", "image_pull"]), default="regular")


@click.group()
def secret() -> None:
    """Secrets of tasks, stored in the state directory, readable by you only."""


@secret.command("set")
@click.argument("key")
@_group
@_kind
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the value from standard input instead of asking.")
def secret_set(key: str, group: str, kind: str, from_stdin: bool) -> None:
    """Store a secret, in place of one of that name. The value is never an argument: others could read it."""
    from flytenb.cli.secret import read_value, store

    click.echo(store(key, read_value(key, from_stdin=from_stdin), group, kind))


@secret.command("ls")
@json_or_text
def secret_ls(output: str) -> None:
    """List stored secrets; values are never shown."""
    from flytenb.cli.secret import listed

    data, text = listed()
    emit(data, output, text)


@secret.command("rm")
@click.argument("key")
@_group
def secret_rm(key: str, group: str) -> None:
    """Forget a secret."""
    from flytenb.client.secret import Secret

    Secret.delete(key, group=group)
    click.echo(f"secret {key} is forgotten")


@click.group()
def create() -> None:
    """Flyte's words for making things."""


@create.command("secret")
@click.argument("name")
@click.option("--value", default=None, help="The value; others can read it while this command runs.")
@click.option(
    "--from-file", type=click.Path(exists=True, dir_okay=False), default=None, help="The value is its content."
)
@_kind
def create_secret(name: str, value: str | None, from_file: str | None, kind: str) -> None:
    """Store a secret; without --value and --from-file it is asked for."""
    from pathlib import Path

    from flytenb.cli.secret import read_value, store

    if from_file is not None:
        data = Path(from_file).read_bytes()
    else:
        data = value.encode() if value is not None else read_value(name, from_stdin=False)
    click.echo(store(name, data, "", kind))


@click.group()
def delete() -> None:
    """Flyte's words for removing things."""


@delete.command("secret")
@click.argument("name")
def delete_secret(name: str) -> None:
    """Forget a secret."""
    from flytenb.client.secret import Secret

    Secret.delete(name)
    click.echo(f"secret {name} is forgotten")


@delete.command("container")
@click.argument("name", required=False, default="")
@click.option("--kept", is_flag=True, help="All that are kept.")
@json_or_text
def delete_container(name: str, kept: bool, output: str) -> None:
    """Remove a container that was kept after a failure, by name or RUN/ACTION, or all of them (--kept)."""
    from flytenb.cli import containers

    gone = containers.remove(name, is_all=kept)
    emit(gone, output, "\n".join(f"container {one} is removed" for one in gone) or "no container is kept")
