"""All commands but the inside of `run`."""

from __future__ import annotations

import sys

import click

from flytenb.cli import again, batch, cache, compare, explain, exporting, keeping, marking, opening, slim
from flytenb.cli.commands import conditions, copies, engine, get, secrets, stop
from flytenb.cli.output import emit, json_or_text
from flytenb.model.version import VERSION


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(VERSION, prog_name="flytenb")
def app() -> None:
    """Run tasks of scripts and notebooks, and look at runs. State directory: FLYTENB_HOME."""


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def run(words: tuple[str, ...]) -> int:
    """Run a task of a script (.py) or a notebook (.ipynb)."""
    from flytenb.cli.run import run_command

    return run_command(list(words))


@app.command()
@click.argument("file", type=click.Path())
@click.argument("environment", required=False, default="")
@click.option("--force", is_flag=True, help="Also what is there; layers that are there are used again.")
@click.option("--dry-run", is_flag=True, help="Print the Dockerfile only.")
@click.option("--log", is_flag=True, help="With all that the layers write.")
@json_or_text
def build(file: str, environment: str, force: bool, dry_run: bool, log: bool, output: str) -> None:
    """Build the images that a script or notebook declares, or that of one environment."""
    from dataclasses import asdict

    from flytenb.cli.build import build_file

    is_json = output == "json"
    done = build_file(file, environment, force=force, dry_run=dry_run, with_log=log, is_quiet=is_json)
    data = {name: asdict(built) for name, built in done.items()}
    emit(data, output, "" if done else "no environment names an image")


@app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("words", metavar="RUN[/ACTION] [-- COMMAND …]", nargs=-1, type=click.UNPROCESSED, required=True)
def exec_(words: tuple[str, ...]) -> int:
    """Run a command in the container of an action that runs, or that failed and was kept (keep_on_failure=True).

    Without a command, Python code is read from standard input. An action in a process has no container: the command
    then runs beside it, with its Python, variables and folder.
    """
    from flytenb.cli.containers import execute

    return execute(list(words))


@app.command()
@click.option("--store", "is_store", is_flag=True, help="Check the store as a whole: rows, and all objects.")
@click.option("--repair", is_flag=True, help="Put the store in order; what is taken out of it is kept aside.")
@json_or_text
def doctor(is_store: bool, repair: bool, output: str) -> int:
    """Check engine, home and environment, and say what to do."""
    from dataclasses import asdict

    from flytenb.client.doctor import examine, lines

    if is_store or repair:
        from flytenb.cli.store import examine_store

        data, told, is_whole = examine_store(is_repairing=repair)
        emit(data, output, "\n".join(told))
        return 0 if is_whole else 1
    findings = examine()
    emit([asdict(found) for found in findings], output, "\n".join(lines(findings)))
    return 0 if all(found.is_good for found in findings) else 1


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("script", type=click.Path())
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def compat(script: str, arguments: tuple[str, ...]) -> None:
    """Run a Flyte 2 script unchanged: `import flyte` gives flytenb."""
    from flytenb.cli.compat import run_script

    run_script(script, list(arguments))


@app.command()
@json_or_text
def version(output: str) -> None:
    """Print the version."""
    emit({"version": VERSION, "python": sys.version.split()[0]}, output, f"flytenb {VERSION}")


get.get.add_command(conditions.get_condition)
for group in (get.get, conditions.signal, secrets.secret, secrets.create, secrets.delete, stop.abort, engine.engine):
    app.add_command(group)
COMMANDS = (
    *(copies.backup, copies.restore),
    *(again.rerun, again.recover, again.spin),
    *(cache.cache, marking.runs, explain.why, explain.plan, compare.compare, keeping.env, keeping.image),
    *(batch.batch, slim.slim),
    *(exporting.export, exporting.import_, exporting.check, opening.open_),
)
for command in COMMANDS:
    app.add_command(command)
