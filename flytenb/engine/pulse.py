"""Workers that have work and say nothing: asked for a sign of life, and given up when their process is stopped.

One that does not answer because a body keeps its loop busy is left alone: only time-outs end bodies. Costs nothing per
action, since only silence is looked at.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flytenb.model.tags import PING

if TYPE_CHECKING:
    from flytenb.engine.core import Engine

_log = logging.getLogger(__name__)

#: Seconds of silence until a worker is asked, and from then until its process is looked at.
SILENT_S = 5.0
FROZEN_S = 10.0


def feel(engine: Engine) -> None:
    """Look at all workers that have work. Called every few seconds."""
    now = engine.loop.time()
    for lane in engine.state.lanes.values():
        link = lane.link
        if link is None or not lane.actions or lane.is_cut or now - link.heard_at < SILENT_S:
            continue
        if link.pinged_at <= link.heard_at:
            link.pinged_at = now
            link.send((PING,))
        elif now - link.pinged_at >= FROZEN_S and engine.executor.is_stopped(lane.id):
            words = f"its process was stopped (SIGSTOP) and said nothing for {now - link.heard_at:.0f} s"
            _log.warning("worker %s is given up: %s", lane.id, words)
            engine.executor.kill(lane.id, words)
