"""How a run is to be run: every option of `with_runcontext`, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flytenb.sdk.template import EXECUTORS

MODES = ("local", "remote", "hybrid")
COPY_STYLES = ("loaded_modules", "all", "none")
IMAGE_POLICIES = ("auto", "strict", "ignore")
CACHE_SCOPES = ("global", "project-domain")


def check_choice(what: str, value: str, known: tuple[str, ...]) -> None:
    """Raises ValueError unless the value is one of those."""
    if value not in known:
        raise ValueError(f"{what}={value!r} is unknown; write one of {', '.join(known)}")


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of one run. Those of a cluster (queue, service account …) are accepted and kept in the run's origin."""

    mode: str | None = None
    name: str | None = None
    project: str | None = None
    domain: str | None = None
    version: str | None = None
    copy_style: str = "loaded_modules"
    dry_run: bool = False
    copy_bundle_to: Any = None
    interactive_mode: bool | None = None
    raw_data_path: str | None = None
    run_base_dir: str | None = None
    run_start_time: datetime | None = None
    overwrite_cache: bool = False
    disable_run_cache: bool = False
    cache_lookup_scope: str = "global"
    env_vars: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None
    interruptible: bool | None = None
    queue: str | None = None
    service_account: str | None = None
    max_action_concurrency: int | None = None
    log_level: int | str | None = None
    log_format: str = "console"
    user_log_level: int | str | None = None
    reset_root_logger: bool = False
    custom_context: Mapping[str, str] | None = None
    notifications: Any = None
    preserve_original_types: bool = False
    executor: str | None = None
    images: str | None = None
    debug: bool = False
    tracked: bool | None = None
    tracked_strict: bool | None = None

    def __post_init__(self) -> None:
        if self.mode is not None and self.mode not in MODES:
            raise ValueError(f'mode "{self.mode}" is unknown; write one of {", ".join(MODES)}')
        if self.executor is not None:
            check_choice("executor", self.executor, EXECUTORS)
        if self.images is not None:
            check_choice("images", self.images, IMAGE_POLICIES)
        check_choice("cache_lookup_scope", self.cache_lookup_scope, CACHE_SCOPES)
        if self.copy_style not in COPY_STYLES:
            raise ValueError(
                f'copy_style "{self.copy_style}" is not possible here; write one of {", ".join(COPY_STYLES)}'
            )
        if self.copy_style == "none" and not self.version:
            raise ValueError('copy_style="none" needs version=: without code the version cannot be made from it')
        if self.max_action_concurrency == 1 or (self.max_action_concurrency or 0) < 0:
            raise ValueError(
                "max_action_concurrency must be 0 (no limit) or at least 2: with 1 a parent starves its child"
            )
        if self.mode == "hybrid" and not (self.name and self.run_base_dir):
            raise ValueError('mode="hybrid" needs name= and run_base_dir=')
        if self.tracked and self.mode not in (None, "local"):
            raise ValueError('tracked=True is for mode="local" only; every other run is recorded anyway')
        for what in ("env_vars", "labels", "annotations", "custom_context"):
            for key, value in (getattr(self, what) or {}).items():
                if not isinstance(key, str) or not isinstance(value, str):
                    raise TypeError(f"{what}: both sides must be str, got {key!r}: {value!r}")
        if self.name is not None:
            check_name(self.name)

    def wire(self) -> dict[str, Any]:
        """The part that the engine acts on (`RunOptions` of the wire)."""
        said = {
            "env_vars": dict(self.env_vars or {}),
            "custom_context": dict(self.custom_context or {}),
            "labels": dict(self.labels or {}),
            "overwrite_cache": self.overwrite_cache,
            "disable_cache": self.disable_run_cache,
        }
        sent: dict[str, Any] = {key: value for key, value in said.items() if value}
        if self.run_start_time is not None:
            sent["run_start_time"] = self.run_start_time.timestamp()
        if self.mode == "local":
            sent["mode"] = "local"
        return sent

    def recorded(self) -> dict[str, Any]:
        """What has no effect here but is kept with the run."""
        kept = {
            "project": self.project,
            "domain": self.domain,
            "version": self.version,
            "annotations": dict(self.annotations) if self.annotations else None,
            "interruptible": self.interruptible,
            "queue": self.queue,
            "service_account": self.service_account,
            "max_action_concurrency": self.max_action_concurrency,
        }
        return {key: value for key, value in kept.items() if value is not None}


def check_name(name: str) -> None:
    """Refuse what cannot be typed after `flytenb get run` or stand in a URL.

    Raises:
        ValueError: letters, digits, `-`, `_` and `.` only, at most 100, not beginning with `-`.
    """
    plain = name.replace("-", "a").replace("_", "a").replace(".", "a")
    if not (0 < len(name) <= 100 and plain.isascii() and plain.isalnum()) or name[0] in "-.":
        raise ValueError(
            f"run name {name!r}: use 1 to 100 letters, digits, '-', '_' or '.', and begin with none of '-.'"
        )
