"""`flyte.remote`: runs and actions from any process, and the other classes of Flyte's by name.

Example:
    for run in flyte.remote.Run.listall(limit=5):
        print(run.name, run.status)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from flytenb.client.action import Action, ActionDetails
from flytenb.client.condition import Condition
from flytenb.client.pool import Pool
from flytenb.client.run_handle import Run, RunDetails
from flytenb.client.secret import Secret, SecretTypes
from flytenb.client.values import ActionInputs, ActionOutputs
from flytenb.errors import NotAvailableError

__all__ = [
    "Action",
    "ActionDetails",
    "ActionInputs",
    "ActionOutputs",
    "App",
    "Artifact",
    "Condition",
    "PartitionSchema",
    "Pool",
    "Project",
    "Run",
    "RunDetails",
    "Secret",
    "SecretTypes",
    "Settings",
    "Task",
    "TaskDetails",
    "TimeFilter",
    "Trigger",
    "TriggerDetails",
    "User",
    "auth_metadata",
    "upload_dir",
    "upload_file",
]


@dataclass(frozen=True)
class TimeFilter:
    """A span of time for `listall`; an open side is None."""

    after: datetime | None = None
    before: datetime | None = None

    def covers(self, moment: float) -> bool:
        """Whether a time in seconds since the epoch lies in it."""
        is_late_enough = self.after is None or moment >= self.after.timestamp()
        return is_late_enough and (self.before is None or moment <= self.before.timestamp())


class _Later(type):
    """A class of Flyte's that does nothing yet: any use of it says so."""

    instead = "it comes with a later version"

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotAvailableError(f"flyte.remote.{cls.__name__}", cls.instead)

    def __getattr__(cls, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise NotAvailableError(f"flyte.remote.{cls.__name__}.{name}", cls.instead)


class Task(metaclass=_Later):
    """A deployed task."""

    instead = "import the task and pass it to flyte.run"


class TaskDetails(metaclass=_Later):
    """A deployed task with its settings."""

    instead = "import the task and read its attributes"


class App(metaclass=_Later):
    """A deployed app."""

    instead = "start the app's own server"


class Artifact(metaclass=_Later):
    """A named, versioned value."""

    instead = "keep the value as the output of a cached task"


class PartitionSchema(metaclass=_Later):
    """Partitions of an artifact."""

    instead = "keep the value as the output of a cached task"


class Project(metaclass=_Later):
    """A project."""

    instead = "flyte.init(project=…) records it with every run"


class Settings(metaclass=_Later):
    """Settings of a deployment."""

    instead = "FLYTENB_HOME and environment variables are all there is to set"


class Trigger(metaclass=_Later):
    """A deployed trigger."""

    instead = "start the run from cron or a timer of yours"


class TriggerDetails(metaclass=_Later):
    """A deployed trigger with its history."""

    instead = "start the run from cron or a timer of yours"


class User:
    """The one user of this engine: whoever runs this process."""

    @classmethod
    def get(cls) -> User:
        """The user."""
        return cls()

    def name(self) -> str:
        """The login name."""
        import getpass

        return getpass.getuser()

    def subject(self) -> str:
        """The login name."""
        return self.name()

    def __repr__(self) -> str:
        return f'User("{self.name()}")'


def upload_file(fp: Any, verify: bool = True, fname: str | None = None, content_type: str | None = None) -> NoReturn:
    """Upload a file."""
    raise NotAvailableError("flyte.remote.upload_file", "use flyte.io.File.from_local, which keeps its content")


def upload_dir(dir_path: Any, verify: bool = True, prefix: str | None = None) -> NoReturn:
    """Upload a directory."""
    raise NotAvailableError("flyte.remote.upload_dir", "use flyte.io.Dir.from_local, which keeps its content")


def auth_metadata(*pairs: tuple[str, str]) -> NoReturn:
    """Metadata for a remote control plane's authentication."""
    raise NotAvailableError("flyte.remote.auth_metadata", "there is no remote control plane to authenticate with")
