"""`flytenb backup` and `flytenb restore`: a copy of the home's store, and a home of a copy."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from flytenb.cli.output import emit, json_or_text


def _progress(done: int, all_: int) -> None:
    if sys.stderr.isatty() and (done % 50 == 0 or done == all_):
        click.echo(f"\robjects: {done:,} of {all_:,}" + "\n" * (done == all_), nl=False, err=True)


@click.command()
@click.argument("folder", metavar="DEST", type=click.Path(path_type=Path))
@json_or_text
def backup(folder: Path, output: str) -> None:
    """Copy runs, results and values of this home into a new folder, while the engine works.

    Not copied: secrets, environments and images, logs of the engine. The copy opens like the home itself: keep it to
    yourself.
    """
    from dataclasses import asdict

    from flytenb.store.backup import BackupError, backup
    from flytenb.wire import paths

    try:
        saved = backup(paths.home(), folder.expanduser().absolute(), progress=_progress)
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    told = (
        f"{saved.runs:,} runs and {saved.objects:,} objects ({saved.size_bytes / (1 << 20):,.1f} MiB) are in {folder}"
    )
    emit(asdict(saved), output, f"{told}; 'flytenb restore {folder}' makes a home of it")


@click.command()
@click.argument("folder", metavar="SRC", type=click.Path(path_type=Path))
@json_or_text
def restore(folder: Path, output: str) -> None:
    """Make FLYTENB_HOME, which must have no store, of a copy. Runs that had not ended go on with the next engine."""
    from dataclasses import asdict

    from flytenb.client.doctor import status
    from flytenb.store.backup import BackupError, restore
    from flytenb.wire import paths

    home = paths.home()
    if status(home) is not None:
        raise click.ClickException(f"an engine runs in {home}: flytenb engine stop, then restore")
    try:
        saved = restore(folder.expanduser().absolute(), home, progress=_progress)
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    emit(asdict(saved), output, f"{home} has {saved.runs:,} runs and {saved.objects:,} objects of {folder}")
