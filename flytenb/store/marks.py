"""What persons keep of runs: pins, tags, remarks; and the deletion of one run."""

from __future__ import annotations

from pathlib import Path

from flytenb.store.cached import forget_run, give_back, open_store

_READ = "SELECT run, is_pinned, tags, note FROM run_mark"
_KEEP = "INSERT OR REPLACE INTO run_mark VALUES (?, ?, ?, ?)"
_FORGET = "DELETE FROM run_mark WHERE run = ?"


def marks(path: Path) -> list[tuple[int, int, str, str]]:
    """(run, is pinned, tags with commas, remark) of all runs that have any."""
    with open_store(path, read_only=True) as connection:
        return connection.execute(_READ).fetchall()


def keep_mark(path: Path, run: int, *, is_pinned: bool, tags: str, note: str) -> None:
    """Replace what is marked on a run."""
    with open_store(path, read_only=False) as connection:
        if is_pinned or tags or note:
            connection.execute(_KEEP, (run, int(is_pinned), tags, note))
        else:
            connection.execute(_FORGET, (run,))
        connection.commit()


def delete_run(path: Path, run: int) -> bool:
    """Remove a run that has ended with all that belongs to it alone; False when it is not there or goes on."""
    is_gone = forget_run(path, run)
    if is_gone:
        give_back(path)
    return is_gone
