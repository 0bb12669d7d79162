"""`flytenb runs pin|unpin|tag|note|delete`: what a person keeps of runs."""

from __future__ import annotations

from typing import Any

import click

from flytenb.cli.cache import ask, runs
from flytenb.cli.output import emit, json_or_text

__all__ = ["runs"]

_run = click.argument("run")


@runs.command("pin")
@_run
@json_or_text
def pin(run: str, output: str) -> None:
    """Keep a run whatever is pruned."""
    _mark(run, output, is_pinned=True)


@runs.command("unpin")
@_run
@json_or_text
def unpin(run: str, output: str) -> None:
    """Let a pinned run be pruned and deleted again."""
    _mark(run, output, is_pinned=False)


@runs.command("tag")
@_run
@click.argument("tags", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Take these tags away.")
@json_or_text
def tag(run: str, tags: tuple[str, ...], remove: bool, output: str) -> None:
    """Give a run words to find it by."""
    from flytenb.model.kept import tags_of
    from flytenb.model.snapshot import RunRow

    meant = [each for text in tags for each in tags_of(text)]
    known = [each for each in ask("run", RunRow, run=run).tags if each not in meant]
    _mark(run, output, tags=",".join(known if remove else [*known, *meant]))


@runs.command("note")
@_run
@click.argument("text", default="")
@json_or_text
def note(run: str, text: str, output: str) -> None:
    """Write a remark on a run; without TEXT it is taken away."""
    _mark(run, output, note=text)


@runs.command("delete")
@click.argument("names", metavar="RUN…", nargs=-1, required=True)
@click.option("--yes", "-y", is_flag=True, help="Without asking.")
@json_or_text
def delete(names: tuple[str, ...], yes: bool, output: str) -> None:
    """Forget runs that have ended, with their logs, reports and values. Cached results stay."""
    from flytenb.model.kept import Deleted

    if not yes:
        click.confirm(f"Delete {', '.join(names)} with all logs, reports and values?", abort=True, err=True)
    gone = [ask("delete_run", Deleted, run=name) for name in names]
    emit(gone, output, "\n".join(f"deleted {one.name} ({one.action_count:,} actions)" for one in gone))


def _mark(run: str, output: str, **changes: Any) -> None:
    from flytenb.model.snapshot import RunRow

    row = ask("mark_run", RunRow, run=run, **changes)
    data = {"name": row.name, "is_pinned": row.is_pinned, "tags": row.tags, "note": row.note}
    told = [row.name, "pinned" if row.is_pinned else "not pinned"]
    told += [f"tags: {', '.join(row.tags)}"] if row.tags else []
    told += [f"note: {row.note}"] if row.note else []
    emit(data, output, ", ".join(told))
