"""`flytenb export`, `flytenb import` and `flytenb check`: a notebook as a script, and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from flytenb.cli.output import emit, json_or_text


@click.command()
@click.argument("notebook", type=click.Path())
@click.option(
    "-o", "--output", "file", type=click.Path(), default=None, help="The script; default: beside the notebook."
)
@click.option("--target", type=click.Choice(["flytenb", "flyte"]), default="flytenb", show_default=True,
              help="Package that the script imports.")  # fmt: skip
def export(notebook: str, file: str | None, target: str) -> None:
    """Write a notebook as a script: definitions at module level, drivers in main(), parameters as options.

    `-o -` prints it. The script runs by `python SCRIPT` and by `flytenb run SCRIPT TASK`, with the notebook's cache.
    """
    from flytenb.export import export_file

    made = export_file(notebook, file, target=target)
    if file == "-":
        click.echo(made.text, nl=False)
    else:
        script = Path(file) if file else Path(notebook).with_suffix(".py")
        click.echo(f"{made.cell_count} cells of {notebook} are in {script}")
    for note in made.notes:
        click.echo(f"not carried: {note}", err=True)


@click.command("import")
@click.argument("script", type=click.Path())
@click.option(
    "-o", "--output", "file", type=click.Path(), default=None, help="The notebook; default: beside the script."
)
def import_(script: str, file: str | None) -> None:
    """Write a script as a notebook; cells of an exported one are restored."""
    from flytenb.export import read_notebook, restore_file

    made = restore_file(script, file)
    click.echo(f"{script} is in {made}, {len(read_notebook(made))} cells")


@click.command()
@click.argument("files", nargs=-1, type=click.Path(), metavar="NOTEBOOK SCRIPT")
@click.option("--beside", is_flag=True,
              help="Check each given notebook or exported script with the other one beside it.")  # fmt: skip
@json_or_text
def check(files: tuple[str, ...], beside: bool, output: str) -> int:
    """Compare the keys of a notebook's tasks with those of a script; exit status 1 when one differs.

    With --beside any number of files may be given, as a pre-commit hook does; those that are alone are passed over.
    """
    from dataclasses import asdict

    from flytenb.cli import drift

    sys.dont_write_bytecode = True  # looking at scripts leaves nothing beside them, as for a commit that is checked
    if not beside and len(files) != 2:
        raise click.UsageError("write: flytenb check NOTEBOOK SCRIPT, or: flytenb check --beside FILE …")
    pairs = drift.pairs(files) if beside else [(files[0], files[1])]
    lines: list[str] = []
    data: list[dict[str, Any]] = []
    for notebook, script in pairs:
        found = drift.check(notebook, script)
        for task in found:
            lines.append(f"{'same   ' if task.is_equal else 'DIFFERS'}  {task.task}")
            lines += [f"         {words}" for words in task.differences]
            data.append(asdict(task) | ({"notebook": notebook, "script": script} if beside else {}))
        if any(not task.is_equal for task in found):
            lines.append(f"write the script anew with: flytenb export {notebook} -o {script}")
    nothing = "neither file has a task" if pairs else "no notebook with an exported script beside it"
    emit(data, output, "\n".join(lines) or nothing)
    return 0 if all(task["is_equal"] for task in data) else 1
