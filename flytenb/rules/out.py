"""What one step of the rules wants done: rows for the journal, messages before and after its commit, chores."""

from __future__ import annotations

from typing import Any


class Out:
    """Collects the effects of one step.

    Messages are (link, message). Those in `before` say nothing that must be durable first (start this, cancel that);
    those in `after` tell somebody a result and leave only when the rows are on disk.
    """

    __slots__ = (
        "accepted",
        "after",
        "answers",
        "attempts",
        "before",
        "below",
        "build_layers",
        "builds",
        "cached",
        "chores",
        "ended",
        "heard",
        "logs",
        "placements",
        "placements_read",
        "post_mortems",
        "progress",
        "recovered",
        "reports",
        "run_builds",
        "run_ends",
        "runs",
        "tasks",
        "traces",
        "usage",
    )

    def __init__(self) -> None:
        #: (id, parent, task, key, n, inputs, group, cache_key, accepted_at)
        self.accepted: list[tuple[Any, ...]] = []
        #: (phase, outputs, started_at, ended_at, attempt, saved_s, placement, id)
        self.ended: list[tuple[Any, ...]] = []
        #: (action, attempt, phase, started_at, ended_at, failure)
        self.attempts: list[tuple[Any, ...]] = []
        #: (key, action, outputs, duration_s, created_at)
        self.cached: list[tuple[Any, ...]] = []
        #: (action, key, n, name, started_at, duration_s, ok, inputs, outputs)
        self.traces: list[tuple[Any, ...]] = []
        #: (action, attempt, variables): what the frames of a failure held
        self.post_mortems: list[tuple[Any, ...]] = []
        #: (action, source, why)
        self.recovered: list[tuple[Any, ...]] = []
        #: (action, attempt, stream, time, text)
        self.logs: list[tuple[Any, ...]] = []
        #: (action, done, total, text, elapsed_s, at)
        self.progress: list[tuple[Any, ...]] = []
        #: (action, attempt, body): what it used of the machine
        self.usage: list[tuple[Any, ...]] = []
        #: (digest, action)
        self.reports: list[tuple[Any, ...]] = []
        #: (action, who, from where, when)
        self.answers: list[tuple[Any, ...]] = []
        #: (id, digest, image, text, engine, phase, image_id, error, started_at, ended_at, kind)
        self.builds: list[tuple[Any, ...]] = []
        #: (build, n, title, phase, started_at, seconds, log)
        self.build_layers: list[tuple[Any, ...]] = []
        #: (run, build): its actions waited for it
        self.run_builds: list[tuple[Any, ...]] = []
        #: (id, digest, body)
        self.tasks: list[tuple[Any, ...]] = []
        #: (id, digest, body)
        self.placements: list[tuple[Any, ...]] = []
        #: (digest, body, id): what is known of it by now
        self.placements_read: list[tuple[Any, ...]] = []
        #: (id, name, root task, options, created_at)
        self.runs: list[tuple[Any, ...]] = []
        #: (run, parent): runs that an action has started as its children
        self.below: list[tuple[Any, ...]] = []
        #: (phase, ended_at, action_count, failed_count, cached_count, id)
        self.run_ends: list[tuple[Any, ...]] = []
        #: Links of workers → their frames that these rows are of: told when they are on disk.
        self.heard: dict[Any, int] = {}
        self.before: list[tuple[Any, tuple[Any, ...]]] = []
        self.after: list[tuple[Any, tuple[Any, ...]]] = []
        #: ("spawn", lane, launch, grant) · ("kill", lane, reason) ·
        #: ("end", lane, reason) the same, asked first · ("load", action) · ("release", cache_key) ·
        #: ("ask", action, is_new) a question waits ·
        #: ("gpus",) look for them · ("watch gpus",) look at who uses them
        self.chores: list[tuple[Any, ...]] = []

    @property
    def is_urgent(self) -> bool:
        """Whether somebody waits for the commit; if not, the rows may wait for company."""
        return bool(self.after or self.ended or self.run_ends or self.runs)

    @property
    def has_rows(self) -> bool:
        """Whether the journal has anything to write."""
        return bool(
            self.accepted
            or self.ended
            or self.runs
            or self.run_ends
            or self.tasks
            or self.placements
            or self.placements_read
            or self.attempts
            or self.cached
            or self.traces
            or self.logs
            or self.reports
        )
