"""When a deployed task starts by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any


class _Sentinel:
    """A value that a trigger fills in. One object per name, also after pickling."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"flyte.{self._name}"

    def __reduce__(self) -> str:
        return self._name


#: In a trigger's inputs: the time for which it fires.
TriggerTime = _Sentinel("TriggerTime")
#: In a trigger's inputs: the artifact that fired it.
TriggeredArtifact = _Sentinel("TriggeredArtifact")


@dataclass(frozen=True)
class TriggeredPartition:
    """In a trigger's inputs: one partition value of the artifact that fired it."""

    key: str

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("TriggeredPartition(key='') needs the name of a partition")


@dataclass(frozen=True)
class Cron:
    """At the times of a cron expression with five fields.

    Args:
        expression: minute, hour, day of month, month, day of week: `"0 6 * * 1"`.
        timezone: a name such as `"Europe/Berlin"`.
    """

    expression: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        if not isinstance(self.expression, str) or len(self.expression.split()) != 5:
            raise ValueError(f'Cron({self.expression!r}) needs five fields; write for example Cron("0 6 * * 1")')
        if isinstance(self.timezone, tzinfo):
            object.__setattr__(self, "timezone", str(self.timezone))

    @property
    def timezone_expression(self) -> str:
        """With the time zone in front."""
        return f"CRON_TZ={self.timezone} {self.expression}"

    def __str__(self) -> str:
        return f"Cron Trigger: {self.timezone_expression}"


@dataclass(frozen=True)
class FixedRate:
    """Every so many minutes.

    Args:
        interval_minutes: at least 1.
        start_time: the first time; default one interval after activation.
    """

    interval_minutes: int
    start_time: datetime | None = None

    def __post_init__(self) -> None:
        if isinstance(self.interval_minutes, bool) or not isinstance(self.interval_minutes, int):
            raise TypeError(f"FixedRate(interval_minutes={self.interval_minutes!r}) must be whole minutes")
        if self.interval_minutes < 1:
            raise ValueError(f"FixedRate(interval_minutes={self.interval_minutes}) must be at least 1")

    def __str__(self) -> str:
        return f"FixedRate Trigger: every {self.interval_minutes} minutes"


@dataclass(frozen=True, init=False)
class OnArtifact:
    """With every new version of an artifact.

    Args:
        name: the artifact.
        version: only this version.
        partitions: only versions with these partition values; also as keywords.
    """

    name: str
    version: str | None = None
    partitions: Mapping[str, str] | None = None

    def __init__(
        self,
        name: str,
        version: str | None = None,
        partitions: Mapping[str, str] | None = None,
        **partition_kwargs: str,
    ) -> None:
        if not name:
            raise ValueError("OnArtifact(name='') needs the name of an artifact")
        merged = {**(partitions or {}), **partition_kwargs}
        for key, value in merged.items():
            if not isinstance(value, str):
                raise TypeError(f"OnArtifact partition {key}={value!r} must be text")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "version", version)
        object.__setattr__(self, "partitions", merged or None)

    def __str__(self) -> str:
        version = f"@{self.version}" if self.version else ""
        parts = ", ".join(f"{key}={value}" for key, value in (self.partitions or {}).items())
        return f"Artifact Trigger: on new version of {self.name}{version}{f' [{parts}]' if parts else ''}"


@dataclass(frozen=True)
class Trigger:
    """Starts a task by itself once the task is deployed: `@env.task(triggers=flyte.Trigger.hourly())`.

    Args:
        name: unique for the task.
        automation: `Cron`, `FixedRate` or `OnArtifact`; None = only on demand.
        inputs: values, or `TriggerTime`, `TriggeredArtifact`, `TriggeredPartition(key)`.
        max_action_concurrency: actions of a run at a time; 0 or at least 2.

    Raises:
        ValueError: settings that contradict each other.
    """

    name: str
    automation: Cron | FixedRate | OnArtifact | None = None
    description: str = ""
    auto_activate: bool = True
    inputs: dict[str, Any] | None = None
    env_vars: dict[str, str] | None = None
    interruptible: bool | None = None
    overwrite_cache: bool = False
    queue: str | None = None
    max_action_concurrency: int | None = None
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None
    notifications: Any = field(default=None, compare=False)
    custom_context: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("Trigger(name='') needs a name")
        inputs = self.inputs or {}
        artifacts = [key for key, value in inputs.items() if value is TriggeredArtifact]
        if len(artifacts) > 1:
            raise ValueError(f'trigger "{self.name}": TriggeredArtifact can fill one input, not {", ".join(artifacts)}')
        for key, value in inputs.items():
            is_of_artifact = value is TriggeredArtifact or isinstance(value, TriggeredPartition)
            if is_of_artifact and not isinstance(self.automation, OnArtifact):
                raise ValueError(f'trigger "{self.name}": input "{key}" needs automation=flyte.OnArtifact(…)')
            if value is TriggerTime and not isinstance(self.automation, (Cron, FixedRate)):
                raise ValueError(f'trigger "{self.name}": input "{key}" needs automation=flyte.Cron(…) or FixedRate(…)')
        if self.max_action_concurrency is not None and (
            self.max_action_concurrency < 0 or self.max_action_concurrency == 1
        ):
            raise ValueError(
                f'trigger "{self.name}": max_action_concurrency={self.max_action_concurrency} would block the run, '
                "because its root action takes one place; write 0 (no limit) or at least 2"
            )

    @classmethod
    def _at(cls, expression: str, when: str, key: str | None, name: str, options: dict[str, Any]) -> Trigger:
        inputs = {**({key: TriggerTime} if key is not None else {}), **(options.pop("inputs", None) or {})}
        options.setdefault("description", f"Starts {when}")
        return cls(name=name, automation=Cron(expression), inputs=inputs, **options)

    @classmethod
    def minutely(cls, trigger_time_input_key: str | None = None, *, name: str = "minutely", **options: Any) -> Trigger:
        """Every minute; `trigger_time_input_key` is the input that gets the time, `options` are those of `Trigger`."""
        return cls._at("* * * * *", "every minute", trigger_time_input_key, name, options)

    @classmethod
    def hourly(cls, trigger_time_input_key: str | None = None, *, name: str = "hourly", **options: Any) -> Trigger:
        """Every hour, on the hour."""
        return cls._at("0 * * * *", "every hour", trigger_time_input_key, name, options)

    @classmethod
    def daily(cls, trigger_time_input_key: str | None = None, *, name: str = "daily", **options: Any) -> Trigger:
        """Every day at 00:00."""
        return cls._at("0 0 * * *", "every day at 00:00", trigger_time_input_key, name, options)

    @classmethod
    def weekly(cls, trigger_time_input_key: str | None = None, *, name: str = "weekly", **options: Any) -> Trigger:
        """Every Sunday at 00:00."""
        return cls._at("0 0 * * 0", "every Sunday at 00:00", trigger_time_input_key, name, options)

    @classmethod
    def monthly(cls, trigger_time_input_key: str | None = None, *, name: str = "monthly", **options: Any) -> Trigger:
        """On the first of every month at 00:00."""
        return cls._at("0 0 1 * *", "every month on the 1st at 00:00", trigger_time_input_key, name, options)
