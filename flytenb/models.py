"""`flyte.models`: the plain data that Flyte's scripts name in annotations and comparisons."""

from __future__ import annotations

from dataclasses import dataclass

from flytenb.model.phases import ActionPhase
from flytenb.sdk.checkpoint import CheckpointPaths
from flytenb.sdk.ctx import ActionID, GroupData, TaskContext
from flytenb.sdk.interface import NativeInterface

__all__ = [
    "ActionID",
    "ActionPhase",
    "CheckpointPaths",
    "CodeBundle",
    "GroupData",
    "NativeInterface",
    "SerializationContext",
    "TaskContext",
]


@dataclass(frozen=True)
class CodeBundle:
    """Shipped code."""

    computed_version: str
    destination: str = "."
    tgz: str | None = None
    pkl: str | None = None


@dataclass(frozen=True)
class SerializationContext:
    """What plugins are told when a task is declared."""

    version: str
    project: str | None = None
    domain: str | None = None
    org: str | None = None
    code_bundle: CodeBundle | None = None
    input_path: str = ""
    output_path: str = ""
    root_dir: str | None = None
