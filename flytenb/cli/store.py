"""`flytenb doctor --store`: what is wrong with a home's store, and its repair, in words."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from flytenb.model.sizes import size_words

if TYPE_CHECKING:
    from flytenb.store.check import Checked

_MOST = 5


def examine_store(*, is_repairing: bool) -> tuple[dict[str, Any], list[str], bool]:
    """Check the home's store and, if asked, repair it: (data, lines, whether it is whole now).

    Raises:
        UsageError: a damaged database cannot be repaired while an engine has it open.
    """
    from dataclasses import asdict

    from flytenb.client.doctor import status
    from flytenb.store.check import check
    from flytenb.store.repair import repair
    from flytenb.wire import paths

    home = paths.home()
    found = check(home, progress=_progress)
    data: dict[str, Any] = {"found": asdict(found)}
    lines = told(found)
    if not is_repairing or found.is_whole:
        return data, lines, found.is_whole
    if found.damage and status(home) is not None:
        raise click.UsageError("the database is damaged and an engine has it open: flytenb engine stop, then repair")
    data["repaired"] = done = repair(home, found)
    after = check(home, progress=_progress)
    data["after"] = asdict(after)
    return data, [*lines, *(f"done {one}" for one in done), *told(after)], not (after.damage or after.corrupted)


def _progress(what: str, done: int, all_: int) -> None:
    if sys.stderr.isatty() and (done % 50 == 0 or done == all_):
        click.echo(f"\r{what}: {done:,} of {all_:,}" + "\n" * (done == all_), nl=False, err=True)


def told(found: Checked) -> list[str]:
    """Findings and what repairing does about them, a line each."""
    if found.is_whole:
        size = size_words(found.size_bytes)
        return [
            f"ok  store is whole: {found.run_count:,} runs, {found.object_count:,} objects with {size}, all as named"
        ]
    lines = [
        f"BAD database: {sentence}; --repair reads what it can into a new one and keeps the old file"
        for sentence in found.damage[:_MOST]
    ]
    if found.corrupted:
        lines.append(
            f"BAD {len(found.corrupted):,} objects have content other than their name says ({_few(found.corrupted)}); "
            "--repair moves them to objects/corrupted"
        )
    if found.orphans:
        rows = ", ".join(f"{count:,} of {table}" for table, count in found.orphans.items())
        lines.append(f"BAD rows that belong to nothing: {rows}; --repair moves them to a database beside the store")
    if found.lost_results:
        lines.append(
            f"BAD {len(found.lost_results):,} cached results have lost values ({_few(found.lost_results)}); --repair "
            "takes them out of the cache, then their tasks run again"
        )
    for run, actions in list(found.missing.items())[: _MOST * 2]:
        lines.append(f"BAD run {run} has lost {'; '.join(actions[:_MOST])}; nothing can bring that back: run it again")
    more = len(found.missing) - _MOST * 2
    return [*lines, *([f"BAD {more:,} more runs have lost values"] if more > 0 else [])]


def _few(names: list[str]) -> str:
    return ", ".join(name[:12] for name in names[:_MOST]) + (", …" if len(names) > _MOST else "")
