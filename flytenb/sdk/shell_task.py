"""`flyte.extras.shell.create`: a script for the programs of an image, as a task with typed inputs and outputs."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flytenb.codec.file import File
from flytenb.codec.folder import Dir
from flytenb.sdk.container_task import ContainerTask, Job
from flytenb.sdk.image import Image
from flytenb.sdk.resources import Resources
from flytenb.sdk.secret import SecretRequest
from flytenb.sdk.shell_script import Rendering, check_script
from flytenb.sdk.shell_types import FlagSpec, Glob, OutputSpec, Stderr, Stdout, kind_of, output_type

if TYPE_CHECKING:
    from flytenb.sdk.environment import TaskEnvironment

UserValue = Any
#: Of the script, in the folder of inputs: no input can have this name.
_SCRIPT = ".script"
_IS_KIND = {"bool": bool, "file": File, "dir": Dir, "files": list, "dict": dict}


@dataclass(kw_only=True, eq=False, repr=False, init=False)
class ShellTask(ContainerTask):
    """A script that runs in a container. Made by `flyte.extras.shell.create`."""

    task_type: str = "raw-container"
    script: str = ""
    collectors: dict[str, OutputSpec] = field(default_factory=dict)
    flag_aliases: dict[str, FlagSpec] = field(default_factory=dict)
    shell: str = "/bin/bash"
    debug: bool = False

    def __init__(
        self,
        name: str,
        image: str | Image,
        script: str,
        inputs: dict[str, Any],
        outputs: dict[str, OutputSpec],
        **settings: Any,
    ) -> None:
        self.flag_aliases = {}
        self._start(name, image, settings)
        self.script, self.inputs, self.collectors = script, dict(inputs), dict(outputs)
        self.command, self.arguments = [], []
        self.file_input_layout = "NAMED_DIR"  # programs look at the endings of names
        subject = f'task "{name}"'
        self._kinds = {one: kind_of(one, kind) for one, kind in self.inputs.items()}
        self.outputs = {one: output_type(one, spec) for one, spec in self.collectors.items()}
        for one, alias in self.flag_aliases.items():
            if one not in self.inputs:
                raise ValueError(f'{subject}: flag_aliases names "{one}", which is no input ({", ".join(self.inputs)})')
            self.flag_aliases[one] = FlagSpec.coerce(one, alias)
        self._check_defaults(subject)
        free = {one: None for one, (_, is_optional) in self._kinds.items() if is_optional}
        self.defaults = {**free, **self.defaults}
        written = {one: not isinstance(spec, (Stdout, Stderr)) for one, spec in self.collectors.items()}
        check_script(script, self.inputs, written, subject)
        self.__post_init__()

    def _check_defaults(self, subject: str) -> None:
        for name, value in self.defaults.items():
            if name not in self.inputs:
                raise ValueError(f'{subject}: defaults names "{name}", which is no input ({", ".join(self.inputs)})')
            if value is None:
                raise ValueError(f'{subject}: defaults["{name}"]=None says nothing; declare the input as … | None')
            kind, _ = self._kinds[name]
            wanted: Any = _IS_KIND.get(kind, (int, float, str))
            if not isinstance(value, wanted) or (kind == "scalar" and isinstance(value, bool)):
                raise TypeError(f'{subject}: defaults["{name}"]={value!r} is no {self.inputs[name]!r}')

    # ---- as Flyte shows it ----------------------------------------------------------------------------------------

    def as_task(self) -> ShellTask:
        """The same task with its folders of files (`Glob`) as a `Dir`."""
        new = copy.copy(self)
        new.__dict__.pop("_interface", None)
        globs = {name: Dir for name, spec in self.collectors.items() if isinstance(spec, Glob)}
        new.outputs = {**self.outputs, **globs}
        return new

    @property
    def env(self) -> TaskEnvironment:
        """An environment of its own, for `depends_on=`."""
        found: TaskEnvironment | None = self.__dict__.get("_env")
        if found is None:
            from flytenb.sdk.environment import TaskEnvironment  # which knows tasks

            task = self.as_task()
            found = self.__dict__["_env"] = TaskEnvironment.from_task(self.name, task)
        return found

    # ---- running --------------------------------------------------------------------------------------------------

    def job(self, values: Mapping[str, UserValue]) -> Job:
        script = self._rendering(values).script(self.script)
        if self.shell.endswith("bash"):
            script = f"set -o pipefail\n{script}"
        collectors = self.collectors.items()
        streams = {
            stream: name
            for stream, kind in (("stdout", Stdout), ("stderr", Stderr))
            for name, spec in collectors
            if isinstance(spec, kind)
        }
        return Job(
            [f"{self.input_data_dir}/{_SCRIPT}"],
            entrypoint=[self.shell],
            files={_SCRIPT: script.encode("utf-8", "surrogateescape")},
            folders=tuple(name for name, spec in collectors if isinstance(spec, Glob) or spec is Dir),
            streams=streams,
            patterns={name: spec.pattern for name, spec in collectors if isinstance(spec, Glob)},
            notice=f"the script of {self.name}:\n{script}\n" if self.debug else "",
        )

    def _rendering(self, values: Mapping[str, UserValue]) -> Rendering:
        return Rendering(
            values=values,
            kinds={name: kind for name, (kind, _) in self._kinds.items()},
            flags={name: FlagSpec.coerce(name, self.flag_aliases.get(name)) for name in self.inputs},
            paths=lambda name: self.files.paths(name, values[name]),
            output_folder=self.output_data_dir,
        )

    def _counted(self) -> Any:
        flags = sorted((name, repr(spec)) for name, spec in self.flag_aliases.items())
        return super()._counted(), self.script, self.shell, flags, repr(self.collectors)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_env", None)
        return state


def create(
    name: str,
    *,
    image: str | Image,
    inputs: dict[str, Any] | None = None,
    outputs: dict[str, OutputSpec] | None = None,
    script: str,
    flag_aliases: dict[str, Any] | None = None,
    defaults: dict[str, Any] | None = None,
    shell: str = "/bin/bash",
    debug: bool = False,
    resources: Resources | None = None,
    retries: int = 0,
    timeout: timedelta | float | None = None,
    cache: Any = "auto",
    env_vars: dict[str, str] | None = None,
    secrets: SecretRequest | None = None,
    local_logs: bool = True,
    **settings: Any,
) -> ShellTask:
    """A script for the programs of an image, as a task.

    Args:
        name: of the task.
        image: a `flyte.Image` or the name of an image; it needs the shell, and no Python.
        inputs: name → File, Dir, list[File], dict[str, str], int, float, str, bool, or one of them `| None`.
        outputs: name → File, Dir, int, float, str, bool, `Glob`, `Stdout` or `Stderr`.
        script: in it stand `{inputs.x}` for a value (already quoted) or the path of a file, `{flags.x}` for the input
            as an option of a program, and `{outputs.x}` for the path to write to.
        flag_aliases: input → its option (`"--threads"`), the option and a mode (`("-I", "repeat")`), or a `FlagSpec`;
            default `-x`.
        defaults: values of inputs that a caller need not give. Inputs `| None` have None.
        shell: what runs the script.
        debug: the script goes to the log before it runs.
        resources: default one core and 1Gi.
        retries, timeout, cache, env_vars, secrets, local_logs, **settings: as of every `ContainerTask`.

    Returns:
        A task: `await tool(a=…)` in another task, `flyte.run(tool, a=…)` outside.

    Example:
        count = create(
            "count", image="debian:12-slim", inputs={"text": File, "words": bool}, outputs={"n": Stdout(int)},
            script="wc {flags.words} < {inputs.text}", flag_aliases={"words": "-w"},
        )

    Raises:
        ValueError: the script names what is not there.
        TypeError: a type that a script cannot have.
    """
    return ShellTask(
        name,
        image,
        script,
        inputs or {},
        outputs or {},
        flag_aliases=dict(flag_aliases or {}),
        defaults=dict(defaults or {}),
        shell=shell,
        debug=debug,
        resources=resources or Resources(cpu=1, memory="1Gi"),
        retries=retries,
        timeout=timeout,
        cache=cache,
        env_vars=env_vars,
        secrets=secrets,
        local_logs=local_logs,
        **settings,
    )
