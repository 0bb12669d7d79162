"""Rows of a drawn timeline, and the critical path."""

from flytenb.model.build import BuildRow
from flytenb.model.outcome import Failure
from flytenb.model.snapshot import ActionRow, RunRow, RunSnapshot, TraceRow
from flytenb.views.spans import MAX_ROWS, EarlierTry, critical_path, spans_of


def action(number, start, end, *, parent="a0", task="digits.fit", **more):
    return ActionRow(
        id=number, name=f"a{number}", parent=parent if number else "", task=task, short_name=task.partition(".")[2],
        phase=more.pop("phase", "succeeded" if end else "running"), accepted_at=more.pop("accepted_at", start),
        started_at=start, ended_at=end, **more,
    )  # fmt: skip


def snapshot(*actions, **more):
    row = RunRow(name="k7p2x9", task="digits.main", phase="succeeded", created_at=100.0, ended_at=110.0)
    root = action(0, 100.5, 110.0, task="digits.main")
    return RunSnapshot(run=row, actions=(root, *actions), taken_at=110.0, **more)


def shown(found):
    """What is drawn, row by row."""
    return [
        (row.label, row.depth, [(span.kind, round(span.start, 2), round(span.end, 2)) for span in row.spans])
        for row in found.rows
    ]


def test_queue_build_attempts_run_and_traces_are_told_apart():
    failure = Failure(code="ValueError", message="bad row")
    rows = snapshot(
        action(1, 105.0, 108.0, accepted_at=101.0, attempt=2),
        action(2, 108.0, 109.0, phase="failed", failure=failure),
        builds=(BuildRow(id=1, digest="d", image="flytenb/data:5a", started_at=101.5, ended_at=102.5, phase="done"),),
        traces=(TraceRow(action="a1", name="read", started_at=105.5, duration_s=1.0, ok=True),),
    )
    tries = {"a1": [EarlierTry(number=1, started_at=103.0, ended_at=104.0, ended="failed", error="OSError: gone")]}
    found = spans_of(rows, tries)
    assert shown(found) == [
        ("main", 0, [("parent", 0.5, 10.0)]),
        ("fit[0]", 1, [("queue", 1.0, 3.0), ("build", 1.5, 2.5), ("attempt", 3.0, 4.0), ("run", 5.0, 8.0)]),
        ("read", 2, [("trace", 5.5, 6.5)]),
        ("fit[1]", 1, [("run", 8.0, 9.0)]),
    ]
    told = [span.told for row in found.rows for span in row.spans]
    assert told == [
        "succeeded, 9.5 s", "waited 2.0 s", "image data: 1.0 s", "attempt 1 failed, 1.0 s: OSError: gone",
        "succeeded, 3.0 s, attempt 2, on the critical path", "traced, 1.0 s",
        "failed, 1.0 s, on the critical path, ValueError: bad row",
    ]  # fmt: skip


def test_the_critical_path_goes_from_the_end_backwards():
    rows = (action(0, 1.0, 9.0), action(1, 1.0, 2.0), action(2, 1.0, 4.0), action(3, 4.0, 9.0), action(4, 2.0, 3.0))
    assert critical_path(rows) == (frozenset({"a3", "a2"}), 8.0)
    assert critical_path(rows[:1]) == (frozenset(), 0.0)


def test_many_actions_are_one_row_a_task():
    many = [action(n, 101.0 + n / 100, 101.5 + n / 100) for n in range(1, MAX_ROWS + 50)]
    found = spans_of(snapshot(*many, action(999, 105.0, 106.0, phase="failed")))
    assert found.is_folded
    assert [row.label for row in found.rows] == ["main", f"fit ×{MAX_ROWS + 50}"]
    assert [span.key for span in found.rows[1].spans] == ["succeeded", "failed"]


def test_what_is_cached_takes_no_time():
    found = spans_of(snapshot(action(1, 0.0, 101.0, accepted_at=101.0, is_cached=True, saved_s=60.0)))
    (span,) = found.rows[1].spans
    assert (span.kind, span.start, span.end, span.told) == ("cached", 1.0, 1.0, "cached, saved 1 m 00 s")
