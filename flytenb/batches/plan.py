"""How a notebook is executed, beyond what papermill asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Plan:
    """One batch."""

    name: str = ""
    #: Batches that this one resumes, the nearest first.
    before: tuple[str, ...] = ()
    #: Hears ("cell", number, count), ("run", told) and ("end",).
    on_step: Callable[..., None] | None = None
    #: As they were given; papermill's engine knows those that it has injected.
    parameters: dict[str, Any] | None = None
    #: Address of the notebook; papermill's engine knows the one that papermill was given.
    path: str = ""
    #: Where the executed notebook is written; papermill's engine knows where papermill writes.
    output: str = ""
    #: Seconds for the whole notebook; 0 = no limit.
    timeout_s: float = 0.0
    #: Where the kernel runs; None = a process of this machine, as papermill has it.
    environment: Any = None
    #: Skip cells that were recorded and whose inputs are equal, and record those that run.
    skip_cells: bool = False
    #: Variables for the kernel that this process does not have.
    env_vars: dict[str, str] = field(default_factory=dict)
