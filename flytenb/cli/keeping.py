"""`flytenb env` and `flytenb image`: what is kept of images, and its removal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from flytenb.cli.output import json_or_text
from flytenb.model.build import ENVIRONMENT
from flytenb.wire import paths

if TYPE_CHECKING:
    from flytenb.images.keeping import Kept

_older = click.option("--older", default=30.0, show_default=True, metavar="DAYS", help="Not used for so many days.")
_all = click.option("--all", "is_all", is_flag=True, help="All that nobody uses now.")


@click.group()
def env() -> None:
    """Virtual environments that stand in for images, and runtimes of workers."""


@env.command("ls")
@json_or_text
def env_ls(output: str) -> None:
    """List them with size and last use."""
    from flytenb.images.keeping import folders

    _tell(folders(paths.home()), output, "no virtual environment was made yet")


@env.command("prune")
@_older
@_all
@json_or_text
def env_prune(older: float, is_all: bool, output: str) -> None:
    """Remove those that nobody has used for long; never one that a process uses."""
    from flytenb.images.keeping import DAY_S, prune_folders

    _tell(prune_folders(paths.home(), 0.0 if is_all else older * DAY_S), output, "nothing to remove", "removed ")


@click.group()
def image() -> None:
    """Docker images that flytenb built."""


@image.command("ls")
@json_or_text
def image_ls(output: str) -> None:
    """List them with size and last use."""
    from flytenb.images.keeping import images

    _tell(images(paths.home()), output, "no image was built at this Docker engine yet")


@image.command("prune")
@_older
@_all
@json_or_text
def image_prune(older: float, is_all: bool, output: str) -> None:
    """Remove this home's that nobody has used for long (--all: of every home); never one that a container uses."""
    from flytenb.images.keeping import DAY_S, prune_images

    gone = prune_images(paths.home(), 0.0 if is_all else older * DAY_S, is_own=not is_all)
    _tell(gone, output, "nothing to remove", "removed ")


def _tell(found: Sequence[Kept], output: str, none: str, verb: str = "") -> None:
    from flytenb.cli.show import to_json
    from flytenb.views import words

    if output == "json":
        click.echo(to_json(found))
        return
    now = time.time()
    for one in sorted(found, key=lambda kept: -kept.used_at):
        name = one.name if one.kind == "image" else one.name.rpartition("/")[2]
        use = "in use" if one.is_used else f"used {words.ago(now - one.used_at)}"
        text = one.text if one.kind == ENVIRONMENT else "" if one.kind == "image" else one.text
        click.echo(f"{verb}{one.kind:<11} {name:<34} {words.size(one.size_bytes):>8}  {use:<16} {text[:60]}".rstrip())
    if found:
        shared = "; images share their layers" if found[0].kind == "image" else ""
        click.echo(f"{words.size(sum(one.size_bytes for one in found))} in all{shared}")
    else:
        click.echo(none)
