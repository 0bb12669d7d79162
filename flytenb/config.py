"""`flyte.config`: the configuration as an object. Nothing in it is needed to run."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

__all__ = [
    "Config",
    "ImageConfig",
    "LocalConfig",
    "PlatformConfig",
    "TaskConfig",
    "auto",
    "get_config_file",
    "set_if_exists",
]


@dataclass(frozen=True)
class PlatformConfig:
    """`admin:` of the file; recorded."""

    endpoint: str | None = None
    insecure: bool = False
    auth_mode: str = "Pkce"


@dataclass(frozen=True)
class TaskConfig:
    """`task:` of the file."""

    org: str | None = None
    project: str | None = None
    domain: str | None = None


@dataclass(frozen=True)
class ImageConfig:
    """`image:` of the file."""

    builder: str | None = None
    registry: str | None = None
    image_refs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LocalConfig:
    """`local:` of the file."""

    persistence: bool = False
    tracked: bool = False
    tracked_strict: bool = False


@dataclass(frozen=True)
class Config:
    """A configuration file, read; environment variables `FLYTE_<SECTION>_<KEY>` win over it."""

    platform: PlatformConfig = field(default_factory=PlatformConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    image: ImageConfig = field(default_factory=ImageConfig)
    local: LocalConfig = field(default_factory=LocalConfig)
    source: Path | None = None

    def with_params(
        self,
        platform: PlatformConfig | None = None,
        task: TaskConfig | None = None,
        image: ImageConfig | None = None,
    ) -> Config:
        """With other sections."""
        return replace(self, platform=platform or self.platform, task=task or self.task, image=image or self.image)

    @classmethod
    def auto(cls, config_file: str | Path | None = None) -> Config:
        """From a file, or from where Flyte looks for one; the defaults when there is none."""
        path = get_config_file(config_file)
        sections = _read(path) if path is not None else {}
        task, local = _section(sections, "task"), _section(sections, "local")
        admin, image = _section(sections, "admin"), _section(sections, "image")
        return cls(
            platform=PlatformConfig(
                admin.get("endpoint"), _truth(admin.get("insecure")), admin.get("authtype") or "Pkce"
            ),
            task=TaskConfig(task.get("org"), task.get("project"), task.get("domain")),
            image=ImageConfig(image.get("builder"), image.get("registry"), image.get("image_refs") or {}),
            local=LocalConfig(*(_truth(local.get(key)) for key in ("persistence", "tracked", "tracked_strict"))),
            source=path,
        )


def _section(sections: dict[str, Any], name: str) -> dict[str, Any]:
    values = {str(key).lower(): value for key, value in (sections.get(name) or {}).items()}
    prefix = f"FLYTE_{name.upper()}_"
    values |= {key[len(prefix) :].lower(): value for key, value in os.environ.items() if key.startswith(prefix)}
    return values


def _truth(value: Any) -> bool:
    return value is True or str(value).lower() in ("1", "true", "yes", "on")


def _read(path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError:
        raise ImportError(f'reading "{path}" needs PyYAML: pip install pyyaml') from None
    loaded = yaml.safe_load(path.read_text())
    return loaded if isinstance(loaded, dict) else {}


def get_config_file(config_file: str | Path | None = None) -> Path | None:
    """The configuration file that applies; None when there is none."""
    if config_file is not None:
        return Path(config_file)
    candidates = [Path("config.yaml"), Path(".flyte/config.yaml")]
    root = _git_root()
    if root is not None:
        candidates.append(root / ".flyte/config.yaml")
    candidates += [Path(os.environ[name]) for name in ("UCTL_CONFIG", "FLYTECTL_CONFIG") if os.environ.get(name)]
    candidates += [Path.home() / ".union/config.yaml", Path.home() / ".flyte/config.yaml"]
    return next((path for path in candidates if path.is_file()), None)


def _git_root() -> Path | None:
    try:
        command = ["git", "rev-parse", "--show-toplevel"]
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return Path(found.stdout.strip()) if found.returncode == 0 and found.stdout.strip() else None


def set_if_exists(d: dict[str, Any], k: str, val: Any) -> dict[str, Any]:
    """Put a value into a dict unless it is empty (False is a value)."""
    if isinstance(val, bool) or val:
        d[k] = val
    return d


def auto(config_file: str | Path | None = None) -> Config:
    """`Config.auto`."""
    return Config.auto(config_file)
