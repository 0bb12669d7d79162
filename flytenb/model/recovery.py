"""Runs that recover others: why an action was not taken from there. Plain words, for the store, the wire and people."""

from __future__ import annotations

#: Key of the record that names an action's checkpoint, among its traced calls.
CHECKPOINT_KEY = b"flytenb.checkpoint/1"

#: What is stored → a sentence about an action; `{source}` is "RUN/ACTION", `{run}` the recovered run.
REASONS: dict[str, str] = {
    "failed": "it failed in {source}",
    "unfinished": "it did not end in {source}",
    "changed": "its code is not that of {source}",
    "unkeyed": "its code has no key that could be compared with {source}",
    "inputs": "run {run} has no call of it with these inputs",
    "fewer": "run {run} has fewer equal calls of it",
    "new": "run {run} never reached it",
    "forced": "it was to run again (force_rerun_actions)",
    "trusted": "recovered from {source}, whose code was another",
    "lost": "the outputs of {source} are gone",
    "root": "the root always runs",
}


def recovery_words(source: str, reason: str, run: str = "") -> str:
    """ "recovered from ab12/a5", or why it ran: "it failed in ab12/a5"."""
    if not reason:
        return f"recovered from {source}" if source else ""
    return REASONS.get(reason, reason).format(source=source or run, run=run or source.partition("/")[0])
