"""What a run's handle tells without waiting: name, address, phase, actions, snapshot."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from flytenb.client import handle
from flytenb.client.action import Action
from flytenb.client.session import Ended, Session, Watcher, session
from flytenb.codec.objects import ObjectStore
from flytenb.model.phases import ActionPhase
from flytenb.model.snapshot import ActionRow, RunRow, RunSnapshot
from flytenb.wire import paths

AnyRun = TypeVar("AnyRun", bound="RunFacts")


class RunFacts:
    """A run by its name, read from the engine when it is asked."""

    def __init__(
        self, name: str, link: Session, store: ObjectStore, *, task: Any = None, row: RunRow | None = None
    ) -> None:
        self.name = name
        self._state: Path = link.state
        self._store = store
        #: The live task where the run was started here: values come back in its own types.
        self._task = task
        self._row = row
        self._end: Ended | None = None

    @property
    def _link(self) -> Session:
        return session(self._state)  # never the one of before a fork

    @property
    def url(self) -> str:
        """Where the run can be looked at: the engine's page when it serves one, else `flytenb:run/NAME`."""
        return run_url(self._state, self.name)

    @property
    def row(self) -> RunRow:
        """The run as the engine has it now."""
        if self._row is None or not ActionPhase(self._row.phase).is_terminal:
            self._row = self._link.query("run", RunRow, run=self.name)
        return self._row

    @property
    def phase(self) -> ActionPhase:
        """Where it is now."""
        return self._end[0] if self._end is not None else ActionPhase(self.row.phase)

    @property
    def raw_phase(self) -> int:
        """The phase's integer."""
        return self.phase.code

    @property
    def status(self) -> str:
        """The phase as a word: "Running"."""
        return self.phase.word

    @property
    def task_name(self) -> str:
        """The root task's full name."""
        return str(self._task.name) if self._task is not None else self.row.task

    @property
    def start_time(self) -> datetime:
        """When it was accepted, UTC."""
        return datetime.fromtimestamp(self.row.created_at, timezone.utc)

    @property
    def labels(self) -> dict[str, str]:
        """The labels it was started with."""
        return dict(self.row.origin.get("labels") or {})

    def done(self) -> bool:
        """Whether it has ended."""
        return self.phase.is_terminal

    @property
    def actions(self) -> list[Action]:
        """Its actions, root first, in order of acceptance."""
        link = self._link
        return [Action(row, self.name, link, self._store) for row in handle.read_actions(link, self.name)]

    @property
    def action(self) -> Action:
        """Its root action."""
        link = self._link
        found: list[ActionRow] = link.query("actions", list[ActionRow], run=self.name, limit=1)
        return Action(found[0], self.name, link, self._store)

    def snapshot(self) -> RunSnapshot:
        """The run with its actions, traces and last log lines."""
        found: RunSnapshot = self._link.query("snapshot", RunSnapshot, run=self.name)
        return found

    def sync(self: AnyRun) -> AnyRun:
        """Read it again."""
        self._row = None
        _ = self.row
        return self

    def on_change(self, callback: Watcher) -> Callable[[], None]:
        """Call back from the link's thread for each change and with None at the end; returns the undoing."""
        return self._link.watch(self.name, callback)


def run_url(state: Path, name: str) -> str:
    """Where a run can be looked at. An address that answers nothing is worse than none: only what the engine serves."""

    try:
        page = json.loads(paths.info_path(state).read_bytes()).get("runs_page", "")
    except (OSError, ValueError):
        page = ""
    return f"{page.rstrip('/')}/{name}" if page else f"flytenb:run/{name}"
