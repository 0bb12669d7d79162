"""`NotebookTask`: a notebook as a task. Also importable as `flyteplugins.papermill` after `flytenb.compat.install()`.

The cell tagged `parameters` receives the inputs; the cell tagged `outputs` ends with `record_outputs(name=value)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import os
import pickle
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from flytenb.client.belonging import VARIABLE, Batch
from flytenb.codec.annotations import codec_of
from flytenb.codec.codec import MismatchError
from flytenb.codec.declared import DeclaredInterface
from flytenb.codec.files import Dir, File
from flytenb.codec.interface import Interface
from flytenb.context import current_action
from flytenb.errors import RuntimeUserError
from flytenb.model.declaration import Launch, TaskDeclaration
from flytenb.sdk import report
from flytenb.sdk.template import TaskTemplate

__all__ = ["NotebookTask", "load_dataframe", "load_dir", "load_file", "record_outputs"]

#: Of the output of the cell that records the notebook's outputs.
MIME = "application/vnd.flytenb.outputs+json"
_PLAIN = (bool, int, float, str, type(None))
#: Engines of papermill whose client is nbclient's.
_OWN_ENGINES = (None, "nbclient", "papermill", "flytenb")


# ---- inside the notebook -------------------------------------------------------------------------------------------
class RecordedOutputs(dict[str, Any]):
    """What `record_outputs` gives; shown by the cell, it is read by the task."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {MIME: dict(self), "text/plain": repr(dict(self))}


def record_outputs(**values: Any) -> RecordedOutputs:
    """The last line of the cell tagged `outputs`: plain values, or File, Dir and DataFrame (or their paths).

    Raises:
        TypeError: a value that a notebook cannot hand on.
    """
    return RecordedOutputs({name: _plain(name, value) for name, value in values.items()})


def load_file(path: str) -> File[Any]:
    """The File that came in as this path."""
    return File(path=path)


def load_dir(path: str) -> Dir[Any]:
    """The Dir that came in as this path."""
    return Dir(path=path)


def load_dataframe(uri: str, fmt: str = "parquet") -> Any:
    """The frame that came in as this address, as pandas.

    Raises:
        ValueError: another format than parquet or csv.
    """
    import pandas

    if fmt not in ("parquet", "csv"):
        raise ValueError(f'load_dataframe(fmt="{fmt}"): write "parquet" or "csv"')
    return pandas.read_parquet(uri) if fmt == "parquet" else pandas.read_csv(uri)


def _plain(name: str, value: Any) -> Any:
    for attribute in ("path", "uri"):
        if isinstance(getattr(value, attribute, None), str) and not isinstance(value, _PLAIN):
            return getattr(value, attribute)
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(name, one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(name, one) for key, one in value.items()}
    raise TypeError(
        f'"{name}" is a {type(value).__name__}: a notebook takes and gives numbers, text, lists, dicts, None, and '
        "files by their path"
    )


# ---- the task ------------------------------------------------------------------------------------------------------
@dataclass(kw_only=True, eq=False, repr=False, init=False)
class NotebookTask(TaskTemplate[Any, Any, Any]):
    """A notebook as a sync task; the executed notebook is its report, also when it fails.

    Args:
        name: of the task, as it is.
        notebook_path: relative to the current folder; its text travels with the task.
        task_environment: resources, image, secrets and variables.
        inputs, outputs: name → type; all inputs are required.
        kernel_name, engine_name, start_timeout, execution_timeout, log_output, language: as papermill has them.
        report_mode: the report hides code.
        output_notebooks: adds the outputs `output_notebook` and `output_notebook_executed`, Files.
        engine_kwargs: further ones of papermill's engine.
        **settings: every setting of a task: cache, retries, timeout …

    Example:
        score = NotebookTask(
            name="score", notebook_path="score.ipynb", task_environment=env,
            inputs={"lr": float}, outputs={"loss": float},
        )
        flyte.run(score, lr=0.1).value()
    """

    __flytenb_whole__ = True

    task_type: str = "notebook"
    report: bool = True
    notebook_path: str = ""
    notebook_text: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    report_mode: bool = False
    output_notebooks: bool = False

    def __init__(
        self,
        *,
        name: str,
        notebook_path: str | Path,
        task_environment: Any,
        plugin_config: Any = None,
        inputs: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
        kernel_name: str | None = None,
        engine_name: str | None = None,
        log_output: bool = False,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        report_mode: bool = False,
        request_save_on_cell_execute: bool = True,
        progress_bar: bool = True,
        language: str | None = None,
        engine_kwargs: dict[str, Any] | None = None,
        output_notebooks: bool = False,
        **settings: Any,
    ) -> None:
        if plugin_config is not None:
            raise TypeError(f'task "{name}": plugin_config= is for Spark, which is not here; leave it out')
        for setting in ("image", "resources", "secrets", "env_vars", "executor", "isolation", "network"):
            value = getattr(task_environment, setting, None)
            if value is not None and setting not in settings:
                settings[setting] = value
        for setting, value in settings.items():
            if setting not in type(self).__dataclass_fields__:
                raise TypeError(f'task "{name}": a NotebookTask has no setting {setting}=')
            setattr(self, setting, value)
        self.name, self.parent_env_name = name, task_environment.name
        path = Path(notebook_path).expanduser().absolute()
        try:
            self.notebook_path, self.notebook_text = str(path), path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(
                f'task "{name}": the notebook {notebook_path} cannot be read: {error}; give its path'
            ) from error
        self.inputs, self.outputs = dict(inputs or {}), dict(outputs or {})
        self.report_mode, self.output_notebooks = report_mode, output_notebooks
        told = {"kernel_name": kernel_name, "engine_name": engine_name, "language": language}
        self.options = {key: value for key, value in told.items() if value is not None} | {
            "log_output": log_output, "start_timeout": start_timeout, "execution_timeout": execution_timeout,
            "request_save_on_cell_execute": request_save_on_cell_execute, **(engine_kwargs or {}),
        }  # fmt: skip
        self.__post_init__()

    @property
    def is_async(self) -> bool:
        return False

    @cached_property
    def _interface(self) -> Interface:
        files = {"output_notebook": File, "output_notebook_executed": File} if self.output_notebooks else {}
        return DeclaredInterface(self.inputs, {**self.outputs, **files}, self.name)

    @property
    def interface(self) -> Interface:
        return self._interface

    @property
    def place(self) -> tuple[str, int]:
        return self.notebook_path, 1

    @property
    def code_key(self) -> str:
        """The notebook's code, the types and how it is executed, as a key of the cache."""
        cells = [
            ("".join(cell["source"]), cell.get("metadata", {}).get("tags"))
            for cell in json.loads(self.notebook_text)["cells"]
            if cell["cell_type"] == "code"
        ]
        told = repr((cells, sorted((n, str(k)) for n, k in self.inputs.items()), list(map(str, self.outputs.items()))))
        return blake2b(
            f"flytenb.notebook/1\0{told}{sorted(self.options.items())!r}".encode(), digest_size=16
        ).hexdigest()

    def fingerprint(self) -> str:
        """Stands for the task in the key of code that calls it."""
        return f"{self.name}:{self.code_key}"

    def declaration(
        self, launch: Launch, program: str, entry: str = "", *, key: str = "", doubts: tuple[str, ...] = ()
    ) -> TaskDeclaration:
        return super().declaration(launch, program, entry, key=key or self.code_key)

    def to_bytes(self) -> bytes:
        """The task, whole, for another process."""
        try:
            return pickle.dumps(self, 5)
        except Exception:  # a type of the notebook's own
            from flytenb.codec.pickled import dumps

            return dumps(self)

    def _replaced(self, **changes: Any) -> Any:
        new = copy.copy(self)
        new.__dict__.pop("_interface", None)
        new.__dict__.update(changes)
        new.__post_init__()
        return new

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for name in ("_interface", "docs", "links", "triggers"):
            state.pop(name, None)
        return state

    # ---- running ---------------------------------------------------------------------------------------------------
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        names = [one.name for one in self.interface.parameters]
        values = dict(zip(names, self.interface.bind(args, kwargs), strict=True))
        with tempfile.TemporaryDirectory(prefix="flytenb-notebook-") as folder:
            source = Path(folder) / Path(self.notebook_path).name
            source.write_text(self.notebook_text, encoding="utf-8")
            target = _beside(self.notebook_path, folder)
            try:
                made = self._executed(source, target, {name: _given(name, one) for name, one in values.items()})
            finally:
                if current_action.get() is not None and target.exists():
                    with contextlib.suppress(Exception):  # a report must not hide what failed
                        report.replace(self._page(target))
                        report.flush()
            found = [self._output(name, kind, _recorded(made, self.name)) for name, kind in self.outputs.items()]
            if self.output_notebooks:
                found += [File.from_local_sync(str(source)), File.from_local_sync(str(target))]
        return None if not found else found[0] if len(found) == 1 else tuple(found)

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def _executed(self, source: Path, target: Path, values: dict[str, Any]) -> Any:
        from papermill.exceptions import PapermillExecutionError
        from papermill.execute import execute_notebook

        folder = os.path.dirname(self.notebook_path)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)  # papermill wants one of this thread
        try:
            return execute_notebook(
                str(source), str(target), values, progress_bar=False, report_mode=self.report_mode,
                cwd=folder if os.path.isdir(folder) else None, **{**_as_child(self.options), **self.options},
            )  # fmt: skip
        except PapermillExecutionError as error:
            words = f"cell {error.exec_count} of {self.notebook_path}: {error.ename}: {error.evalue}"
            raise RuntimeUserError(error.ename, words) from error
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def _page(self, target: Path) -> str:
        from nbconvert import HTMLExporter

        exporter: Any = HTMLExporter
        page, _ = exporter(template_name="basic", exclude_input=self.report_mode).from_filename(str(target))
        return str(page)

    def _output(self, name: str, kind: Any, recorded: dict[str, Any]) -> Any:
        if name not in recorded:
            known = ", ".join(recorded) or "nothing"
            raise TypeError(
                f'task "{self.name}": its notebook did not record the output "{name}" (it recorded {known}); end the '
                f"cell tagged `outputs` with record_outputs({name}=…)"
            )
        value = recorded[name]
        base = getattr(kind, "__origin__", kind)
        if base in (File, Dir) and isinstance(value, str):
            return (File if base is File else Dir).from_local_sync(value) if "://" not in value else base(path=value)
        try:
            return codec_of(kind).from_json(value)
        except MismatchError as error:
            raise TypeError(f'task "{self.name}", output "{name}": {error.sentence(name)}') from None


def _as_child(options: dict[str, Any]) -> dict[str, Any]:
    """How papermill starts the kernel so that what its cells start is below the action that runs here."""
    action = current_action.get()
    if action is None or action.mode == "local" or options.get("engine_name") not in _OWN_ENGINES:
        return {}
    if os.environ.get("FLYTENB_IN_CONTAINER"):
        return {}  # the engine is outside
    from jupyter_client.manager import AsyncKernelManager

    name = f"{action.run_name}.{action.name}"
    tries = [name, *(f"{name}-{number}" for number in range(2, action.attempt + 1))]
    belonging = Batch(
        tries[-1], tuple(tries[-2::-1]), worker=os.environ.get("FLYTENB_WORKER", ""),
        parent=f"{action.run_name}/{action.name}",
    )  # fmt: skip

    class Manager(AsyncKernelManager):
        async def _async_pre_start_kernel(self, **given: Any) -> Any:
            given["env"] = {**(given.get("env") or os.environ), VARIABLE: belonging.variable()}
            return await super()._async_pre_start_kernel(**given)

    return {"kernel_manager_class": Manager}


def _given(name: str, value: Any) -> Any:
    if isinstance(value, File) and "://" in str(value.path):
        return value.download_sync()
    return _plain(name, value)


def _beside(path: str, folder: str) -> Path:
    """`score-out.ipynb` beside the notebook, or where there is no such folder to write in, a temporary one."""
    whole = Path(path)
    wanted = whole.with_name(f"{whole.stem}-out.ipynb")
    return wanted if os.access(wanted.parent, os.W_OK) else Path(folder) / wanted.name


def _recorded(notebook: Any, task: str) -> dict[str, Any]:
    for cell in notebook.cells:
        if "outputs" in (cell.metadata.get("tags") or []):
            for output in cell.get("outputs") or ():
                if MIME in (output.get("data") or {}):
                    return dict(output["data"][MIME])
    return {}
