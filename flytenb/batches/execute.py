"""`flyte.batch`: a notebook executed unattended, as a run."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flytenb.batches import former
from flytenb.batches.parameters import checked, declared
from flytenb.batches.plan import Plan
from flytenb.client.names import new_run_name
from flytenb.client.run_handle import Run
from flytenb.errors import FlytenbError, RuntimeUserError

#: Hears ("cell", number, count), ("run", told), ("note", words), ("end",).
OnStep = Callable[..., None]


class BatchError(FlytenbError):
    """A notebook cannot be executed: its kernel, its file or its output."""


@dataclass(frozen=True, repr=False)
class BatchResult:
    """What came out of a batch.

    Attributes:
        name: of its run: `flytenb get run NAME`.
        notebook, output: addresses.
        parameters: as they were checked.
        cell_count: executed code cells.
        shown: the value that a cell showed last, as text.
        runs: what its cells started, reused or recovered: {"run", "task", "cell", "how"}.
        resumed: the batch that this one resumed; "" = none.
        notes: what a person should know.
    """

    name: str
    notebook: str
    output: str
    parameters: dict[str, Any]
    cell_count: int
    runs: list[dict[str, Any]]
    shown: str = ""
    resumed: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def run(self) -> Run:
        """The batch's run."""
        found: Run = Run.get(self.name)
        return found

    def __repr__(self) -> str:
        started = f"; its cells started {len(self.runs)} runs" if self.runs else ""
        taken = f", {len(self.reused)} of them taken over from batch {self.resumed}" if self.reused else ""
        return f"batch {self.name}: {self.cell_count} cells of {self.notebook} are in {self.output}{started}{taken}"

    @property
    def reused(self) -> list[str]:
        """Runs of the resumed batch that were not repeated."""
        return [told["run"] for told in self.runs if told["how"] == "reused"]


def batch(
    notebook: str | Path,
    output: str | Path | None = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    kernel: str | None = None,
    timeout: float | None = None,
    cell_timeout: int | None = None,
    retries: int = 0,
    resume: bool | str = False,
    skip_cells: bool = False,
    name: str | None = None,
    cwd: str | Path | None = None,
    env: Any = None,
    env_vars: Mapping[str, str] | None = None,
    on_step: OnStep | None = None,
    is_text: bool = False,
) -> BatchResult:
    """Execute a notebook: the batch is a run, each code cell an action; returns when it has ended.

    Args:
        notebook: path or address (s3://, gs://, …).
        output: the executed notebook, readable at any time; None = `NAME-out.ipynb` beside the notebook.
        parameters: typed by the annotations of the cell tagged `parameters`.
        kernel: name of the kernel; None = the notebook's.
        timeout: seconds for the whole notebook.
        cell_timeout: seconds for each cell.
        retries: how often a batch that failed is resumed at once.
        resume: True takes what the last interrupted batch of this notebook and these parameters has; a name that batch.
        skip_cells: also take over its cells that were recorded (their outputs and the names that they define) and whose
            inputs are equal, instead of running them; and record cells, so that a next batch can. What else they do
            (files, messages) nobody sees.
        name: of the run.
        cwd: the kernel's folder; None = this process's.
        env: a `flyte.TaskEnvironment` (or the name of one): the kernel runs there, in a container with its image and
            resources or in a process with its software; None = a process of this machine.
        env_vars: more variables for the kernel.
        on_step: hears of cells, runs and notes.
        is_text: the parameters come from a command line.

    Raises:
        ParameterError: no such parameter, or a value of another type.
        BatchError: no such notebook or kernel, or the output cannot be written.
        OutputTaken: another batch writes there.
        RuntimeUserError: a cell failed (its own code), or the batch was stopped (BatchStopped).

    Example:
        flyte.batch("train.ipynb", "out/train.ipynb", {"lr": 0.1}, retries=1)
    """
    path, target = str(notebook), str(output or default_output(str(notebook)))
    node, digest = _read(path)
    values = checked(parameters or {}, declared(node["cells"]), path, is_text=is_text)
    environment = None
    if env is None:
        _check_kernel(path, node, kernel)
    else:
        from flytenb.batches.kernels.environment import environment_of

        environment = environment_of(env)
        if skip_cells:
            raise BatchError("skip_cells=True needs a kernel of this machine; leave out env=, or skip_cells=")
    _check_output(path, target)
    before = former.chain(path, values, resume)
    said = _say(on_step)
    if before:
        said("note", f"resumes batch {before[0]}")
    elif resume:
        said("note", "nothing to resume: no batch of this notebook with these parameters was interrupted")
    ident = name or new_run_name()
    options = {
        "kernel_name": kernel or None,
        "execution_timeout": cell_timeout,
        "cwd": str(cwd) if cwd else None,
    }
    for attempt in range(retries + 1):
        told = _Told(on_step)
        try:
            plan = Plan(
                name=ident, before=before, on_step=told, parameters=values, path=path, timeout_s=timeout or 0.0,
                environment=environment, env_vars=dict(env_vars or {}), skip_cells=skip_cells,
            )  # fmt: skip
            _execute(path, target, plan, told, options)
        except RuntimeUserError as error:
            if attempt == retries or error.code == "BatchStopped":
                raise
            said("note", f"{error}; attempt {attempt + 2} of {retries + 1} resumes batch {ident}")
            before = (ident, *before)
            ident = f"{name}-{attempt + 2}" if name else new_run_name()
            continue
        break
    notes = _changed(path, digest)
    for words in notes:
        said("note", words)
    resumed = before[0] if before else ""
    return BatchResult(ident, path, target, values, told.cells, told.runs, told.shown, resumed, notes)


def default_output(notebook: str) -> str:
    """`train-out.ipynb` beside `train.ipynb`."""
    return f"{notebook.removesuffix('.ipynb')}-out.ipynb"


class _Told:
    """Keeps what was told."""

    def __init__(self, on_step: OnStep | None) -> None:
        self._on_step = on_step
        self.runs: list[dict[str, Any]] = []
        self.cells = 0
        self.shown = ""

    def __call__(self, kind: str, *values: Any) -> None:
        if kind == "run":
            self.runs.append(values[0])
        elif kind == "cell":
            self.cells = values[0]
        elif kind == "shown":
            self.shown = values[0] or self.shown
        if self._on_step is not None:
            self._on_step(kind, *values)


def _say(on_step: OnStep | None) -> OnStep:
    return on_step if on_step is not None else lambda *_: None


def _execute(path: str, target: str, plan: Plan, told: _Told, options: dict[str, Any]) -> None:
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import execute_notebook

    from flytenb.batches.papermill_engine import BatchStopped, FlytenbEngine

    register(FlytenbEngine)
    name, values = plan.name, plan.parameters
    logging.getLogger("papermill").setLevel(logging.WARNING)
    try:
        execute_notebook(
            path, target, values, engine_name="flytenb", progress_bar=False, plan=plan,
            **{key: value for key, value in options.items() if value is not None},
        )  # fmt: skip
    except PapermillExecutionError as error:
        words = f"batch {name}: cell {error.exec_count} of {path} failed: {error.ename}: {error.evalue}; see {target}"
        raise RuntimeUserError(error.ename, words) from error
    except BatchStopped as error:
        raise RuntimeUserError("BatchStopped", str(error)) from error
    except Exception as error:
        kind = type(error).__name__
        if kind == "DeadKernelError":
            words = (
                f"batch {name}: the kernel of {path} died in cell {told.cells}; `flytenb batch {path} --resume` goes on"
            )
        elif kind == "CellTimeoutError":
            words = f"batch {name}: cell {told.cells} of {path} took longer than its limit; see {target}"
        else:
            raise
        raise RuntimeUserError(kind, words) from error


def register(engine: Any) -> None:
    """papermill knows the engine also where the package's entry points are not installed."""
    from papermill.engines import papermill_engines

    papermill_engines.register("flytenb", engine)


# ---- what is refused before anything runs --------------------------------------------------------------------------
def _read(path: str) -> tuple[Any, str]:
    from papermill.iorw import load_notebook_node, papermill_io

    from flytenb.batches import papermill_engine, papermill_places

    assert papermill_engine  # it adds the addresses that papermill lacks
    papermill_places.prefer_fsspec()
    if "://" not in path and not os.path.isfile(path):
        raise BatchError(f"there is no notebook {path}; give the path or the address of an .ipynb file")
    try:
        text = papermill_io.read(path)
        return load_notebook_node(path), _digest(text)
    except FileNotFoundError as error:
        raise BatchError(f"there is no notebook {path}; give the path or the address of an .ipynb file") from error
    except FlytenbError:
        raise
    except Exception as error:
        raise BatchError(
            f"{path} is not a notebook: {(str(error).splitlines() or [type(error).__name__])[0]}"
        ) from error


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode()).hexdigest()


def _changed(path: str, digest: str) -> list[str]:
    from papermill.iorw import papermill_io

    try:
        is_same = _digest(papermill_io.read(path)) == digest
    except Exception:
        is_same = False
    return (
        [] if is_same else [f"{path} was changed while the batch ran: the output is of the notebook as it was before"]
    )


def _check_kernel(path: str, node: Any, kernel: str | None) -> None:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    wanted = kernel or (node["metadata"].get("kernelspec") or {}).get("name")
    manager = KernelSpecManager()
    if not wanted:
        raise BatchError(f"{path} names no kernel; name one with --kernel: {', '.join(manager.find_kernel_specs())}")
    try:
        manager.get_kernel_spec(wanted)
    except NoSuchKernel:
        there = ", ".join(sorted(manager.find_kernel_specs())) or "none"
        raise BatchError(
            f'{path} needs the kernel "{wanted}", which is not installed; name another with --kernel: {there}'
        ) from None


def _check_output(path: str, target: str) -> None:
    if target == "-":
        return
    if "://" in target:
        _check_address(path, target)
        return
    folder = os.path.dirname(os.path.abspath(target))
    if os.path.isdir(target):
        raise BatchError(
            f"the output {target} is a folder; give a file: {os.path.join(target, os.path.basename(path))}"
        )
    if not os.path.isdir(folder):
        raise BatchError(f"the output's folder {folder} does not exist; make it, or give another output")
    if os.path.exists(target) and os.path.realpath(target) == os.path.realpath(path):
        raise BatchError(f"the output {target} is the notebook itself; give another file")
    if not os.access(target if os.path.exists(target) else folder, os.W_OK) or not os.access(folder, os.W_OK):
        raise BatchError(f"the output {target} cannot be written: permission denied; give another output")


def _check_address(path: str, target: str) -> None:
    """An address is tried by what it is for: it holds the notebook, not yet executed, before anything runs."""
    from papermill.iorw import papermill_io

    if target == path:
        raise BatchError(f"the output {target} is the notebook itself; give another address")
    from flytenb.batches.outputs import claimed

    try:
        with claimed(target):
            papermill_io.write(papermill_io.read(path), target)
    except FileNotFoundError as error:
        raise BatchError(
            f"the output {target} cannot be written: its bucket or folder does not exist; make it, or give another"
        ) from error
    except FlytenbError:
        raise
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise BatchError(f"the output {target} cannot be written: {words}; give another output") from error
