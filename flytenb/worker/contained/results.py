"""What a container wrote, as values of the declared types."""

from __future__ import annotations

import datetime as dt
import os
import re
import types
import typing
from pathlib import Path
from typing import Any

from flytenb.codec.annotations import codec_of
from flytenb.codec.codec import MismatchError, shown, type_name
from flytenb.codec.containers import parse_text
from flytenb.codec.file import File
from flytenb.codec.folder import Dir
from flytenb.errors import OutputTypeError
from flytenb.sdk.container_task import ContainerTask, Job

UserValue = Any
#: As Python writes a timedelta: "1 day, 2:03:04.5".
_PYTHON_DURATION = re.compile(r"(?:(-?\d+) days?, )?(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?")
_ISO_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.IGNORECASE)


def read_outputs(folder: Path, task: ContainerTask, job: Job) -> UserValue:
    """The outputs of a task, as its function would return them: nothing, a value, or several.

    Args:
        folder: what the container wrote, here.
        task: says names and types.
        job: says which files of a folder count.

    Raises:
        OutputTypeError: one is missing, cannot be read as its type, or leads out of the folder.
    """
    found = []
    for name, annotation in task.outputs.items():
        reader = _Reader(folder, task, name, annotation)
        found.append(reader.value(job.patterns.get(name, "*")))
    return None if not found else found[0] if len(found) == 1 else tuple(found)


class _Reader:
    """One output."""

    def __init__(self, folder: Path, task: ContainerTask, name: str, annotation: Any) -> None:
        self._folder, self._task, self._name, self._annotation = folder, task, name, annotation
        self._path = folder / name
        self._shown = f"{task.output_data_dir}/{name}"

    def value(self, pattern: str) -> UserValue:
        kind, is_optional = _inner(self._annotation)
        if not self._path.exists() and not self._path.is_symlink():
            if is_optional:
                return None
            raise self._missing(kind)
        origin = typing.get_origin(kind) or kind
        args = typing.get_args(kind)
        if isinstance(origin, type) and issubclass(origin, File):
            return self._file(self._path)
        if isinstance(origin, type) and issubclass(origin, Dir):
            self._need_folder()
            return Dir.from_local_sync(self._path)
        if origin in (list, dict) and args and _is_file(args[-1]):
            self._need_folder()
            files = [path for path in sorted(self._path.glob(pattern)) if path.is_file()]
            made = {str(path.relative_to(self._path)): self._file(path) for path in files}
            return list(made.values()) if origin is list else made
        return self._plain(kind)

    def _plain(self, kind: Any) -> UserValue:
        content = self._real(self._path).read_bytes() if self._path.is_file() else self._refuse("it is a folder")
        if kind is bytes:
            return content
        try:
            text = content.decode()
        except UnicodeDecodeError:
            raise self._error("is not text in UTF-8", "write text there, or declare it as File or bytes") from None
        if kind is str:
            return text
        if kind is dt.timedelta and (duration := parse_duration(text.strip())) is not None:
            return duration
        try:
            return parse_text(codec_of(kind), text.strip())
        except MismatchError as error:
            if not text.strip():
                raise self._error("is empty", f"write a {type_name(kind)} there") from None
            hint = f" ({error.hint.removeprefix('write ')})" if error.hint else ""
            raise self._error(f"holds {shown(text.strip())}", f"write a {type_name(kind)}{hint} there") from None

    def _file(self, path: Path) -> File[Any]:
        if not self._real(path).is_file():
            self._refuse("it is a folder; declare the output as Dir, or write a file")
        return File.from_local_sync(path)

    def _need_folder(self) -> None:
        if not self._path.is_dir():
            self._refuse("it is a file; make a folder there, or declare the output as File")
        for folder, names, files in os.walk(self._path):
            for name in (*names, *files):
                self._real(Path(folder) / name)

    def _real(self, path: Path) -> Path:
        """The path, if it does not lead to what is not the container's."""
        real = os.path.realpath(path)
        inside = os.path.realpath(self._folder)
        if real != inside and not real.startswith(inside + os.sep):
            raise self._error("is a link that leads elsewhere", "copy the file itself there")
        if path.is_symlink() and not path.exists():
            raise self._error("is a link to nothing", "copy the file itself there")
        return path

    # ---- refusals -------------------------------------------------------------------------------------------------

    def _refuse(self, why: str) -> Any:
        raise self._error("cannot be read", why)

    def _error(self, what: str, fix: str) -> OutputTypeError:
        return OutputTypeError(f'task "{self._task.name}", output "{self._name}": {self._shown} {what}; {fix}')

    def _missing(self, kind: Any) -> OutputTypeError:
        there = sorted(path.name for path in self._folder.iterdir())
        wrote = f"it wrote {', '.join(there[:8])}" if there else f"it wrote nothing into {self._task.output_data_dir}"
        return OutputTypeError(
            f'task "{self._task.name}", output "{self._name}": the container ended and there is no {self._shown} '
            f"({wrote}); have it write a {type_name(kind)} there, or take the output out of outputs="
        )


def _inner(annotation: Any) -> tuple[Any, bool]:
    """The type without None and `Annotated`, and whether None is allowed."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _inner(args[0])
    if origin in (typing.Union, types.UnionType) and type(None) in args:
        left = [one for one in args if one is not type(None)]
        return (left[0] if len(left) == 1 else typing.Union[tuple(left)]), True  # noqa: UP007
    return annotation, False


def _is_file(annotation: Any) -> bool:
    kind = typing.get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, File)


def parse_duration(text: str) -> dt.timedelta | None:
    """A duration as Python prints it, or in ISO 8601; None when it is neither."""
    if found := _PYTHON_DURATION.fullmatch(text):
        days, hours, minutes, seconds, part = found.groups()
        micro = int((part or "0").ljust(6, "0"))
        return dt.timedelta(int(days or 0), int(seconds), micro, minutes=int(minutes), hours=int(hours))
    found = _ISO_DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = found.groups()
    return dt.timedelta(int(days or 0), float(seconds or 0), minutes=int(minutes or 0), hours=int(hours or 0))
