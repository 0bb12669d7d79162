"""Records the execution of a notebook as a run, from the thread that executes it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FuturesTimeout
from typing import Any

from flytenb.batches import tasks
from flytenb.client.context import with_runcontext
from flytenb.client.names import new_run_name
from flytenb.errors import BaseRuntimeError, EngineError, FlytenbError

#: Seconds within which the run of a batch begins: an engine is started for it.
_BEGIN_S = 60.0
#: Seconds within which its end is recorded.
_END_S = 30.0


class Mirror:
    """One batch's run. Every method is called from the executing thread.

    Args:
        path: of the notebook.
        parameters: as they were given.
        name: of the run, "" for a new one.
        on_abort: called once when somebody stops the run, from another thread.
        **origin: options of the run besides: annotations …
    """

    def __init__(
        self,
        path: str,
        parameters: dict[str, Any],
        name: str = "",
        on_abort: Callable[[], None] | None = None,
        **origin: Any,
    ) -> None:
        self.name = name or new_run_name()
        self._steps = tasks.Steps.by_run[self.name] = tasks.Steps()
        self._steps.on_abort = on_abort or self._steps.on_abort
        ready = threading.Event()
        tasks.mine_is_ready[self.name] = ready.set
        plain = {key: value for key, value in parameters.items() if _is_plain(value)}
        runner = with_runcontext(mode="local", name=self.name, **origin)
        self.run = runner.run(tasks.notebook, path=path, parameters=plain, steps=self.name)
        self._end: Future[Any] = self.run.ended()
        if not ready.wait(_BEGIN_S):
            raise EngineError(f"the run of the batch of {path} does not begin; see `flytenb engine logs`")
        self._is_in_cell = False

    @property
    def is_aborted(self) -> bool:
        """Whether somebody has stopped the run."""
        return self._steps.is_aborted or self._end.done()

    def begin(self, number: int, source: str, count: int = 0) -> None:
        """A cell begins, the `number`th of `count`."""
        self._is_in_cell = True
        self._tell("begin", number, source, count)

    def text(self, stream: str, text: str) -> None:
        """The cell writes."""
        if self._is_in_cell:
            self._tell("text", stream, text)

    def end(self, outputs: str = "") -> None:
        """The cell is over and has shown this."""
        if self._is_in_cell:
            self._is_in_cell = False
            self._tell("end", outputs)

    def fail(self, name: str, words: str) -> None:
        """The cell raised."""
        if self._is_in_cell:
            self._is_in_cell = False
            self._tell("fail", name, words)

    def close(self) -> None:
        """Nothing more is executed; returns when the run's end is recorded."""
        if self._is_in_cell:
            self.fail("Interrupted", "the execution ended in the middle of the cell")
        self._tell("over")
        try:
            self._end.result(_END_S)
        except (FlytenbError, BaseRuntimeError, OSError, FuturesTimeout):
            pass  # the run says it; who executes raises what the notebook raised
        finally:
            tasks.Steps.by_run.pop(self.name, None)
            tasks.mine_is_ready.pop(self.name, None)

    def _tell(self, *step: Any) -> None:
        steps = self._steps
        if steps.loop is not None and steps.told is not None and not steps.loop.is_closed():
            steps.loop.call_soon_threadsafe(steps.told.put_nowait, step)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str, list, dict))
