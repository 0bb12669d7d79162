"""`flytenb rerun`, `flytenb recover`, `flytenb spin`: recorded work once more."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from flytenb.cli.options import UsageError

_INPUTS = {"ignore_unknown_options": True, "allow_extra_args": True}


def _shared(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of all commands that start a run."""
    for option in (
        click.option("--name", default=None, help="Name of the new run."),
        click.option("-e", "--env", multiple=True, help="KEY=VALUE of its actions' environment; may be repeated."),
        click.option("--label", multiple=True, help="KEY=VALUE; may be repeated."),
        click.option("-f", "--follow", is_flag=True, help="Print what its actions write."),
        click.option("--detach", is_flag=True, help="Do not wait for its end."),
        click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True),
        click.argument("words", metavar="[--INPUT VALUE …]", nargs=-1, type=click.UNPROCESSED),
    ):
        command = option(command)
    return command


_force = click.option(
    "--force-rerun-action",
    "force",
    multiple=True,
    help="An action (a3) or task that runs all the same; may be repeated.",
)
_trust = click.option(
    "--trust", multiple=True, help="A task whose results are taken although its code changed, * = all; may be repeated."
)
_lost = click.option(
    "--allow-missing-outputs",
    "is_making_lost",
    is_flag=True,
    help="Run again what succeeded and whose outputs are gone.",
)


@click.command("rerun", context_settings=_INPUTS)
@click.argument("run_name", metavar="RUN")
@click.option("--recover", "is_recovering", is_flag=True, help="Take what succeeded, run only the rest.")
@click.option("--action-name", default="a0", show_default=True, help="Begin with this action's task and inputs.")
@_force
@_lost
@_shared
def rerun(
    run_name: str, is_recovering: bool, action_name: str, force: tuple[str, ...], is_making_lost: bool, **told: Any
) -> int:
    """Start a recorded run again with the code that it had; its inputs are options, to give others."""

    def start(runner: Any, inputs: dict[str, Any]) -> Any:
        if is_recovering:
            _load_live(run_name, "")
        return runner.rerun(
            run_name,
            action_name,
            recover=is_recovering,
            force_rerun_actions=list(force),
            allow_missing_source_outputs=is_making_lost,
            **inputs,
        )

    return _carry_out(run_name, action_name, start, **told)


@click.command("recover", context_settings=_INPUTS)
@click.argument("run_name", metavar="RUN")
@click.option("--file", "file", default="", help="Script or notebook with the code as it is now (default: the run's).")
@click.option("--stored", "is_stored", is_flag=True, help="The code that the run had, not that of its file now.")
@_force
@_trust
@_lost
@_shared
def recover(
    run_name: str,
    file: str,
    is_stored: bool,
    force: tuple[str, ...],
    trust: tuple[str, ...],
    is_making_lost: bool,
    **told: Any,
) -> int:
    """Start a run again with today's code: take what succeeded in it, run only what failed and what depends on it."""

    def start(runner: Any, inputs: dict[str, Any]) -> Any:
        from flytenb.client import again

        task = None if is_stored else _load_live(run_name, file)
        run = again.recover(
            run_name, runner.options, inputs, task=task, force=force, trusted=trust, is_making_lost=is_making_lost,
            is_stored=is_stored or task is None,
        )  # fmt: skip
        return run

    return _carry_out(run_name, "a0", start, **told)


@click.command("spin", context_settings=_INPUTS)
@click.argument("run_name", metavar="RUN")
@click.argument("action")
@_shared
def spin(run_name: str, action: str, **told: Any) -> int:
    """Run one action again, with the inputs that it had and today's code; what it calls is taken from its run."""

    def start(runner: Any, inputs: dict[str, Any]) -> Any:
        from flytenb.client import again

        _load_live(run_name, "", is_needed=False)
        return again.spin(run_name, action, runner.options, **inputs)

    return _carry_out(run_name, action, start, **told)


def _load_live(run_name: str, file: str, *, is_needed: bool = True) -> Any:
    """The run's task as its script or notebook defines it now; None where that is gone, which is said."""
    from flytenb.cli.load import find_task, load_file
    from flytenb.client.run_handle import Run

    row = Run.get(run_name).row
    found = file or str(row.origin.get("notebook") or row.origin.get("script") or "")
    if not found or (not file and not Path(found).is_file()):
        why = f"{found} is gone" if found else "the run names no file"
        click.echo(f"flytenb: {why}: it runs with the code that it had; --file names another", err=True)
        return None
    names = load_file(found)
    return find_task(names, row.task, found) if is_needed else None


def _carry_out(
    run_name: str,
    action: str,
    start: Callable[[Any, dict[str, Any]], Any],
    *,
    name: str | None,
    env: tuple[str, ...],
    label: tuple[str, ...],
    follow: bool,
    detach: bool,
    output: str,
    words: tuple[str, ...],
) -> int:
    from flytenb.cli.options import Words
    from flytenb.cli.run import finish
    from flytenb.client.context import with_runcontext

    pairs = Words(given={"env": env, "label": label})
    try:
        inputs = stored_inputs(run_name, action, words)
        runner = with_runcontext(name=name, env_vars=pairs.pairs("env"), labels=pairs.pairs("label"))
    except (UsageError, ValueError) as error:
        print(f"flytenb: {error}", file=sys.stderr)
        return 2
    return finish(start(runner, inputs), is_json=output == "json", is_followed=follow, is_detached=detach)


def stored_inputs(run_name: str, action: str, words: tuple[str, ...]) -> dict[str, Any]:
    """`--cs '[1, 2]' --n 3`: inputs by the names and types that the recorded call had.

    Raises:
        UsageError: no such input, or no value.
    """
    if not words:
        return {}
    from flytenb.client.action import here
    from flytenb.client.handle import read_io

    types = {
        str(one["name"]): str(one.get("type", "")) for one in read_io(here()[0], run_name, action).interface["inputs"]
    }
    inputs: dict[str, Any] = {}
    queue = list(words)
    while queue:
        option, sign, value = queue.pop(0).partition("=")
        name = option.removeprefix("--").replace("-", "_")
        if not option.startswith("--") or name not in types:
            shown = " ".join(f"--{one.replace('_', '-')}" for one in types)
            raise UsageError(f"{option} is no input of {run_name}/{action}; it has {shown or 'none'}")
        if not sign:
            if not queue:
                raise UsageError(f"{option} needs a value")
            value = queue.pop(0)
        inputs[name] = _value(value, types[name])
    return inputs


def _value(text: str, type_name: str) -> Any:
    if type_name == "str":
        return text
    try:
        return json.loads(text.lower() if text in ("True", "False", "None") else text)
    except ValueError:
        return text
