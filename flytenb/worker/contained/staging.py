"""What a container finds: its inputs as files, and its secrets where nobody else can read them."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flytenb.codec.file import File
from flytenb.codec.folder import Dir
from flytenb.model.image import SecretSpec
from flytenb.sdk.container_inputs import Staged
from flytenb.sdk.container_task import ContainerTask, Job
from flytenb.wire.paths import secrets_folder

UserValue = Any
#: Variables of secrets, for the shell that starts the program.
VARIABLES = "env"


def stage_inputs(folder: Path, task: ContainerTask, values: Mapping[str, UserValue], job: Job) -> None:
    """Fill the folder of inputs. Contents of the object store are linked, not copied."""
    folder.mkdir(mode=0o755)
    files = task.files
    for name, value in values.items():
        for one in files.staged(name, value):
            _place(folder / one.path, one)
    (folder / f"inputs.{task.metadata_format.lower()}").write_bytes(files.document(values))  # JSON is YAML
    for path, content in job.files.items():
        (folder / path).write_bytes(content)


def _place(target: Path, staged: Staged) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    content = staged.content
    if content is None:
        target.mkdir()
    elif isinstance(content, bytes):
        target.write_bytes(content)
    elif _is_remote(content.path):
        content.download_sync(target)
    elif isinstance(content, File):
        _link(_here(content.path), target)
    else:
        _link_tree(content, target)


def _is_remote(path: str) -> bool:
    return "://" in path and not path.startswith("file://")


def _here(path: str) -> str:
    return path.removeprefix("file://")


def _link_tree(content: Dir[Any], target: Path) -> None:
    source = _here(content.path)
    if not os.path.isdir(source):
        raise _gone("folder", source)
    shutil.copytree(source, target, copy_function=_link)
    for folder, _, _ in os.walk(target):
        os.chmod(folder, 0o755)


def _link(source: str, target: str | Path) -> None:
    try:
        os.link(os.path.realpath(source), target)
    except FileNotFoundError:
        raise _gone("file", source) from None
    except OSError:  # another file system, or a file of somebody else
        shutil.copyfile(source, target)


def _gone(kind: str, path: str) -> FileNotFoundError:
    return FileNotFoundError(f"the {kind} {path!r} of an input is not there; make it again, or give another")


def stage_secrets(
    folder: Path, secrets: Sequence[SecretSpec], home: Path, worker: str, *, is_for_all: bool
) -> tuple[Path | None, Path | None]:
    """Write secrets into a private folder.

    Args:
        folder: private to this user, and in memory where the machine allows.
        secrets: by name; this worker has their values.
        home: the state directory.
        worker: this worker.
        is_for_all: whether the container's user is another one.

    Returns:
        The folder with the variables' file, and the one with mounted secrets; None where there are none.
    """
    lines: list[str] = []
    variables, mounted = folder / "variables", folder / "mounted"
    for secret in secrets:
        if secret.variable:
            lines.append(f"export {secret.variable}={shlex.quote(os.environ.get(secret.variable, ''))}\n")
        if secret.mount:
            mounted.mkdir(exist_ok=True, mode=0o755)
            shutil.copyfile(secrets_folder(home, worker) / secret.key, mounted / secret.key)
            (mounted / secret.key).chmod(0o444 if is_for_all else 0o400)
    if lines:
        variables.mkdir(mode=0o755)
        (variables / VARIABLES).write_text("".join(lines), errors="surrogateescape")
        (variables / VARIABLES).chmod(0o444 if is_for_all else 0o400)
    return variables if lines else None, mounted if mounted.is_dir() else None
