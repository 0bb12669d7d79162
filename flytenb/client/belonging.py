"""Whether this process is the kernel of a batch, whose runs belong to it. Told by one variable of the environment."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, field

VARIABLE = "FLYTENB_BATCH"
_TOLD = ("told", "worker", "python", "cwd", "parent")


@dataclass(frozen=True)
class Batch:
    """The batch whose kernel this is."""

    name: str
    #: Batches that this one resumes, the nearest first.
    before: tuple[str, ...] = ()
    #: A file that hears of every run that is started, one JSON object a line; "" = nobody wants to know.
    told: str = ""
    #: Of a kernel that an action runs: its worker, and this machine's Python and folder for what it starts.
    worker: str = ""
    python: str = ""
    cwd: str = ""
    #: "RUN/ACTION" that what it starts is a child of; "" = its own action of the cell.
    parent: str = ""
    #: Runs started so far, by cell.
    counts: Counter[int] = field(default_factory=Counter)

    def variable(self) -> str:
        """The variable's value for the kernel."""
        told = {name: getattr(self, name) for name in _TOLD if getattr(self, name)}
        return json.dumps({"name": self.name, "before": list(self.before), **told})

    def parent_of(self, cell: int) -> str:
        """The action that a run of this cell is a child of."""
        return self.parent or f"{self.name}/a{cell}"

    def tell(self, run: str, task: str, cell: int, how: str) -> None:
        """A run was started, reused or recovered."""
        if not self.told:
            return
        line = json.dumps({"run": run, "task": task, "cell": cell, "how": how}) + "\n"
        try:
            with open(self.told, "a", encoding="utf-8") as file:
                file.write(line)
        except OSError:
            pass  # it is a kernel elsewhere: nobody hears it


_known: dict[str, Batch] = {}


def current() -> Batch | None:
    """The batch whose kernel this process is; None outside of one."""
    value = os.environ.get(VARIABLE)
    if not value or "ipykernel" not in sys.modules:
        return None  # programs that a cell starts inherit the variable
    batch = _known.get(value)
    if batch is None:
        said = json.loads(value)
        told = {name: said.get(name, "") for name in _TOLD}
        batch = _known[value] = Batch(said["name"], tuple(said.get("before", ())), **told)
    return batch if batch.worker == os.environ.get("FLYTENB_WORKER", "") else None


def run_name(batch: str, cell: int, nth: int) -> str:
    """Name of the nth run that a cell of a batch starts: "k7p2x9.5.1"."""
    return f"{batch}.{cell}.{nth}"
