"""What an abort did, in words: shown where it is the last line of a cell, and by the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flytenb.client.session import Session


@dataclass(frozen=True)
class Aborted:
    """What an abort found.

    Attributes:
        run: the run.
        action, group: what of it was meant; "" = the whole run.
        count: actions that are being stopped (what is below them counts with them); 0 = it had ended.
        phase: how it had ended.
    """

    run: str
    action: str = ""
    group: str = ""
    count: int = 0
    phase: str = ""

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        what = f"run {self.run}"
        if self.group:
            actions = "1 action" if self.count == 1 else f"{self.count} actions"
            if not self.count:
                return f"group {self.group!r} of {what} has ended already"
            return f"{actions} of group {self.group!r} of {what} {'is' if self.count == 1 else 'are'} being stopped"
        if self.action and self.action != "a0":
            what = f"action {self.run}/{self.action}"
        if self.count:
            return f"{what} is being stopped; results that it has are kept"
        return f"{what} has ended already ({self.phase.replace('_', ' ')})"

    def __repr__(self) -> str:
        return str(self)


def abort(link: Session, run: str, *, action: str = "", group: str = "", reason: str) -> Aborted:
    """Stop a run, one action or a group, and all below.

    Raises:
        RuntimeUserError: code RunNotFound, ActionNotFound or GroupNotFound.
    """
    told: dict[str, Any] = link.query("abort", run=run, action=action, group=group, reason=reason)
    return Aborted(told["run"], action, group, told["count"], told["phase"])
