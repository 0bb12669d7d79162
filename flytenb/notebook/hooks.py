"""What happens around each cell: the registry learns what ran, interrupts get through, headless runs are waited for."""

from __future__ import annotations

import asyncio
import linecache
import sys
import threading
from typing import Any

from flytenb.capture.registry import registry
from flytenb.client.interrupts import UNWATCHED_REASON
from flytenb.notebook import headless, where
from flytenb.notebook.display import displays
from flytenb.notebook.interrupts import KernelInterrupts
from flytenb.views import text, tree

#: Seconds between two wake-ups of the loop while a cell runs.
_BEAT_S = 0.1


class CellHooks:
    """Callbacks of one shell. Silent executions do not reach them."""

    def __init__(self, ip: Any) -> None:
        self._ip = ip
        self._depth = 0
        self._count = -1
        self._cell_id = ""
        self._beat: asyncio.TimerHandle | None = None
        self._cache: Any = None
        #: Runs that the running cell has submitted.
        self._submitted: list[Any] = []
        self._is_headless = False
        self._interrupts = KernelInterrupts() if getattr(ip, "kernel", None) is not None else None

    def install(self) -> None:
        """Begin listening."""
        self._ip.events.register("pre_run_cell", self.pre_run_cell)
        self._ip.events.register("post_run_cell", self.post_run_cell)
        self._cache = self._ip.compile.cache
        self._ip.compile.cache = self._compiled
        if self._interrupts is not None:
            self._interrupts.install()
        running = self._adopt_cells()
        # The cell that loads the extension is running already.
        self._begin("")
        for filename, source in running:
            registry.record_compile(filename, source, where.cell_number(self._ip), "")

    def remove(self) -> None:
        """Stop listening."""
        self._ip.events.unregister("pre_run_cell", self.pre_run_cell)
        self._ip.events.unregister("post_run_cell", self.post_run_cell)
        if self._ip.compile.__dict__.get("cache") == self._compiled:
            del self._ip.compile.cache
        self._stop_beat()
        if self._interrupts is not None:
            self._interrupts.remove()

    def pre_run_cell(self, info: Any = None) -> None:
        """A cell, or a cell inside a magic, is about to run."""
        count = self._ip.execution_count
        if self._depth and count == self._count:
            self._depth += 1
            registry.sync(self._ip.user_ns)
            return
        self._begin(getattr(info, "cell_id", None) or "")

    def post_run_cell(self, result: Any = None) -> None:
        """The cell ended; `result` is None when it was cancelled."""
        if self._depth > 1:
            self._depth -= 1
            registry.sync(self._ip.user_ns)
            return
        self._depth = 0
        self._stop_beat()
        try:
            registry.post_cell(self._ip.user_ns)
        finally:
            submitted, self._submitted = self._submitted, []
            if submitted and self._is_headless:
                self._finish(submitted, result)
            if self._interrupts is not None:
                self._interrupts.end_cell()

    @property
    def is_running(self) -> bool:
        """Whether a cell runs now."""
        return self._depth > 0

    def submitted(self, run: Any) -> None:
        """A run was submitted by this process: show it in the running cell."""
        if threading.current_thread() is not threading.main_thread() or not self._depth:
            return  # output of a thread would land in whatever cell runs
        self._submitted.append(run)
        self.show(run)

    def show(self, run: Any) -> None:
        """Show a run where the cell's output is."""
        if getattr(self._ip, "kernel", None) is None:
            # A terminal cannot redraw: one line, and the view on request.
            print(text.state_line(tree.view(run.snapshot())))
            displays.last = run.name
            return
        displays.of(run).show(self._ip.execution_count)

    def _adopt_cells(self) -> list[tuple[str, str]]:
        """Cells that ran before the extension was loaded are known by their numbers too; returns the running one's."""
        running, now = [], where.cell_number(self._ip)
        for name, number in dict(getattr(self._ip.compile, "_filename_map", {})).items():
            text = "".join(linecache.getlines(name))
            if number == now:
                running.append((name, text))
            elif text:
                registry.record_compile(name, text, number, "")
        return running

    def _begin(self, cell_id: str) -> None:
        self._depth, self._count, self._cell_id = 1, self._ip.execution_count, cell_id
        self._submitted = []
        self._is_headless = headless.is_headless(self._ip)
        if self._interrupts is not None:
            self._interrupts.begin_cell(is_headless=self._is_headless)
        registry.pre_cell(self._ip.user_ns)
        self._start_beat()

    def _compiled(self, transformed_code: str, number: int = 0, raw_code: str | None = None) -> str:
        name: str = self._cache(transformed_code, number, raw_code)
        if self._depth:
            registry.record_compile(name, transformed_code, number or self._ip.execution_count, self._cell_id)
        return name

    def _start_beat(self) -> None:
        # While a cell awaits, ipykernel's interrupt handler cancels it without waking the loop (ipykernel#881): the
        # cancel would wait for the next event. A timer wakes it.
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._stop_beat()

        def beat() -> None:
            self._beat = loop.call_later(_BEAT_S, beat)

        self._beat = loop.call_later(_BEAT_S, beat)

    def _stop_beat(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None

    def _finish(self, runs: list[Any], result: Any) -> None:
        """Nobody watches: end the cell with its runs, final views in the file, and fail it if one of them failed."""
        failure: BaseException | None = None
        is_interrupted = False
        for run in runs:
            # Who has waited for the run in the cell has seen its error, and may have dealt with it.
            is_seen = getattr(run, "_end", None) is not None
            try:
                run.wait()
            except KeyboardInterrupt as error:  # it has cancelled the run that was waited for
                failure, is_interrupted = error, True
                break
            except BaseException as error:
                failure = failure if failure is not None or is_seen else error
        for run in runs:
            if is_interrupted:
                run.abort(UNWATCHED_REASON)
            displays.of(run).finish()
            _finish_widgets(run.name)
        if failure is None or result is None or not result.success:
            return
        # Callbacks cannot fail a cell by raising, but the kernel reads the result after them.
        result.error_in_exec = failure
        # Its frames here are ours; where it was raised stands in its cause.
        self._ip.showtraceback((type(failure), failure.with_traceback(None), None))


def _finish_widgets(name: str) -> None:
    """Widgets of a run show its end, where there are any."""
    module = sys.modules.get("flytenb.notebook.widget")
    if module is not None:
        module.finish(name)
