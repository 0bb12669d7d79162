"""Facts that every room shares: ids, phases, declarations, snapshots. Frozen data, no I/O, no clock."""

from flytenb.model import quick as quick  # isort: skip  # before anything imports msgspec
from flytenb.model.declaration import Grant, Launch, ResourceRequest, Reuse, TaskDeclaration
from flytenb.model.ids import ActionId, RunId, action_id, action_index, action_name, run_of
from flytenb.model.image import FileSpec, ImageSpec, LayerSpec, SecretSpec
from flytenb.model.outcome import Failure, Frame
from flytenb.model.phases import ActionPhase
from flytenb.model.placement import Placement
from flytenb.model.snapshot import ActionRow, LogLine, RunRow, RunSnapshot, TraceRow

__all__ = [
    "ActionId",
    "ActionPhase",
    "ActionRow",
    "Failure",
    "FileSpec",
    "Frame",
    "Grant",
    "ImageSpec",
    "Launch",
    "LayerSpec",
    "LogLine",
    "Placement",
    "ResourceRequest",
    "Reuse",
    "RunId",
    "RunRow",
    "RunSnapshot",
    "SecretSpec",
    "TaskDeclaration",
    "TraceRow",
    "action_id",
    "action_index",
    "action_name",
    "run_of",
]
