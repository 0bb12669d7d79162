"""Reads the run that another one recovers."""

from __future__ import annotations

from flytenb.model.events import RunOptions
from flytenb.model.ids import RunId, parse_action_name
from flytenb.rules.source import Source
from flytenb.rules.state import Task
from flytenb.store.reader import Reader
from flytenb.store.sweep import Objects


class SourceRefused(Exception):
    """The run cannot be recovered: a code for the client, and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_source(reader: Reader, options: RunOptions, tasks: dict[int, Task]) -> Source:
    """What is known of the run that these options name.

    Raises:
        SourceRefused: there is none, or it goes on.
    """
    name = options.recover_from
    row = reader.run(name)
    if row is None:
        raise SourceRefused("RunNotFound", f"there is no run named {name!r} to recover; 'flytenb get run' lists them")
    number, name, ended_at = row[0], row[1], row[6]
    if ended_at is None:
        raise SourceRefused(
            "RunNotDoneError",
            f"run {name!r} goes on; wait for its end or abort it (flytenb abort run {name}), then recover it",
        )
    return Source(
        name,
        number,
        reader.source_actions(number),
        reader.source_traces(number),
        {ident: task.declaration.name for ident, task in list(tasks.items())},
        force=options.force_rerun,
        trusted=options.trusted,
        is_making_lost=options.is_making_lost,
        top=parse_action_name(RunId(number), options.recover_action) if options.recover_action else 0,
        origins={ident: words for ident, (words, why) in reader.recoveries(number).items() if why in ("", "trusted")},
    )


def stored_outputs(reader: Reader, objects: Objects, action: int) -> tuple[bytes, bool] | None:
    """Outputs of an action and whether all that they name is there; None when the store has none."""
    found = reader.outputs(action)
    return None if found is None else (found, objects.has_all(found))
