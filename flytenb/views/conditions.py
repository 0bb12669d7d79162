"""What a run asks, in words: the question, how long it waits, and the line that answers it."""

from __future__ import annotations

from flytenb.model.condition import KINDS
from flytenb.model.snapshot import ConditionRow
from flytenb.views import words
from flytenb.views.escape import one_line

_EXAMPLES = {"bool": "true", "int": "1", "float": "0.5", "str": '"…"'}


def hint(row: ConditionRow) -> str:
    """One line for who waits for a run without a view of it."""
    until = f" (until {words.moment(row.expires_at)})" if row.expires_at else ""
    return f"run {row.run} waits for an answer{until}: {one_line(row.prompt, 120)}  →  {shell_line(row)}"


def state_words(row: ConditionRow) -> str:
    """`waits since 21 Nov 2026, 14:02, until 15:02`, or who answered what."""
    if row.is_open:
        until = f", until {words.moment(row.expires_at)}" if row.expires_at else ""
        return f"waits for {KINDS.get(row.data_type, row.data_type)} since {words.moment(row.since)}{until}"
    if row.answered_at:
        return answer_words(row)
    return row.phase.replace("_", " ")


def answer_words(row: ConditionRow) -> str:
    """`True, by ada (command line), 21 Nov 2026, 14:05`."""
    by = f"by {one_line(row.answered_by, 40)} ({row.answered_from})" if row.answered_by else row.answered_from
    return words.joined([one_line(repr(row.value), 60), by, words.moment(row.answered_at)])


def shell_line(row: ConditionRow) -> str:
    """What to write in a shell to answer."""
    return f"flytenb signal condition {one_line(row.run, 40)} {row.action} {_EXAMPLES.get(row.data_type, 'VALUE')}"


def cell_line(row: ConditionRow) -> str:
    """What to write in a cell to answer."""
    return f"%flyte_signal {one_line(row.run, 40)}/{row.action} {_EXAMPLES.get(row.data_type, 'VALUE')}"
