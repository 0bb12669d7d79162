"""All commands but the inside of `run`."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from flytenb.cli import cache, explain, keeping
from flytenb.model.version import VERSION
from flytenb.wire import paths

_output = click.option(
    "-o", "--output", "--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="Text for people or JSON for programs.",
)  # fmt: skip


def _emit(value: Any, output: str, text: str) -> None:
    if output == "json":
        from flytenb.cli.show import to_json

        click.echo(to_json(value))
    elif text:
        click.echo(text)


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
@_output
def build(file: str, environment: str, force: bool, dry_run: bool, log: bool, output: str) -> None:
    """Build the images that a script or notebook declares, or that of one environment."""
    from dataclasses import asdict

    from flytenb.cli.build import build_file

    is_json = output == "json"
    done = build_file(file, environment, force=force, dry_run=dry_run, with_log=log, is_quiet=is_json)
    data = {name: asdict(built) for name, built in done.items()}
    _emit(data, output, "" if done else "no environment names an image")


# ---- get ------------------------------------------------------------------------------------------------------------
@app.group()
def get() -> None:
    """Look at runs, actions, output and values."""


@get.command("run")
@click.argument("name", required=False)
@click.option("--limit", default=100, show_default=True, help="How many runs to list.")
@click.option("--in-phase", default="", help="Only runs in this phase: succeeded, failed, running …")
@click.option("--task-name", default="", help="Only runs of this task (environment.function).")
@click.option("--audit", is_flag=True, help="All that is recorded of one run, as JSON: see docs/why.md.")
@_output
def get_run(name: str | None, limit: int, in_phase: str, task_name: str, audit: bool, output: str) -> None:
    """List runs, newest first, or show one (`last` is the newest)."""
    if audit:
        explain.print_audit(name or "last")
        return
    from flytenb.cli import show
    from flytenb.client.session import session
    from flytenb.model.snapshot import RunRow, RunSnapshot

    if name is None:
        rows = session().query("runs", list[RunRow], limit=limit, in_phase=in_phase, task_name=task_name)
        _emit([show.row_data(row) for row in rows], output, show.runs_text(rows))
        return
    snapshot = session().query("snapshot", RunSnapshot, run=name)
    actions = [show.action_data(action, snapshot.placements) for action in snapshot.actions]
    data = {**show.row_data(snapshot.run), "actions": actions}
    _emit(data, output, show.run_text(snapshot))


@get.command("action")
@click.argument("run_name", metavar="RUN")
@click.argument("name", metavar="[ACTION]", required=False)
@click.option("--in-phase", default="", help="Only actions in this phase.")
@_output
def get_action(run_name: str, name: str | None, in_phase: str, output: str) -> None:
    """List the actions of a run, or show one."""
    from flytenb.cli import show
    from flytenb.client.action import Action, here
    from flytenb.client.handle import read_actions, read_placements

    rows = [Action.get(run_name=run_name, name=name).row] if name else read_actions(here()[0], run_name)
    rows = [row for row in rows if in_phase in ("", row.phase)]
    placements = read_placements(here()[0], run_name)
    data = [show.action_data(row, placements) for row in rows]
    text = show.action_text(rows[0], placements) if name and rows else show.actions_text(rows, placements)
    _emit(data[0] if name and data else data, output, text)


@get.command("logs")
@click.argument("run_name", metavar="RUN")
@click.argument("action", metavar="[ACTION]", default="")
@click.option("-l", "--lines", default=0, help="Only the last lines; 0 = all.")
@click.option("-a", "--attempt", type=int, default=None, help="Only this attempt.")
@click.option("--show-ts", is_flag=True, help="With the time of each line.")
@_output
def get_logs(run_name: str, action: str, lines: int, attempt: int | None, show_ts: bool, output: str) -> None:
    """Print what a run or one of its actions wrote."""
    import msgspec

    from flytenb.client.action import here
    from flytenb.client.handle import lines_of, read_logs

    pieces = read_logs(here()[0], run_name, action, attempt)
    shown = list(lines_of(pieces, show_ts=show_ts))
    _emit([msgspec.to_builtins(piece) for piece in pieces], output, "\n".join(shown[-lines:] if lines else shown))


@get.command("io")
@click.argument("run_name", metavar="RUN")
@click.argument("action", metavar="[ACTION]", default="a0")
@_output
def get_io(run_name: str, action: str, output: str) -> None:
    """Show the inputs and outputs of an action (default: the root, a0)."""
    from flytenb.cli import show

    if output == "json":
        _emit(show.io_data(run_name, action), output, "")
    else:
        click.echo(show.io_text(run_name, action))


@get.command("report")
@click.argument("run_name", metavar="RUN")
@click.argument("action", metavar="[ACTION]", default="a0")
@click.option("-o", "--output", "file", type=click.Path(dir_okay=False), default=None, help="Write it to this file.")
def get_report(run_name: str, action: str, file: str | None) -> None:
    """Print an action's report as one HTML page (default: the root's), or write it to a file."""
    from flytenb.client.action import Action

    page = Action.get(run_name=run_name, name=action).report()
    if file is None:
        click.echo(page.html)
    else:
        click.echo(f"{page.save(file)}: {page!r}")


@get.command("resources")
@_output
def get_resources(output: str) -> None:
    """Show CPUs, memory and GPUs: who holds them, and who waits for what."""
    from flytenb.client.session import session
    from flytenb.model.resources import ResourcesView
    from flytenb.views import holders

    view = session().query("resources", ResourcesView)
    _emit(view, output, holders.text(view))


@get.command("pools")
@_output
def get_pools(output: str) -> None:
    """Show the workers of every environment: warm, busy, parked, starting."""
    import msgspec

    from flytenb.client.pool import pools_text
    from flytenb.client.session import session
    from flytenb.model.pools import PoolRow

    rows = session().query("pools", list[PoolRow])
    _emit(msgspec.to_builtins(rows), output, pools_text(rows))


@get.command("containers")
@_output
def get_containers(output: str) -> None:
    """Show the containers of this home: what they run, and those that are kept after a failure."""
    import msgspec

    from flytenb.cli import containers

    rows = containers.rows()
    _emit(msgspec.to_builtins(rows), output, containers.text(rows))


@get.command("secret")
@click.argument("name", required=False)
@click.option("--limit", default=100, show_default=True, help="How many to list.")
@_output
def get_secret(name: str | None, limit: int, output: str) -> None:
    """List stored secrets, or show one; values are never shown."""
    from flytenb.cli.secret import listed
    from flytenb.client.secret import Secret

    data, text = listed(limit)
    if name is not None:
        found = Secret.get(name)
        data, text = [found.to_dict()], f"{found.name}  {found.type}  stored {found.created_at:%Y-%m-%d %H:%M}"
    _emit(data, output, text)


# ---- secrets --------------------------------------------------------------------------------------------------------
_group = click.option("--group", default="", help="The group it is looked up in.")
_kind = click.option("--type", "kind", type=click.Choice(["regular", "image_pull"]), default="regular")


@app.group()
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
@_output
def secret_ls(output: str) -> None:
    """List stored secrets; values are never shown."""
    from flytenb.cli.secret import listed

    data, text = listed()
    _emit(data, output, text)


@secret.command("rm")
@click.argument("key")
@_group
def secret_rm(key: str, group: str) -> None:
    """Forget a secret."""
    from flytenb.client.secret import Secret

    Secret.delete(key, group=group)
    click.echo(f"secret {key} is forgotten")


@app.group()
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


@app.group()
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
@_output
def delete_container(name: str, kept: bool, output: str) -> None:
    """Remove a container that was kept after a failure, by name or RUN/ACTION, or all of them (--kept)."""
    from flytenb.cli import containers

    gone = containers.remove(name, is_all=kept)
    _emit(gone, output, "\n".join(f"container {one} is removed" for one in gone) or "no container is kept")


@get.command("build")
@click.argument("number", type=int, required=False)
@click.option("--limit", default=20, show_default=True, help="How many builds to list.")
@click.option("--log", is_flag=True, help="With all that the layers wrote.")
@_output
def get_build(number: int | None, limit: int, log: bool, output: str) -> None:
    """List builds of images, newest first, or show one with its layers."""
    import msgspec

    from flytenb.cli import build as builds

    rows = builds.builds(number or 0, limit)
    if number is None:
        _emit([msgspec.to_builtins(row) for row in rows], output, builds.builds_text(rows))
    else:
        text = "" if output == "json" else builds.build_text(rows[0], with_log=log)
        _emit(msgspec.to_builtins(rows[0]), output, text)


# ---- abort ----------------------------------------------------------------------------------------------------------
@app.group()
def abort() -> None:
    """Stop a run or an action."""


@abort.command("run")
@click.argument("name", metavar="RUN")
@click.option("--reason", default="stopped from the command line", help="Recorded with it.")
@_output
def abort_run(name: str, reason: str, output: str) -> None:
    """Stop a run with all its actions."""
    _abort(name, "", reason, output)


@abort.command("action")
@click.argument("run_name", metavar="RUN")
@click.argument("action", metavar="ACTION")
@click.option("--reason", default="stopped from the command line", help="Recorded with it.")
@_output
def abort_action(run_name: str, action: str, reason: str, output: str) -> None:
    """Stop one action and all below it."""
    _abort(run_name, action, reason, output)


def _abort(run_name: str, action: str, reason: str, output: str) -> None:
    from flytenb.client.session import session

    answer = session().query("abort", run=run_name, action=action, reason=reason)
    what = f"{answer['run']}/{answer['action']}" if action else f"run {answer['run']}"
    _emit(answer, output, f"{what} is being stopped" if answer["was_running"] else f"{what} has ended already")


# ---- exec -----------------------------------------------------------------------------------------------------------
@app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("words", metavar="RUN[/ACTION] [-- COMMAND …]", nargs=-1, type=click.UNPROCESSED, required=True)
def exec_(words: tuple[str, ...]) -> int:
    """Run a command in the container of an action that runs, or that failed and was kept (keep_on_failure=True).

    Without a command, Python code is read from standard input. An action in a process has no container: the command
    then runs beside it, with its Python, variables and folder.
    """
    from flytenb.cli.containers import execute

    return execute(list(words))


# ---- engine ---------------------------------------------------------------------------------------------------------
@app.group()
def engine() -> None:
    """The engine; it starts by itself when needed and ends by itself when idle."""


@engine.command("start")
@_output
def engine_start(output: str) -> None:
    """Start the engine."""
    from flytenb.cli import engine as life

    answer = life.start(paths.home())
    _emit(answer, output, f"engine running: process {answer['pid']}, {answer['socket']}")


@engine.command("stop")
@click.option("--force", is_flag=True, help="Also while runs go on; the next engine goes on with them.")
@_output
def engine_stop(force: bool, output: str) -> None:
    """Stop the engine."""
    from flytenb.cli import engine as life

    was_running = life.stop(paths.home(), force=force)
    _emit({"was_running": was_running}, output, "engine stopped" if was_running else "no engine was running")


@engine.command("restart")
@click.option("--force/--no-force", default=True, help="Also while runs go on; they go on with the new engine.")
@_output
def engine_restart(force: bool, output: str) -> None:
    """Stop the engine and start it again; runs go on."""
    from flytenb.cli import engine as life

    life.stop(paths.home(), force=force)
    answer = life.start(paths.home())
    _emit(answer, output, f"engine running: process {answer['pid']}, {answer['socket']}")


@engine.command("status")
@_output
def engine_status(output: str) -> None:
    """Tell whether an engine runs and what it does. Starts none."""
    from flytenb.client.doctor import status

    answer = status(paths.home())
    if answer is None:
        missing: dict[str, Any] = {
            "pid": None,
            "version": None,
            "socket": str(paths.socket_path(paths.home())),
            "runs_active": 0,
            "workers": [],
        }
        _emit(missing, output, f"no engine runs for {paths.home()}; it starts by itself when needed")
        return
    lines = [
        f"process   {answer['pid']}, version {answer['version']}, up {time.time() - answer.get('started_at', 0):.0f} s",
        f"home      {answer.get('home', paths.home())}",
        f"socket    {answer['socket']}",
        f"runs      {answer['runs_active']} active, {answer.get('actions_live', 0)} actions",
        f"workers   {_count(answer['workers'])}{_states(answer['workers'])}",
        *([f"GPUs      {answer['gpus_words']}"] if answer.get("gpus_words") else []),
    ]
    _emit(answer, output, "\n".join(lines + [f"note      {note}" for note in answer.get("notes") or ()]))


def _count(workers: Any) -> int:
    return workers if isinstance(workers, int) else len(workers)


def _states(workers: Any) -> str:
    """How many of them are warm, busy, parked, starting."""
    from flytenb.client.pool import STATES

    if isinstance(workers, int):
        return ""
    counts = [(sum(worker.get("state") == state for worker in workers), state) for state in STATES]
    told = ", ".join(f"{count} {state}" for count, state in counts if count)
    return f" ({told})" if told else ""


@engine.command("logs")
@click.option("-n", "--lines", default=100, show_default=True, help="How many of the last lines.")
def engine_logs(lines: int) -> None:
    """Print the end of the engine's own log."""
    from flytenb.cli import engine as life

    found = life.last_log_lines(paths.home(), lines)
    click.echo("\n".join(found) if found else f"the engine of {paths.home()} has nothing to report")


app.add_command(cache.cache)
app.add_command(cache.runs)
app.add_command(explain.why)
app.add_command(explain.plan)


app.add_command(keeping.env)
app.add_command(keeping.image)


# ---- the rest -------------------------------------------------------------------------------------------------------
@app.command()
@click.option("--store", "is_store", is_flag=True, help="Check the store as a whole: rows, and all objects.")
@click.option("--repair", is_flag=True, help="Put the store in order; what is taken out of it is kept aside.")
@_output
def doctor(is_store: bool, repair: bool, output: str) -> int:
    """Check engine, home and environment, and say what to do."""
    from dataclasses import asdict

    from flytenb.client.doctor import examine, lines

    if is_store or repair:
        from flytenb.cli.store import examine_store

        data, told, is_whole = examine_store(is_repairing=repair)
        _emit(data, output, "\n".join(told))
        return 0 if is_whole else 1
    findings = examine()
    _emit([asdict(found) for found in findings], output, "\n".join(lines(findings)))
    return 0 if all(found.is_good for found in findings) else 1


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("script", type=click.Path())
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def compat(script: str, arguments: tuple[str, ...]) -> None:
    """Run a Flyte 2 script unchanged: `import flyte` gives flytenb."""
    from flytenb.cli.compat import run_script

    run_script(script, list(arguments))


@app.command()
@_output
def version(output: str) -> None:
    """Print the version."""
    _emit({"version": VERSION, "python": sys.version.split()[0]}, output, f"flytenb {VERSION}")
