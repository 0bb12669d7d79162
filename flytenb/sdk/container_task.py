"""`flyte.extras.ContainerTask`: any program of any image as a task; values go in and out as files.

What is declared here is plain data, so that the task travels whole: no code of the user's belongs to it. The container
itself is started by the worker (`context.Port.contain`).
"""

from __future__ import annotations

import copy
import pickle
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from msgspec.structs import replace

from flytenb.codec.declared import DeclaredInterface
from flytenb.codec.interface import Interface
from flytenb.context import current_action
from flytenb.errors import NotInTaskContextError
from flytenb.model.declaration import Launch, TaskDeclaration
from flytenb.model.image import ImageSpec, image_digest
from flytenb.sdk import container_template as template
from flytenb.sdk.cache import FunctionBodyPolicy
from flytenb.sdk.container_inputs import Inputs, Layout, check_type
from flytenb.sdk.image import Image
from flytenb.sdk.source import cell_or_file
from flytenb.sdk.template import TaskTemplate

UserValue = Any
MetadataFormat = Literal["JSON", "YAML"]

_OURS = __package__.partition(".")[0]
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_USER = re.compile(r"[\w.-]+(:[\w.-]+)?")


@dataclass(frozen=True)
class Job:
    """One start of a container.

    Attributes:
        command: what follows the entry point.
        entrypoint: in place of the image's own; None = as in the image.
        files: further files in the folder of inputs.
        folders: outputs that are folders and must be there before the program begins.
        streams: "stdout", "stderr" → the output that gets all of it.
        patterns: output → which files of its folder count.
        notice: goes to the log before it starts.
    """

    command: list[str]
    entrypoint: list[str] | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    streams: Mapping[str, str] = field(default_factory=dict)
    patterns: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""


@dataclass(kw_only=True, eq=False, repr=False, init=False)
class ContainerTask(TaskTemplate[Any, Any, Any]):
    """A program of an image, as a task.

    Inputs are files under `input_data_dir`, named as they are (`File` and `Dir` with their content, other values as
    text), and `{{.inputs.name}}` in the command is the text of a value or the path of a file. The program writes each
    output to a file, or folder, of its name under `output_data_dir`.

    Args:
        name: of the task.
        image: a `flyte.Image` or the name of an image.
        command: the words of the command (they follow the image's ENTRYPOINT, if it has one); text is split as a shell
            does.
        inputs: name → type.
        arguments: further words.
        outputs: name → type.
        input_data_dir, output_data_dir: folders in the container.
        metadata_format: "JSON" or "YAML": all inputs are in `inputs.json` or `inputs.yaml`, too.
        local_logs: with mode "local", whether the container's output is also printed.
        file_input_layout: "DIRECT": a `File` is the file `name`; "NAMED_DIR": it is in the folder `name`, and is called
            as it was.
        user: who the program runs as: "caller" (default) is you, without any privileges, "image" whoever the image
            says, with Docker's usual ones; or "UID[:GID]".
        **settings: every setting of a task: resources, cache, retries, timeout, env_vars, secrets, network, …

    Example:
        greet = ContainerTask(
            "greet", "alpine:3.20", ["sh", "-c", "echo Hello {{.inputs.who}} > /var/outputs/text"],
            inputs={"who": str}, outputs={"text": str},
        )
        run = flyte.run(greet, who="you")

    Raises:
        ValueError: the command names an input that is not there, or a setting is out of bounds.
        TypeError: a type that cannot go into or come out of a container.
    """

    __flytenb_whole__ = True

    task_type: str = "raw-container"
    command: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    input_data_dir: str = "/var/inputs"
    output_data_dir: str = "/var/outputs"
    metadata_format: MetadataFormat = "JSON"
    local_logs: bool = True
    file_input_layout: Layout = "DIRECT"
    user: str = "caller"
    #: Cell or file, and line, of the declaration.
    declared_at: tuple[str, int] = ("", 0)

    def __init__(
        self,
        name: str,
        image: str | Image,
        command: list[str] | str,
        inputs: dict[str, Any] | None = None,
        arguments: list[str] | None = None,
        outputs: dict[str, Any] | None = None,
        input_data_dir: str | Path = "/var/inputs",
        output_data_dir: str | Path = "/var/outputs",
        metadata_format: MetadataFormat = "JSON",
        local_logs: bool = True,
        file_input_layout: Layout = "DIRECT",
        user: str = "caller",
        **settings: Any,
    ) -> None:
        self._start(name, image, settings)
        self.command = shlex.split(command) if isinstance(command, str) else list(command or ())
        self.arguments, self.inputs, self.outputs = list(arguments or ()), dict(inputs or {}), dict(outputs or {})
        self.input_data_dir, self.output_data_dir = _folder(input_data_dir), _folder(output_data_dir)
        self.metadata_format, self.local_logs = metadata_format, local_logs
        self.file_input_layout, self.user = file_input_layout, user
        self.__post_init__()

    def _start(self, name: str, image: str | Image, settings: dict[str, Any]) -> None:
        known = type(self).__dataclass_fields__
        self.defaults = {}
        for setting, value in settings.items():
            if setting not in known:
                raise TypeError(f'task "{name}": a {type(self).__name__} has no setting {setting}=')
            setattr(self, setting, value)
        self.name, self.image = name, image
        self.declared_at = _caller()

    def __post_init__(self) -> None:
        if not isinstance(self.image, (str, Image)):
            raise TypeError(f'task "{self.name}": image={self.image!r} must be a flyte.Image or the name of an image')
        super().__post_init__()
        subject = f'task "{self.name}"'
        for words in (self.command, self.arguments):
            for word in words:
                if not isinstance(word, str):
                    raise ValueError(f"{subject}: {word!r} in its command must be text; write {str(word)!r}")
        template.check([*self.command, *self.arguments], self.inputs, subject)
        for name, kind in self.inputs.items():
            if not name.isidentifier():
                raise ValueError(f'{subject}: the input "{name}" must have the name of a variable')
            check_type(kind, f'{subject}, input "{name}"')
        for name, kind in self.outputs.items():
            if not _FILE_NAME.fullmatch(name):
                raise ValueError(f'{subject}: the output "{name}" must have the name of a file')
            check_type(kind, f'{subject}, output "{name}"', is_output=True)
        self._check_choices(subject)
        cache = self.cache_policy
        if cache.is_enabled() and isinstance(cache.policies, list):
            others = [one for one in cache.policies if not isinstance(one, FunctionBodyPolicy)]
            self.cache = replace(cache, policies=[FunctionBodyPolicy(), *others])

    def _check_choices(self, subject: str) -> None:
        for setting, allowed in (("metadata_format", ("JSON", "YAML")), ("file_input_layout", ("DIRECT", "NAMED_DIR"))):
            if getattr(self, setting) not in allowed:
                raise ValueError(f"{subject}: {setting}={getattr(self, setting)!r} must be {' or '.join(allowed)}")
        if self.input_data_dir == self.output_data_dir:
            raise ValueError(f"{subject}: input_data_dir and output_data_dir must be two folders")
        if not isinstance(self.user, str) or not _USER.fullmatch(self.user):
            raise ValueError(f'{subject}: user={self.user!r} must be "caller", "image" or "UID:GID"')

    # ---- facts ----------------------------------------------------------------------------------------------------

    @cached_property
    def _interface(self) -> Interface:
        return DeclaredInterface(self.inputs, self.outputs, self.name, self.defaults)

    @property
    def interface(self) -> Interface:
        return self._interface

    @property
    def environment_name(self) -> str:
        return self.parent_env_name or self.name

    @property
    def place(self) -> tuple[str, int]:
        return self.declared_at

    @property
    def image_spec(self) -> ImageSpec:
        """What the image is made of, also where the image stands for the caller's Python elsewhere."""
        assert isinstance(self.image, Image)
        return self.image.buildable()

    @property
    def code_key(self) -> str:
        """What is run, as a key of the cache: the image, the command, the types and where files are."""
        return _digest(
            "flytenb.container/1",
            image_digest(self.image_spec),
            repr(self._counted()),
            repr([(name, str(kind)) for name, kind in (*self.inputs.items(), ("->", ""), *self.outputs.items())]),
        )

    def _counted(self) -> Any:
        """All else that decides what the container does."""
        folders = (self.input_data_dir, self.output_data_dir)
        return self.command, self.arguments, folders, self.metadata_format, self.file_input_layout, self.user

    def fingerprint(self) -> str:
        """Stands for the task in the key of code that calls it."""
        return f"{self.name}:{self.code_key}"

    @property
    def files(self) -> Inputs:
        """How inputs become files."""
        return Inputs(self.inputs, self.input_data_dir, self.file_input_layout)

    # ---- running --------------------------------------------------------------------------------------------------

    def job(self, values: Mapping[str, UserValue]) -> Job:
        """What is started for these inputs."""
        files = self.files
        words = (*self.command, *self.arguments)
        return Job([template.render(word, lambda name: files.word(name, values[name])) for word in words])

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotInTaskContextError(
            "NotInTaskContextError",
            f'task "{self.name}" runs in a container, which only an action has: start it with '
            f"flyte.run({self.short_name}, …), or call it inside another task",
        )

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        names = [one.name for one in self.interface.parameters]
        values = dict(zip(names, self.interface.bind(args, kwargs), strict=True))
        action = current_action.get()
        if action is None:
            return self.forward(*args, **kwargs)
        action.data.update(await self.pre(**values) or {})
        result = await action.port.contain(self, values)
        await self.post(result)
        return result

    # ---- travelling -----------------------------------------------------------------------------------------------

    def declaration(
        self, launch: Launch, program: str, entry: str = "", *, key: str = "", doubts: tuple[str, ...] = ()
    ) -> TaskDeclaration:
        return super().declaration(launch, program, entry, key=key or self.code_key)

    def _launch(self, launch: Launch) -> Launch:
        # The worker itself is a process of this machine, whatever else was asked for: it starts the container.
        return replace(
            super()._launch(launch),
            image=self.image_spec,
            executor="docker",
            is_contained=True,
            files="",
            isolation="shared",
            reuse=None,
        )

    def to_bytes(self) -> bytes:
        """The task, whole, for another process."""
        if type(self).__module__.partition(".")[0] == _OURS:
            try:
                return pickle.dumps(self, 5)
            except Exception:  # a policy or a link of the notebook's own class
                pass
        from flytenb.codec.pickled import dumps  # loads cloudpickle

        return dumps(self)

    def _replaced(self, **changes: Any) -> Any:
        new = copy.copy(self)
        new.__dict__.pop("_interface", None)
        new.__dict__.update(changes)
        new.__post_init__()
        return new

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_interface", None)
        for name in ("docs", "links", "triggers"):
            state.pop(name, None)
        if isinstance(self.image, Image):
            state["image"] = replace(self.image, _spec=self.image_spec)
        return state


def _folder(path: str | Path) -> str:
    text = str(PurePosixPath(path))
    if not text.startswith("/") or text == "/" or ".." in text.split("/"):
        raise ValueError(
            f'"{path}" cannot be the folder of inputs or outputs; write a whole path such as "/var/inputs"'
        )
    return text


def _caller() -> tuple[str, int]:
    """Cell or file, and line, of the user's code that is declaring a task."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] != _OURS:
            return cell_or_file(frame.f_code.co_filename), frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return "", 0


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
