"""What an executing client tells of a notebook: to the run that mirrors it, and to who waits for it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flytenb.batches.plan import Plan
from flytenb.batches.skipping import Skipping
from flytenb.client.action import here
from flytenb.client.belonging import VARIABLE, Batch
from flytenb.client.hooks import notify_submitted
from flytenb.client.names import new_run_name
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.model.snapshot import RunRow

if TYPE_CHECKING:
    from flytenb.batches.mirror import Mirror

#: Characters of a cell's source and of its value that its action records.
_SOURCE, _SHOWN = 4000, 2000
#: Seconds that a cell has to end after it was interrupted, before its kernel is killed.
_GRACE_S = 5.0
#: Seconds between two looks at the runs that the kernel has started.
_LOOK_S = 0.25


class Following:
    """One execution of a notebook. The run begins while the kernel starts, and before the first cell does."""

    def __init__(self, plan: Plan, path: str, parameters: dict[str, Any], count: int) -> None:
        self._plan, self._path, self._parameters, self.count = plan, path, parameters, count
        self._folder = tempfile.TemporaryDirectory(prefix="flytenb-batch-")
        #: A file in which the kernel tells of its runs.
        self.told = os.path.join(self._folder.name, "runs")
        self.batch = Batch(plan.name or new_run_name(), tuple(plan.before), self.told)
        self.client: Any = None
        #: The action of a kernel that runs elsewhere.
        self.held: Any = None
        #: Why it was stopped, in words; "" while nobody did.
        self.stopped_by = ""
        self.runs: list[dict[str, Any]] = []
        self.number = 0
        self.skipping: Skipping | None = None
        if plan.skip_cells:
            self.skipping = Skipping(self.batch.name, self.batch.before)
        self._read = 0
        self._mirror: Future[Mirror] = Future()
        self._over = threading.Event()
        self._lock = threading.Lock()

    def variables(self) -> dict[str, str]:
        """For the environment of the kernel."""
        return {**self._plan.env_vars, VARIABLE: self.batch.variable()}

    def variables_in(self, folder: str, worker: str) -> dict[str, str]:
        """The same for a kernel elsewhere: of an action of this worker, in a folder that both see."""
        elsewhere = replace(self.batch, told=f"{folder}/runs", worker=worker, python=sys.executable, cwd=os.getcwd())
        return {**self._plan.env_vars, VARIABLE: elsewhere.variable()}

    def wait(self) -> None:
        """Until its run has begun.

        Raises:
            EngineError: it does not begin.
        """
        self._mirror.result()

    def note(self, words: str) -> None:
        """Something that a person should know."""
        self._say("note", words)

    def begin(self) -> None:
        """Start the run, beside the kernel's own start."""
        threading.Thread(target=self._start, name="flytenb-batch", daemon=True).start()
        threading.Thread(target=self._look, name="flytenb-batch-runs", daemon=True).start()
        if self._plan.timeout_s:
            threading.Thread(target=self._limit, name="flytenb-batch-limit", daemon=True).start()

    def _start(self) -> None:
        try:
            from flytenb.batches.mirror import Mirror

            notes = {"batch.notebook": _absolute(self._path), "batch.parameters": digest_of(self._parameters)}
            if self._plan.output:
                notes["batch.output"] = _absolute(self._plan.output)
            if self._plan.before:
                notes["batch.resumes"] = self._plan.before[0]
            self._mirror.set_result(
                Mirror(self._path, self._parameters, self.batch.name, self._on_abort, annotations=notes)
            )
        except BaseException as error:
            self._mirror.set_exception(error)

    # ---- cells -----------------------------------------------------------------------------------------------------
    def begin_cell(self, cell: Any) -> None:
        """A cell is about to be executed."""
        mirror = self._mirror.result()
        if self.stopped_by:
            raise RuntimeError(self.stopped_by)
        if not self.number:
            notify_submitted(mirror.run)  # from here, not from the thread that began it: a cell shows it live
        self.number += 1
        mirror.begin(self.number, cell.source[:_SOURCE], self.count)
        self._say("cell", self.number, self.count)

    def text(self, stream: str, text: str) -> None:
        """The cell writes."""
        if self._mirror.done():
            self._mirror.result().text(stream, text)

    def end_cell(self, cell: Any) -> None:
        """The cell is over."""
        self._hear()
        shown = _shown(cell)
        self._say("shown", shown)
        self._mirror.result().end(shown)

    def fail_cell(self, error: BaseException) -> None:
        """The cell raised, or its kernel died."""
        self._hear()
        if not self._mirror.done() or self._mirror.exception() is not None:
            return
        name = getattr(error, "ename", "") or type(error).__name__
        self._mirror.result().fail(name, str(getattr(error, "evalue", "") or error)[:_SHOWN])

    def end(self) -> None:
        """Nothing more is executed."""
        self._over.set()
        self._hear()
        if self.held is not None:
            self.held.close()
        with contextlib.suppress(FlytenbError, BaseRuntimeError, OSError):  # it never began: the first cell has said so
            self._mirror.result().close()
        self._folder.cleanup()
        self._say("end")

    # ---- runs of the kernel ----------------------------------------------------------------------------------------
    def _look(self) -> None:
        while not self._over.wait(_LOOK_S):
            self._hear()

    def _hear(self) -> None:
        """Runs that the kernel has told of since."""
        with self._lock, contextlib.suppress(OSError), open(self.told, encoding="utf-8") as file:
            file.seek(self._read)
            while (line := file.readline()).endswith("\n"):
                self._read = file.tell()
                told = json.loads(line)
                self.runs.append(told)
                self._say("run", told)
                words = "" if told["how"] == "started" else f" ({told['how']})"
                self.text("log", f"run {told['run']}: {told['task']}{words}\n")

    def _say(self, *step: Any) -> None:
        if self._plan.on_step is not None:
            self._plan.on_step(*step)

    # ---- being stopped ---------------------------------------------------------------------------------------------
    def _on_abort(self) -> None:
        if not self._over.is_set():
            self._stop(
                f"batch {self.batch.name} of {self._path} was aborted; `flytenb batch {self._path} --resume` goes on"
            )

    def _limit(self) -> None:
        if not self._over.wait(self._plan.timeout_s):
            self._stop(
                f"batch {self.batch.name} of {self._path} took longer than {self._plan.timeout_s:g} s; give it more "
                "with --timeout, or go on with --resume"
            )

    def _stop(self, why: str) -> None:
        if self.stopped_by:
            return
        self.stopped_by = why
        threading.Thread(target=self._end_kernel, name="flytenb-batch-stop", daemon=True).start()

    def _end_kernel(self) -> None:
        """Interrupt the kernel, abort its runs, kill the kernel when it goes on all the same."""
        self._signal(signal.SIGINT)
        if self.held is not None and not self.number:
            self.held.give_up(self.stopped_by)
        self._abort_runs()
        if not self._over.wait(_GRACE_S):
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        process = getattr(getattr(getattr(self.client, "km", None), "provisioner", None), "process", None)
        if process is not None:
            with contextlib.suppress(OSError):
                process.send_signal(number)

    def _abort_runs(self) -> None:
        self._hear()
        link, _ = here()
        for told in list(self.runs):
            with contextlib.suppress(FlytenbError, BaseRuntimeError):
                row: RunRow = link.query("run", RunRow, run=told["run"])
                if not row.ended_at:
                    link.query(
                        "abort", run=row.name, action="", group="", reason=f"its batch {self.batch.name} was stopped"
                    )


def digest_of(parameters: dict[str, Any]) -> str:
    """What tells batches of one notebook with other parameters apart."""
    import hashlib

    text = json.dumps(parameters, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _absolute(path: str) -> str:
    return path if "://" in path else os.path.realpath(path)


def _shown(cell: Any) -> str:
    for output in reversed(cell.get("outputs") or []):
        text = (output.get("data") or {}).get("text/plain")
        if text:
            return str(text)[:_SHOWN]
    return ""
