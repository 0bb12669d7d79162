"""What the engine tells of a dead worker that had secrets."""

from __future__ import annotations

from flytenb.engine.secrets import without_values

SECRETS = [("key", "KEY", "", b"needle/of+gold")]


def test_last_words_are_told_without_values_and_no_longer_than_those_of_others() -> None:
    said = f"exit status 3; its last words: {'x' * 500} refused needle/of+gold"
    told = without_values(said, SECRETS)
    assert told.startswith("exit status 3; its last words: xxx")
    assert told.endswith(" refused ***")
    assert len(told) < 240
    assert without_values("killed by signal 9", SECRETS) == "killed by signal 9"


def test_of_a_worker_that_was_taken_over_nothing_is_told() -> None:
    """Its values are not known to an engine that came later."""
    assert without_values("exit status 3; its last words: refused needle/of+gold", ()) == (
        "exit status 3; its last words: not told, it had secrets"
    )
