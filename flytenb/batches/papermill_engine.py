"""papermill's engine `flytenb`: papermill's own client, that also tells a run of every cell.

papermill loads this module whenever it is imported itself: nothing of ours is imported before the engine is used.
"""

from __future__ import annotations

import json
import os
from typing import Any

import nbformat
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine
from papermill.exceptions import PapermillException
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from flytenb.batches import papermill_places
from flytenb.batches.plan import Plan

papermill_places.register()

#: For papermill's command line, which has no option for it: 1, or the name of a batch.
RESUME = "FLYTENB_BATCH_RESUME"


class BatchStopped(PapermillException):  # type: ignore[misc]
    """The batch's run was aborted, or took too long."""


class Client(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's client, followed by a run."""

    def __init__(self, nb_man: Any, following: Any, **options: Any) -> None:
        super().__init__(nb_man, **options)
        self.following = following

    def execute(self, **options: Any) -> Any:
        """As papermill does it; the kernel learns whose it is."""
        environment = {**(options.pop("env", None) or os.environ), **self.following.variables()}
        following = self.following
        following.client = self
        following.begin()
        is_whole = False
        try:
            done = super().execute(env=environment, **options)
        except Exception as error:
            if following.stopped_by:
                raise BatchStopped(following.stopped_by) from error
            raise
        else:
            if following.stopped_by:
                raise BatchStopped(following.stopped_by)
            is_whole = not any(_has_failed(cell) for cell in self.nb.cells)
            return done
        finally:
            if following.skipping is not None:
                if words := following.skipping.words():
                    following.note(words)
                following.skipping.close(is_whole=is_whole)
            following.end()

    def execute_cell(self, cell: Any, cell_index: int, *args: Any, **options: Any) -> Any:
        """One cell; what it shows goes to its action."""
        if not _is_executed(cell, self.skip_cells_with_tag):
            return super().execute_cell(cell, cell_index, *args, **options)
        following = self.following
        following.begin_cell(cell)
        if self._is_restored(cell):
            following.end_cell(cell)
            return cell
        try:
            done = super().execute_cell(cell, cell_index, *args, **options)
        except BaseException as error:
            following.fail_cell(error)
            raise
        if following.skipping is not None:
            following.skipping.keep(following.number, cell.source, cell.outputs, self._value)
        following.end_cell(cell)
        return done

    def _is_restored(self, cell: Any) -> bool:
        """Whether the cell need not run; then it shows what it showed."""
        following = self.following
        if following.skipping is None:
            return False
        outputs = following.skipping.restore(following.number, cell.source, self._value)
        if outputs is None:
            return False
        following.text("log", f"skipped: what it took is as in batch {following.batch.before[0]}\n")
        made: Any = nbformat
        cell.outputs = [made.from_dict(one) for one in outputs]
        cell.execution_count = following.number
        return True

    def _value(self, expression: str) -> str:
        """The value of an expression in the kernel, as it is shown; "" when there is none."""
        asked = self.kc.execute("", silent=True, store_history=False, user_expressions={"value": expression})
        reply = self.wait_for_reply(asked) or {"content": {}}
        told = reply["content"].get("user_expressions", {}).get("value", {})
        return str(told.get("data", {}).get("text/plain", ""))

    def process_message(self, message: Any, *args: Any, **options: Any) -> Any:
        """As papermill does it; text goes to the log of the cell's action too."""
        if message.get("msg_type") == "stream":
            self.following.text(message["content"]["name"], message["content"]["text"])
        return super().process_message(message, *args, **options)


class FlytenbEngine(NBClientEngine):  # type: ignore[misc]
    """`papermill in.ipynb out.ipynb --engine flytenb`."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, output_path: str | None = None, **options: Any) -> Any:
        """As papermill does it, on an output that nobody else writes and that can be read at any time."""
        from flytenb.batches.outputs import claimed

        papermill_places.write_whole_files()
        with claimed(output_path):
            return super().execute_notebook(nb, kernel_name, output_path=output_path, **options)

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        plan: Plan | None = None,
        **options: Any,
    ) -> Any:
        """As papermill's own engine, with a client that tells a run."""
        from flytenb.batches.following import Following

        mine = plan or Plan()
        told = nb_man.nb.metadata.get("papermill") or {}
        path = mine.path or str(options.get("input_path") or told.get("input_path") or "notebook")
        mine.output = mine.output or str(told.get("output_path") or "")
        parameters = json.loads(json.dumps(mine.parameters or told.get("parameters") or {}, default=str))
        if plan is None and (resume := os.environ.get(RESUME, "")) not in ("", "0"):
            from flytenb.batches.former import chain

            mine.before = chain(path, parameters, True if resume == "1" else resume)
        final = merge_kwargs(
            remove_args(["timeout", "startup_timeout", "input_path"], **options),
            timeout=execution_timeout if execution_timeout else options.get("timeout"),
            startup_timeout=start_timeout,
            kernel_name=kernel_name,
            log=logger,
            log_output=log_output,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
        )
        count = sum(
            1 for cell in nb_man.nb.cells if _is_executed(cell, final.get("skip_cells_with_tag", "skip-execution"))
        )
        following = Following(mine, path, parameters, count)
        if mine.environment is not None:
            from flytenb.batches.kernels.provisioner import Held, manager_of

            following.held = Held(mine.environment, following)
            final["kernel_manager_class"] = manager_of(following.held)
        return Client(nb_man, following, **final).execute()


def _has_failed(cell: Any) -> bool:
    return any(output.output_type == "error" for output in cell.get("outputs") or ())


def _is_executed(cell: Any, skipped: str) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip()) and skipped not in (cell.metadata.get("tags") or [])
