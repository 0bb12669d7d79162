"""One step of the rules: which function hears which event.

`step` takes a whole batch: placement happens once per batch, not once per event, which is most of the engine's speed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flytenb.model.devices import GpusFound, GpusSeen
from flytenb.model.events import (
    AbortRequest,
    AskedBefore,
    ClockJumped,
    Comeback,
    Declare,
    Finished,
    Forget,
    Hit,
    LaneCut,
    LaneLost,
    LaneNews,
    LanePlaced,
    LaneReady,
    Loaded,
    Log,
    Offer,
    PlacementRead,
    Progress,
    Recovered,
    Rejoined,
    Report,
    Returned,
    RunRequest,
    Signal,
    SourceRead,
    Started,
    Submit,
    Tick,
    Trace,
)
from flytenb.model.outcome import Failure
from flytenb.rules import gpu_placement, gpu_refusals
from flytenb.rules.attempts import on_finished, on_loaded, on_returned, on_started
from flytenb.rules.calls import on_declare, on_forget, on_hit, on_submit
from flytenb.rules.clocks import on_clock_jumped, on_tick
from flytenb.rules.conditions import on_asked_before, on_signal
from flytenb.rules.crew import on_lane_lost, on_lane_news, on_lane_placed, on_lane_ready, on_placement_read, refuse
from flytenb.rules.ending import on_abort
from flytenb.rules.out import Out
from flytenb.rules.placement import place
from flytenb.rules.returning import on_comeback, on_lane_cut, on_rejoined
from flytenb.rules.runs import on_recovered, on_run, on_source_read
from flytenb.rules.secrets import on_offer
from flytenb.rules.state import State
from flytenb.rules.telling import on_log, on_progress, on_report, on_trace


def step(state: State, events: Sequence[tuple[Any, Any]], now: float) -> Out:
    """Let (source, event) pairs happen at the time `now` (seconds since the epoch)."""
    out = Out()
    for source, event in events:
        HANDLERS[type(event)](state, source, event, now, out)
    place(state, now, out)
    for shape, words in gpu_refusals.hopeless(state, now, out):
        refuse(shape, Failure(code="ResourceNotAvailable", message=words, is_recoverable=False), state, now, out)
    return out


HANDLERS: dict[type, Callable[[State, Any, Any, float, Out], None]] = {
    Declare: on_declare,
    Submit: on_submit,
    Hit: on_hit,
    Finished: on_finished,
    Log: on_log,
    Trace: on_trace,
    Report: on_report,
    Progress: on_progress,
    Forget: on_forget,
    Returned: on_returned,
    Started: on_started,
    RunRequest: on_run,
    Offer: on_offer,
    Recovered: on_recovered,
    SourceRead: on_source_read,
    Comeback: on_comeback,
    LaneCut: on_lane_cut,
    Rejoined: on_rejoined,
    LaneReady: on_lane_ready,
    LaneLost: on_lane_lost,
    LanePlaced: on_lane_placed,
    PlacementRead: on_placement_read,
    LaneNews: on_lane_news,
    Loaded: on_loaded,
    AbortRequest: on_abort,
    Signal: on_signal,
    AskedBefore: on_asked_before,
    Tick: on_tick,
    ClockJumped: on_clock_jumped,
    GpusFound: gpu_placement.on_gpus_found,
    GpusSeen: gpu_placement.on_gpus_seen,
}
