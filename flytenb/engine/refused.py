"""The refusal of a question."""

from __future__ import annotations


class QueryError(Exception):
    """A question that cannot be answered; the text says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
