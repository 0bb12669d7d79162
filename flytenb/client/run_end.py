"""A run's end: waiting for it in every way, its outputs and what it raises."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future
from typing import Any

from flytenb.client import aborting, handle, interrupts, telling, terminal
from flytenb.client.aborting import Aborted
from flytenb.client.given import remember
from flytenb.client.run_facts import RunFacts
from flytenb.client.session import Ended
from flytenb.client.twin import twin, twin_after
from flytenb.client.values import ActionInputs, ActionOutputs
from flytenb.codec.failure import revive
from flytenb.model.outcome import decode_failure
from flytenb.model.phases import ActionPhase
from flytenb.model.snapshot import RunSnapshot

UserValue = Any


def _ended(run: RunEnd, *_: Any, **__: Any) -> Future[Ended]:
    return run.ended()


def _ended_or_running(run: RunEnd, quiet: bool = False, wait_for: str = "terminal") -> Future[Any]:
    return run.ended() if wait_for == "terminal" else run._until_running()


class RunEnd(RunFacts):
    """A run that can be waited for and awaited."""

    def ended(self) -> Future[Ended]:
        """The end of the run: its phase, and its outputs or failure."""
        if self._end is not None:
            over: Future[Ended] = Future()
            over.set_result(self._end)
            return over
        return self._link.ended(self.name)

    def _outcome(self) -> Ended:
        """Block until the run has ended."""
        if self._end is None:
            try:
                self._end = telling.end_of(self, self._link)
            except KeyboardInterrupt:
                raise interrupts.detached(self) from None
        return self._end

    def _payload(self) -> bytes:
        phase, payload = self._outcome()
        if phase in (ActionPhase.SUCCEEDED, ActionPhase.RECOVERED):
            return payload
        raise handle.stamp_phase(revive(decode_failure(payload)), phase)

    def _until_running(self) -> Future[bool]:
        """Done when the run has left the queue."""
        running: Future[bool] = Future()

        def look(changed: RunSnapshot | None) -> None:
            waiting = ("queued", "waiting_for_resources", "initializing")
            if (changed is None or changed.run.phase not in waiting) and not running.done():
                running.set_result(True)

        undo = self._link.watch(self.name, look)
        running.add_done_callback(lambda _: undo())
        return running

    @twin_after(_ended_or_running, interrupts.cancelled)
    def wait(self, quiet: bool = False, wait_for: str = "terminal") -> None:
        """Wait until the run has ended (or only runs, with `wait_for="running"`).

        Raises:
            BaseRuntimeError: the run failed: an instance of `RuntimeUserError` and of the error's own class.
        """
        if wait_for not in ("terminal", "running"):
            raise ValueError(f'wait_for="{wait_for}": write "terminal" or "running"')
        if wait_for == "running":
            try:
                self._until_running().result()
            except KeyboardInterrupt:
                raise interrupts.detached(self) from None
            return
        self._payload()

    @twin_after(_ended, interrupts.cancelled)
    def outputs(self) -> ActionOutputs:
        """The outputs, waiting for them.

        Raises:
            BaseRuntimeError: the run failed: an instance of `RuntimeUserError` and of the error's own class.
        """
        found = handle.outputs_of(self._payload(), self._store, self._interface())
        return handle.came_from(found, self.name, "a0")

    def value(self) -> UserValue:
        """What the task returned, waiting for it: one value, a tuple of several, or None."""
        payload, interface = self._payload(), self._interface()
        if interface is not None:
            value = interface.decode_outputs(payload, self._store)
            remember((value,), ("",), self.name, "a0")
            return value
        outputs = handle.came_from(handle.outputs_of(payload, self._store), self.name, "a0")
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _interface(self) -> Any:
        return self._task.interface if self._task is not None else None

    def __await__(self) -> Generator[Any, None, UserValue]:
        return self._value_later().__await__()

    async def _value_later(self) -> UserValue:
        import asyncio

        if self._end is None:
            try:
                with terminal.shown(self, self._link, is_wanted=terminal.is_prompt()):
                    self._end = await asyncio.wrap_future(self.ended())
            except asyncio.CancelledError as error:
                interrupts.cancelled(self, error)
                raise
        return self.value()

    @twin
    def raise_for_status(self) -> None:
        """Raise what a parent of the run would have seen.

        Raises:
            RuntimeUserError: code RunNotDoneError: it has not ended.
        """
        if not self.done():
            raise handle.not_done(self.name, self.phase)
        self._payload()

    @twin
    def inputs(self) -> ActionInputs:
        """The inputs by name."""
        return handle.inputs_of(handle.read_io(self._link, self.name, "a0"), self._store, self._interface())

    @twin
    def abort(self, reason: str = "stopped by the user", *, group: str = "") -> Aborted:
        """Stop it with all its actions, or those of a group (`flyte.group`). What has ended stays; says if all had.

        Example:
            run.abort()
            run.abort("bad grid", group="coarse")
        """
        return aborting.abort(self._link, self.name, group=group, reason=reason)

    def __str__(self) -> str:
        return str(self.value())

    def __repr__(self) -> str:
        phase = self._end[0] if self._end is not None else ActionPhase(self._row.phase) if self._row else None
        return f'Run("{self.name}"{f", phase={str(phase)!r}" if phase is not None else ""}, url="{self.url}")'
