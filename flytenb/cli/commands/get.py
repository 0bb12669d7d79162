"""`flytenb get …`: runs, actions, output, values and what holds them."""

from __future__ import annotations

import click

from flytenb.cli.output import emit, json_or_text


@click.group()
def get() -> None:
    """Look at runs, actions, output and values."""


@get.command("run")
@click.argument("name", required=False)
@click.option("--limit", default=100, show_default=True, help="How many runs to list.")
@click.option("--in-phase", default="", help="Only runs in this phase: succeeded, failed, running …")
@click.option("--task-name", default="", help="Only runs of this task (environment.function).")
@click.option("--audit", is_flag=True, help="All that is recorded of one run, as JSON: see docs/why.md.")
@json_or_text
def get_run(name: str | None, limit: int, in_phase: str, task_name: str, audit: bool, output: str) -> None:
    """List runs, newest first, or show one (`last` is the newest)."""
    if audit:
        from flytenb.cli import explain

        explain.print_audit(name or "last")
        return
    from flytenb.cli import show
    from flytenb.client.session import session
    from flytenb.model.snapshot import RunRow, RunSnapshot

    if name is None:
        rows = session().query("runs", list[RunRow], limit=limit, in_phase=in_phase, task_name=task_name)
        emit([show.row_data(row) for row in rows], output, show.runs_text(rows))
        return
    snapshot = session().query("snapshot", RunSnapshot, run=name)
    actions = [show.action_data(action, snapshot.placements) for action in snapshot.actions]
    below = session().query("runs_below", list[RunRow], run=snapshot.run.name)
    data = {**show.row_data(snapshot.run), "actions": actions}
    if below:
        data["runs"] = [show.row_data(row) for row in below]
    emit(data, output, show.run_text(snapshot) + (f"\nruns of its cells\n{show.runs_text(below)}" if below else ""))


@get.command("action")
@click.argument("run_name", metavar="RUN")
@click.argument("name", metavar="[ACTION]", required=False)
@click.option("--in-phase", default="", help="Only actions in this phase.")
@click.option("--frames", is_flag=True, help="Of one that failed (default: the first): frames, and what they held.")
@click.option("--attempts", is_flag=True, help="Of one: its attempts before the last, and how each ended.")
@json_or_text
def get_action(run_name: str, name: str | None, in_phase: str, frames: bool, attempts: bool, output: str) -> None:
    """List the actions of a run, or show one."""
    if frames or attempts:
        from flytenb.cli import story

        (story.print_frames if frames else story.print_attempts)(run_name, name or "", output)
        return
    from flytenb.cli import show
    from flytenb.client.action import Action, here
    from flytenb.client.handle import read_actions, read_placements, read_usages

    rows = [Action.get(run_name=run_name, name=name).row] if name else read_actions(here()[0], run_name)
    rows = [row for row in rows if in_phase in ("", row.phase)]
    placements = read_placements(here()[0], run_name)
    usages = read_usages(here()[0], run_name, name or "")
    data = [show.action_data(row, placements, usages.get(row.name)) for row in rows]
    if name and rows:
        text = show.action_text(rows[0], placements, usages.get(rows[0].name))
    else:
        text = show.actions_text(rows, placements)
    emit(data[0] if name and data else data, output, text)


@get.command("logs")
@click.argument("run_name", metavar="RUN")
@click.argument("action", metavar="[ACTION]", default="")
@click.option("-l", "--lines", default=0, help="Only the last lines; 0 = all.")
@click.option("-a", "--attempt", type=int, default=None, help="Only this attempt.")
@click.option("--show-ts", is_flag=True, help="With the time of each line.")
@json_or_text
def get_logs(run_name: str, action: str, lines: int, attempt: int | None, show_ts: bool, output: str) -> None:
    """Print what a run or one of its actions wrote."""
    import msgspec

    from flytenb.client.action import here
    from flytenb.client.handle import lines_of, read_logs

    pieces = read_logs(here()[0], run_name, action, attempt)
    shown = list(lines_of(pieces, show_ts=show_ts))
    emit([msgspec.to_builtins(piece) for piece in pieces], output, "\n".join(shown[-lines:] if lines else shown))


@get.command("io")
@click.argument("run_name", metavar="RUN")
@click.argument("action", metavar="[ACTION]", default="a0")
@json_or_text
def get_io(run_name: str, action: str, output: str) -> None:
    """Show the inputs and outputs of an action (default: the root, a0)."""
    from flytenb.cli import show

    if output == "json":
        emit(show.io_data(run_name, action), output, "")
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
@json_or_text
def get_resources(output: str) -> None:
    """Show CPUs, memory and GPUs: who holds them, and who waits for what."""
    from flytenb.client.session import session
    from flytenb.model.resources import ResourcesView
    from flytenb.views import holders

    view = session().query("resources", ResourcesView)
    emit(view, output, holders.text(view))


@get.command("pools")
@json_or_text
def get_pools(output: str) -> None:
    """Show the workers of every environment: warm, busy, parked, starting."""
    import msgspec

    from flytenb.client.pool import pools_text
    from flytenb.client.session import session
    from flytenb.model.pools import PoolRow

    rows = session().query("pools", list[PoolRow])
    emit(msgspec.to_builtins(rows), output, pools_text(rows))


@get.command("containers")
@json_or_text
def get_containers(output: str) -> None:
    """Show the containers of this home: what they run, and those that are kept after a failure."""
    import msgspec

    from flytenb.cli import containers

    rows = containers.rows()
    emit(msgspec.to_builtins(rows), output, containers.text(rows))


@get.command("secret")
@click.argument("name", required=False)
@click.option("--limit", default=100, show_default=True, help="How many to list.")
@json_or_text
def get_secret(name: str | None, limit: int, output: str) -> None:
    """List stored secrets, or show one; values are never shown."""
    from flytenb.cli.secret import listed
    from flytenb.client.secret import Secret

    data, text = listed(limit)
    if name is not None:
        found = Secret.get(name)
        data, text = [found.to_dict()], f"{found.name}  {found.type}  stored {found.created_at:%Y-%m-%d %H:%M}"
    emit(data, output, text)


@get.command("build")
@click.argument("number", type=int, required=False)
@click.option("--limit", default=20, show_default=True, help="How many builds to list.")
@click.option("--log", is_flag=True, help="With all that the layers wrote.")
@json_or_text
def get_build(number: int | None, limit: int, log: bool, output: str) -> None:
    """List builds of images, newest first, or show one with its layers."""
    import msgspec

    from flytenb.cli import build as builds

    rows = builds.builds(number or 0, limit)
    if number is None:
        emit([msgspec.to_builtins(row) for row in rows], output, builds.builds_text(rows))
    else:
        text = "" if output == "json" else builds.build_text(rows[0], with_log=log)
        emit(msgspec.to_builtins(rows[0]), output, text)
