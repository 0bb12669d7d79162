"""`flytenb cache …` and `flytenb runs …`: what is kept, and what goes."""

from __future__ import annotations

import time
from typing import Any

import click

from flytenb.cli.output import emit, json_or_text
from flytenb.model.sizes import size_words

_DAY_S = 86_400.0
#: Younger than this nothing is removed while an engine runs: writers may hold it.
_LEAST_GRACE_H = 0.25
_dry = click.option("--dry-run", is_flag=True, help="Say what would go, and keep it.")
_grace = click.option(
    "--grace", type=float, default=24.0, show_default=True, metavar="HOURS",
    help="Objects that nothing names stay so long.",
)  # fmt: skip


@click.group()
def cache() -> None:
    """Cached results: list, show, pin, prune."""


@click.group()
def runs() -> None:
    """Recorded runs: pin, tag, note, delete, prune."""


@cache.command("ls")
@click.argument("task", default="")
@click.option("--limit", default=50, show_default=True, help="How many to list.")
@json_or_text
def ls(task: str, limit: int, output: str) -> None:
    """List cached results, newest first, with sizes, hits and saved time."""
    from flytenb.model.cached import CachedList

    found = ask("cached", CachedList, limit=limit, task_name=task)
    emit(found, output, "\n".join(_list_lines(found)))


@cache.command()
@click.argument("key")
@json_or_text
def show(key: str, output: str) -> None:
    """Show one cached result: its run, inputs and outputs. KEY may be the beginning of one."""
    from flytenb.client.previews import preview
    from flytenb.model.cached import CachedRow

    row = ask("cached_result", CachedRow, name=key)
    sides = {"inputs": preview(row.inputs), "outputs": preview(row.outputs)}
    data = {name: getattr(row, name) for name in row.__struct_fields__ if name not in sides}
    data |= {side: [{"name": one.name, "type": one.type, "text": one.text} for one in sides[side]] for side in sides}
    lines = [f"{name:<12} {value}" for name, value in _facts(row)]
    for side, values in sides.items():
        lines += [f"{side:<12} {one.name}: {one.type} = {one.text}" for one in values]
    emit(data, output, "\n".join(lines))


@cache.command("pin")
@click.argument("key")
@json_or_text
def pin(key: str, output: str) -> None:
    """Keep a cached result whatever is pruned."""
    _pin(key, True, output)


@cache.command("unpin")
@click.argument("key")
@json_or_text
def unpin(key: str, output: str) -> None:
    """Let a pinned result be pruned again."""
    _pin(key, False, output)


@cache.command()
@click.argument("key", default="")
@click.option("--task", default="", help="Only results of this task (environment.function).")
@click.option("--older", type=float, default=None, metavar="DAYS", help="Only results made so long ago.")
@click.option("--unused", type=float, default=None, metavar="DAYS", help="Only results not used for so long.")
@click.option("--all", "is_all", is_flag=True, help="All that are not pinned.")
@click.option("--runs", "runs_days", type=float, default=None, metavar="DAYS", help="Also runs that ended so long ago.")
@_grace
@_dry
@json_or_text
def prune(
    key: str, task: str, older: float | None, unused: float | None, is_all: bool, runs_days: float | None,
    grace: float, dry_run: bool, output: str,
) -> None:  # fmt: skip
    """Forget cached results, then remove the objects that nothing recorded needs.

    Values of recorded runs stay, unless --runs says that old runs go too.
    """
    from flytenb.model.cached import Pruned

    data: dict[str, Any] = {}
    _check_grace(grace)
    if key or task or older is not None or unused is not None or is_all:
        ages = {"older_s": _seconds(older), "unused_s": _seconds(unused)}
        data["results"] = ask("prune_cached", Pruned, name=key, task_name=task, is_dry=dry_run, **ages)
    if runs_days is not None:
        data["runs"] = ask("prune_runs", Pruned, older_s=_seconds(runs_days), is_dry=dry_run)
    data["objects"] = _swept(grace, dry_run)
    emit(data, output, "\n".join(_pruned_lines(data, dry_run)))


@runs.command("prune")
@click.option("--older", type=float, required=True, metavar="DAYS", help="Runs that ended so long ago.")
@_grace
@_dry
@json_or_text
def prune_runs(older: float, grace: float, dry_run: bool, output: str) -> None:
    """Forget runs that ended long ago, with their logs, reports and values. Cached results stay."""
    from flytenb.model.cached import Pruned

    _check_grace(grace)
    data = {"runs": ask("prune_runs", Pruned, older_s=_seconds(older), is_dry=dry_run)}
    emit({**data, "objects": (swept := _swept(grace, dry_run))}, output,
          "\n".join(_pruned_lines({**data, "objects": swept}, dry_run)))  # fmt: skip


def ask(method: str, kind: Any, **asked: Any) -> Any:
    """The engine's answer; what it refuses is an error of the command."""
    from flytenb.client.session import session
    from flytenb.errors import BaseRuntimeError, EngineError

    try:
        return session().query(method, kind, **asked)
    except BaseRuntimeError as error:
        raise EngineError(str(error)) from error


def _pin(key: str, is_on: bool, output: str) -> None:
    from flytenb.model.cached import CachedRow

    row = ask("pin", CachedRow, name=key, is_on=is_on)
    emit({"key": row.key, "is_pinned": row.is_pinned}, output, f"{row.key[:12]} is {'' if is_on else 'not '}pinned")


def _seconds(days: float | None) -> float | None:
    if days is not None and days < 0:
        raise click.BadParameter("an age in days cannot be negative")
    return None if days is None else days * _DAY_S


def _check_grace(hours: float) -> None:
    from flytenb.client.doctor import status
    from flytenb.wire import paths

    if hours < 0:
        raise click.BadParameter("--grace cannot be negative")
    if hours < _LEAST_GRACE_H and status(paths.home()) is not None:
        raise click.BadParameter(
            f"--grace {hours:g} is too short while the engine runs, a writer may hold what nothing names yet: give at "
            f"least {_LEAST_GRACE_H:g}, or stop the engine first (flytenb engine stop)"
        )


def _swept(grace_h: float, is_dry: bool) -> dict[str, Any]:
    import sys
    from dataclasses import asdict

    from flytenb.store.sweep import sweep
    from flytenb.wire import paths

    def progress(done: int, all_: int) -> None:
        if sys.stderr.isatty() and done % 100 == 0:
            click.echo(f"\r{done:,} of {all_:,} objects", nl=False, err=True)

    found = asdict(sweep(paths.home(), grace_s=grace_h * 3600, is_dry=is_dry, progress=progress))
    del found["digests"]
    return found


def _list_lines(found: Any) -> list[str]:
    if not found.count:
        return ['nothing is cached yet; give a task cache="auto"']
    lines = [f"{'key':<12} {'task':<32} {'made':>9} {'took':>9} {'size':>9} {'hits':>6} {'saved':>9}"]
    now = time.time()
    lines += [
        f"{row.key[:12]:<12} {row.task or '?':<32} {_span(now - row.created_at):>9} {_span(row.duration_s):>9} "
        f"{size_words(row.size_bytes):>9} {row.hits:>6,} {_span(row.saved_s):>9}{' pinned' if row.is_pinned else ''}"
        for row in found.rows
    ]
    more = f", {len(found.rows):,} shown" if found.count > len(found.rows) else ""
    lines.append(
        f"{found.count:,} results{more}, {found.pinned_count:,} pinned; {found.hits:,} hits of "
        f"{found.hits + found.misses:,} calls ({found.hit_rate:.0%}), {_span(found.saved_s)} saved"
    )
    return lines


def _facts(row: Any) -> list[tuple[str, str]]:
    last = f", last {_span(time.time() - row.last_hit_at)} ago" if row.hits else ""
    return [
        ("key", row.key + (" (pinned)" if row.is_pinned else "")),
        ("task", row.task or "not known any more"),
        ("made by", f"{row.run}/{row.action}" if row.run else "a run that was pruned"),
        ("made", f"{_span(time.time() - row.created_at)} ago, in {_span(row.duration_s)}"),
        ("size", size_words(row.size_bytes)),
        ("hits", f"{row.hits:,}{last}, {_span(row.saved_s)} saved"),
    ]


def _pruned_lines(data: dict[str, Any], is_dry: bool) -> list[str]:
    would = "would remove" if is_dry else "removed"
    lines = [
        f"{would} {len(data[what].names):,} {words}"
        + (f", kept {data[what].kept:,} ({why})" if data[what].kept else "")
        for what, words, why in (("results", "cached results", "pinned"), ("runs", "runs", "pinned, or going on"))
        if what in data
    ]
    found = data["objects"]
    young = f"; {found['young']:,} more that nothing needs are too young" if found["young"] else ""
    return [
        *lines,
        f"{would} {found['removed']:,} of {found['count']:,} objects, {size_words(found['removed_bytes'])}{young}",
    ]


def _span(seconds: float) -> str:
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.1f} {unit}"
    return f"{seconds:.2f} s"
