"""The magics. Each is one line over a function of `commands` or `tasks`; a refusal is one line, not a traceback."""

from __future__ import annotations

from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_cell_magic, line_magic, magics_class

from flytenb.notebook import beside, commands, options, where
from flytenb.notebook.hooks import CellHooks
from flytenb.notebook.tasks import CellTasks, Submit


@magics_class
class FlyteMagics(Magics):
    """Tasks, runs and the engine from a cell's first line."""

    def __init__(self, shell: Any, tasks: CellTasks, hooks: CellHooks, submit: Submit) -> None:
        super().__init__(shell)
        self._shell = shell
        self._tasks, self._hooks, self._submit = tasks, hooks, submit

    @cell_magic
    def flyte_task(self, line: str, cell: str) -> None:
        """Make the functions of this cell tasks, or the cell itself with a name.

        %%flyte_task [--env ENV] [--cache auto] [--retries 2] [--timeout 60] [--report] [--run] [-o run]
        %%flyte_task --name train --inputs lr,df --outputs model,acc [--run]

        The same as a comment that linters do not see:  # %flyte task --env ENV
        """
        raise UsageError("%%flyte_task must stand in the first line of the cell")

    @line_cell_magic
    def flyte_env(self, line: str, cell: str | None = None) -> None:
        """Declare an environment, also as a variable of its name.

        %flyte_env prep --cpu 2 --memory 2Gi [--gpu 1] [--disk 10Gi] [--image IMAGE] [--cache auto]
        """
        self._tasks.declare_environment(line)
        if cell is not None and cell.strip():
            self._shell.run_cell(cell)

    @line_magic
    def flyte_run(self, line: str) -> None:
        """Run a task of this notebook: %flyte_run search cs=[0.1, 1] [-o run] [--name N] [--overwrite-cache]"""
        run, name = commands.run(self._submit, self._shell.user_ns, line)
        if name:
            self._shell.user_ns[name] = run

    @line_magic
    def flyte_export(self, line: str) -> None:
        """Write this notebook as a script: %flyte_export [script.py] [--target flytenb|flyte] [--notebook nb.ipynb]"""
        parsed = options.parse("%flyte_export", line, ("target", "notebook"), words=1)
        words = parsed.words[0] if parsed.words else ""
        print(commands.export(self._shell, words, parsed.get("target", "flytenb"), parsed.get("notebook")))

    @line_magic
    def flyte_slim(self, line: str) -> None:
        """Make the views in the saved notebook small: %flyte_slim [notebook.ipynb]"""
        parsed = options.parse("%flyte_slim", line, (), words=1)
        print(commands.slim(self._shell, parsed.words[0] if parsed.words else ""))

    @line_magic
    def flyte_show(self, line: str) -> None:
        """Show a run here: %flyte_show [last | RUN]"""
        parsed = options.parse("%flyte_show", line, (), words=1)
        self._hooks.show(commands.show(parsed.words[0] if parsed.words else "last"))

    @line_magic
    def flyte_runs(self, line: str) -> Any:
        """The newest runs: %flyte_runs [-n 20] [--phase failed] [--task digits.search]"""
        parsed = options.parse("%flyte_runs", line, ("n", "phase", "task"), words=0)
        limit = parsed.get("n", "20")
        if not limit.isdigit():
            raise UsageError(f"%flyte_runs: -n takes a number, got {limit!r}")
        return commands.runs(int(limit), parsed.get("phase"), parsed.get("task"))

    @line_magic
    def flyte_cancel(self, line: str) -> None:
        """Abort a run: %flyte_cancel [last | RUN]"""
        parsed = options.parse("%flyte_cancel", line, (), words=1)
        print(commands.cancel(parsed.words[0] if parsed.words else "last"))

    @line_magic
    def flyte_signal(self, line: str) -> None:
        """Answer what a run asks: %flyte_signal [RUN][/CONDITION] VALUE"""
        parsed = options.parse("%flyte_signal", line, (), words=2)
        if not parsed.words:
            raise UsageError("%flyte_signal: say the answer: %flyte_signal RUN/CONDITION true")
        *target, value = parsed.words
        print(commands.signal(target[0] if target else "", value))

    @line_magic
    def flyte_recover(self, line: str) -> None:
        """Take what succeeded, run the rest: %flyte_recover [RUN] [n=5] [--force a3] [--trust fit] [-o run]"""
        run, name = commands.recover(self._shell.user_ns, line)
        if name:
            self._shell.user_ns[name] = run

    @line_magic
    def flyte_spin(self, line: str) -> None:
        """One action again with today's code: %flyte_spin [RUN/]ACTION [i=3] [-o run]"""
        run, name = commands.spin(self._shell.user_ns, line)
        if name:
            self._shell.user_ns[name] = run

    @line_magic
    def flyte_debug(self, line: str) -> Any:
        """Look at a failure: frames, and what their variables held: %flyte_debug [RUN | RUN/ACTION | ACTION]"""
        return commands.debug(line, self._shell)

    @line_magic
    def flyte_logs(self, line: str) -> None:
        """What a run wrote: %flyte_logs [last | RUN] [ACTION] [-n 1000]"""
        parsed = options.parse("%flyte_logs", line, ("n",), words=2)
        words = [*parsed.words, "", ""]
        limit = parsed.get("n", "1000")
        if not limit.isdigit():
            raise UsageError(f"%flyte_logs: -n takes a number, got {limit!r}")
        print(commands.logs(words[0] or "last", words[1], int(limit)))

    @line_magic
    def flyte_why(self, line: str) -> Any:
        """Why actions were taken from the cache or not: %flyte_why [last | RUN] [ACTION]"""
        parsed = options.parse("%flyte_why", line, (), words=2)
        words = [*parsed.words, "", ""]
        return commands.why(words[0] or "last", words[1])

    @line_magic
    def flyte_plan(self, line: str) -> Any:
        """What a run would take from the cache, and how long it would take: %flyte_plan search cs=[0.1, 1]"""
        return commands.plan(self._shell.user_ns, line)

    @cell_magic
    def flyte_exec(self, line: str, cell: str) -> None:
        """Run this cell in the container of an action that runs, or that failed and was kept (keep_on_failure=True).

        %%flyte_exec RUN/ACTION [--shell]

        Its exit status is `_exit_code` afterwards.
        """
        cell_name = f"Cell In[{where.cell_number(self._shell)}]"
        self._shell.user_ns["_exit_code"] = beside.execute(line, cell, cell_name)

    @line_magic
    def flyte_resources(self, line: str) -> Any:
        """CPUs, memory and GPUs: who holds them, kernels included, and who waits for what."""
        options.parse("%flyte_resources", line, (), words=0)
        return commands.resources()

    @line_magic
    def flyte_doctor(self, line: str) -> None:
        """Check the engine, the state directory and this kernel."""
        print(commands.doctor(self._shell))
