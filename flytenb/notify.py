"""`flyte.notify`: who is told when a run ends. Checked and recorded; sending comes later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flytenb.model.phases import ActionPhase

__all__ = ["Email", "NamedDelivery", "NamedRule", "Notification", "Slack", "Teams", "Webhook"]

_PHASES = (ActionPhase.SUCCEEDED, ActionPhase.FAILED, ActionPhase.TIMED_OUT, ActionPhase.ABORTED)


@dataclass(frozen=True)
class NamedRule:
    """A rule that the configuration knows by name."""

    name: str

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("NamedRule(name='') needs a name")


@dataclass(frozen=True, kw_only=True)
class Notification:
    """Told when a run ends in one of these phases."""

    on_phase: ActionPhase | str | tuple[ActionPhase | str, ...]

    def __post_init__(self) -> None:
        given = self.on_phase if isinstance(self.on_phase, (tuple, list)) else (self.on_phase,)
        try:
            phases = tuple(ActionPhase(phase) for phase in given)
        except ValueError as error:
            raise ValueError(f"on_phase: {error}; known: {', '.join(map(str, _PHASES))}") from None
        wrong = [phase for phase in phases if phase not in _PHASES]
        if wrong or not phases:
            raise ValueError(
                f"on_phase={self.on_phase!r} must be phases that end a run: {', '.join(map(str, _PHASES))}"
            )
        object.__setattr__(self, "on_phase", phases)

    def _need(self, **values: Any) -> None:
        for name, value in values.items():
            if not value:
                raise ValueError(f"{type(self).__name__}({name}={value!r}) is required")


@dataclass(frozen=True, kw_only=True)
class NamedDelivery(Notification):
    """By a delivery that the configuration knows by name."""

    name: str

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need(name=self.name)


@dataclass(frozen=True, kw_only=True)
class Email(Notification):
    """By e-mail; subject and bodies are templates (`{{.Run.Name}}`, `{{.Phase}}`, `{{.Error}}`)."""

    recipients: tuple[str, ...]
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = "Run {{.Run.Name}} {{.Phase}}"
    body: str = "Run {{.Run.Name}} ended: {{.Phase}}. {{.Error}}"
    html_body: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need(recipients=self.recipients)


@dataclass(frozen=True, kw_only=True)
class Slack(Notification):
    """To a Slack webhook."""

    webhook_url: str
    message: str | None = None
    blocks: tuple[dict[str, Any], ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need(webhook_url=self.webhook_url)


@dataclass(frozen=True, kw_only=True)
class Teams(Notification):
    """To a Teams webhook."""

    webhook_url: str
    title: str = "Run {{.Run.Name}} {{.Phase}}"
    message: str | None = None
    card: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need(webhook_url=self.webhook_url)


@dataclass(frozen=True, kw_only=True)
class Webhook(Notification):
    """To any address."""

    url: str
    method: str = "POST"
    headers: dict[str, str] | None = None
    body: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need(url=self.url)
