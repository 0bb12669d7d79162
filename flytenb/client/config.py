"""What `flyte.init` said: kept for the process, never required."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flytenb.client.options import IMAGE_POLICIES, check_choice
from flytenb.client.twin import twin
from flytenb.errors import InitializationError
from flytenb.sdk import builders, image_spec
from flytenb.sdk.template import EXECUTORS


def _from_variable(name: str, known: tuple[str, ...]) -> str:
    """A choice that the environment makes, "" for none.

    Raises:
        ValueError: it is none of those.
    """
    value = os.environ.get(name, "")
    if value:
        check_choice(name, value, known)
    return value


@dataclass
class Config:
    """The process's configuration; a later init replaces it."""

    org: str | None = None
    project: str | None = None
    domain: str | None = None
    root_dir: Path | None = None
    is_initialized: bool = False
    #: Where actions run unless their environment or run says so: "auto", "process" or "docker".
    executor: str = field(default_factory=lambda: _from_variable("FLYTENB_EXECUTOR", EXECUTORS))
    #: What happens where an image cannot be realised: "auto", "strict" or "ignore".
    images: str = field(default_factory=lambda: _from_variable("FLYTENB_IMAGES", IMAGE_POLICIES))
    #: Names of images that `Image.from_ref_name` knows.
    image_names: dict[str, str] = field(default_factory=dict)
    #: Everything else that was given: endpoints, keys, TLS. A local engine needs none of it.
    given: dict[str, Any] = field(default_factory=dict)


_config = Config()

#: Names of `init` that only matter with a remote control plane; accepted so that scripts run unchanged.
_REMOTE_ONLY = frozenset(
    {
        "log_level",
        "log_format",
        "reset_root_logger",
        "user_log_level",
        "endpoint",
        "headless",
        "insecure",
        "insecure_skip_verify",
        "ca_cert_file_path",
        "auth_type",
        "command",
        "proxy_command",
        "api_key",
        "client_id",
        "client_credentials_secret",
        "auth_client_config",
        "rpc_retries",
        "http_proxy_url",
        "disable_keyring",
        "storage",
        "batch_size",
        "image_registry",
        "source_config_path",
        "sync_local_sys_paths",
        "load_plugin_type_transformers",
        "local_persistence",
        "local_tracked",
        "local_tracked_strict",
        "scopes",
    }
)


def config() -> Config:
    """The process's configuration."""
    return _config


@twin
def init(
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    root_dir: Path | str | None = None,
    *,
    executor: str | None = None,
    images: str | dict[str, str] | None = None,
    image_builder: str | None = None,
    base_image: str | None = None,
    **options: Any,
) -> None:
    """Configure the process. Optional: nothing needs it here.

    Args:
        org, project, domain: recorded with every run.
        root_dir: the directory whose files a script's tasks need; default: found from the script.
        executor: where actions run unless their environment says so: "auto" (default), "process" or "docker".
        images: what happens where an image cannot be realised: "auto" (default) runs in the caller's environment with a
            recorded note, "strict" refuses, "ignore" never looks at images. A dict names images for
            `Image.from_ref_name`.
        image_builder: "local" (default) or the name of a plug-in (`flyte.extend.ImageBuildEngine.register`).
        base_image: what Debian with Python is: a mirror's ("mirror.example/python:{version}-slim") or a local image;
            default: `FLYTENB_BASE_IMAGE`, else Docker's own.
        **options: every other option of Flyte's `init`, accepted; those of a cluster have no effect.

    Raises:
        TypeError: an option that Flyte does not have.
        ValueError: no executor, or no policy for images.
    """
    global _config
    if executor is not None:
        check_choice("executor", executor, EXECUTORS)
    if isinstance(images, str):
        check_choice("images", images, IMAGE_POLICIES)
    unknown = [name for name in options if name not in _REMOTE_ONLY]
    if unknown:
        raise TypeError(f'init() has no option "{unknown[0]}"{_nearest(unknown[0])}')
    if image_builder is not None:
        builders.choose(image_builder)
    if base_image is not None:
        image_spec.base_template = base_image
    if options.get("storage") is not None:
        options["storage"].use()
    root = Path(root_dir).expanduser().absolute() if root_dir is not None else None
    _config = Config(org=org, project=project, domain=domain, root_dir=root, is_initialized=True, given=options)
    if executor is not None:
        _config.executor = executor
    if isinstance(images, str):
        _config.images = images
    elif images is not None:
        _config.image_names = dict(images)
    if root is not None and options.get("sync_local_sys_paths", True):
        import sys

        if str(root) not in sys.path:
            sys.path.append(str(root))


@twin
def init_from_config(path_or_config: Any = None, root_dir: Path | str | None = None, **options: Any) -> None:
    """Configure the process from a Flyte config file; without one it stays as it is and never fails.

    Raises:
        InitializationError: a path was given and no file is there, or it is not YAML.
    """
    known: dict[str, Any] = {name: options[name] for name in ("org", "project", "domain") if options.get(name)}
    for name in ("org", "project", "domain"):
        options.pop(name, None)
    named = path_or_config if isinstance(path_or_config, str | os.PathLike) else None
    if named is not None and not Path(named).expanduser().is_file():
        raise InitializationError(
            "ConfigFileNotFoundError",
            "user",
            f"config file {named} does not exist; call init_from_config() without a path, or flyte.init()",
        )
    found = Path(named).expanduser() if named is not None else _find_file()
    task: dict[str, Any] = _read_task_section(found) if found is not None else {}
    if path_or_config is not None and named is None:
        task = {name: getattr(path_or_config, name, None) for name in ("org", "project", "domain")}
    init(**{**{key: value for key, value in task.items() if value}, **known}, root_dir=root_dir, **options)


@twin
def init_from_api_key(
    api_key: str | None = None, project: str | None = None, domain: str | None = None, **options: Any
) -> None:
    """Accepted: runs stay on this machine."""
    init(project=project, domain=domain, api_key=api_key or os.environ.get("FLYTE_API_KEY"), **options)


@twin
def init_in_cluster(
    org: str | None = None, project: str | None = None, domain: str | None = None, **options: Any
) -> None:
    """Accepted: runs stay on this machine."""
    init(org=org, project=project, domain=domain, **options)


@twin
def init_passthrough(
    endpoint: str | None = None,
    org: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    **options: Any,
) -> None:
    """Accepted: runs stay on this machine."""
    init(org=org, project=project, domain=domain, endpoint=endpoint, **options)


def current_project() -> str:
    """The project of this process: what `init` said, else `FLYTE_TASK_PROJECT`, else "flytenb"."""
    return _config.project or os.environ.get("FLYTE_TASK_PROJECT") or "flytenb"


def current_domain() -> str:
    """The domain of this process: what `init` said, else `FLYTE_TASK_DOMAIN`, else "development"."""
    return _config.domain or os.environ.get("FLYTE_TASK_DOMAIN") or "development"


def is_control_plane_available() -> bool:
    """Whether runs are recorded and can be looked up: always, the engine starts by itself."""
    return True


def _find_file() -> Path | None:
    home = Path.home()
    candidates = [
        *(Path(os.environ[name]) for name in ("UCTL_CONFIG", "FLYTECTL_CONFIG") if os.environ.get(name)),
        Path("config.yaml"),
        Path(".flyte/config.yaml"),
        home / ".union" / "config.yaml",
        home / ".flyte" / "config.yaml",
    ]
    return next((path for path in candidates if path.is_file()), None)


def _read_task_section(path: Path) -> dict[str, str]:
    """`task: {org, project, domain}` of a config file. Three scalars: no YAML library for that."""
    found: dict[str, str] = {}
    is_in_task = False
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InitializationError("ConfigFileError", "user", f"cannot read config file {path}: {error}") from error
    for line in lines:
        text = line.split(" #", 1)[0].rstrip()
        if not text.strip():
            continue
        if not text[0].isspace():
            is_in_task = text.strip() == "task:"
        elif is_in_task and ":" in text:
            key, value = (part.strip() for part in text.split(":", 1))
            if key in ("org", "project", "domain") and value:
                found[key] = value.strip("\"'")
    return found


def _nearest(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, [*_REMOTE_ONLY, "org", "project", "domain", "root_dir"], 1)
    return f'; did you mean "{near[0]}"?' if near else ""
