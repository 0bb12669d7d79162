"""Conditions of runs as a person holds them: what is asked, and the answer."""

from __future__ import annotations

import sys
from typing import Any

from flytenb.client.session import Session, session
from flytenb.client.twin import class_twin, twin
from flytenb.model.condition import DATA_TYPES, KINDS, AnswerValue, NotAnAnswer, answer_of
from flytenb.model.snapshot import ConditionRow
from flytenb.wire import paths


class Condition:
    """A question that a run asks, and that waits until somebody answers it.

    Example:
        for condition in flyte.remote.Condition.listall(run_name="k7p2x9"):
            print(condition.name, condition.prompt)
        flyte.remote.Condition.get("deploy", run_name="k7p2x9").signal(True)
    """

    def __init__(self, row: ConditionRow, link: Session) -> None:
        self._row, self._link = row, link

    # ---- finding ------------------------------------------------------------------------------------------------
    @class_twin
    def get(cls, name: str, /, run_name: str, action_name: str | None = None) -> Condition | None:
        """The condition `name` of a run, the one that waits before others; None when there is none.

        Args:
            name: its name, or that of its action ("a3").
            run_name: the run; "last" is the newest.
            action_name: only of this action, which asks.
        """
        found = [one for one in _read(run_name, action_name) if name in (one._row.name, one._row.action)]
        found.sort(key=lambda one: one._row.is_open)
        return found[-1] if found else None

    @class_twin
    def listall(cls, /, run_name: str | None = None, action_name: str | None = None, limit: int = 100) -> Any:
        """Conditions of a run in the order of asking; without a run those of all runs that wait."""
        return iter(_read(run_name, action_name)[:limit])

    # ---- what is known ------------------------------------------------------------------------------------------
    @property
    def row(self) -> ConditionRow:
        """What was read."""
        return self._row

    @property
    def name(self) -> str:
        """Its name."""
        return self._row.name

    @property
    def action_name(self) -> str:
        """The action that it is."""
        return self._row.action

    @property
    def parent_name(self) -> str:
        """The action that asks."""
        return self._row.parent

    @property
    def run_name(self) -> str:
        """Its run."""
        return self._row.run

    @property
    def prompt(self) -> str:
        """The question."""
        return self._row.prompt

    @property
    def phase(self) -> str:
        """ "paused" while it waits."""
        return self._row.phase

    @property
    def expected_type(self) -> type:
        """What an answer is: bool, int, float or str."""
        return DATA_TYPES[self._row.data_type]

    @property
    def value(self) -> AnswerValue | None:
        """The answer; None while there is none."""
        return self._row.value

    # ---- answering ----------------------------------------------------------------------------------------------
    @twin
    def signal(self, payload: AnswerValue) -> None:
        """Answer it. Returns when the answer is on disk.

        Raises:
            TypeError: the value is not of its type.
            RuntimeUserError: code ConditionAnswered: it waits no longer.
        """
        kind = self._row.data_type
        try:
            if not isinstance(payload, (bool, int, float, str)) or (isinstance(payload, str) and kind != "str"):
                raise NotAnAnswer(f"{payload!r} is none")
            answer_of(kind, payload)
        except NotAnAnswer as error:
            raise TypeError(f'condition "{self.name}" takes {KINDS[kind]}: {error}') from None
        self._row = answer(self._link, self.run_name, self.action_name, payload, origin=_origin())

    def __repr__(self) -> str:
        said = f", value={self.value!r}" if self.value is not None else ""
        return (
            f'Condition("{self.name}", run="{self.run_name}", action="{self.action_name}", phase="{self.phase}"{said})'
        )


def _read(run_name: str | None, action_name: str | None) -> list[Condition]:
    link = session(paths.home())
    asked: dict[str, Any] = {"run": run_name, "is_on": False} if run_name else {}
    rows: list[ConditionRow] = link.query("conditions", list[ConditionRow], **asked)
    return [Condition(row, link) for row in rows if action_name in (None, row.parent, row.action)]


def answer(link: Session, run: str, name: str, value: Any, *, origin: str) -> ConditionRow:
    """Answer a condition of a run by its name or its action's; "" = the only one that waits.

    Raises:
        RuntimeUserError: it cannot be, and why.
    """
    found: ConditionRow = link.query(
        "signal", ConditionRow, run=run, name=name, value=value, who=_user(), origin=origin
    )
    return found


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        return ""


def _origin() -> str:
    shell = sys.modules.get("IPython")
    if shell is not None and getattr(shell.get_ipython(), "kernel", None) is not None:
        return "notebook"
    return "python"
