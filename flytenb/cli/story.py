"""`flytenb get action --frames`, `--attempts`: how an action came to its end."""

from __future__ import annotations

from flytenb.cli.output import emit
from flytenb.client.action import here


def print_frames(run_name: str, action: str, output: str) -> None:
    """Frames of a failure with what their variables held."""
    import msgspec

    from flytenb.client.post_mortem import post_mortem

    found = post_mortem(here()[0], run_name, action)
    frames = [
        {**msgspec.to_builtins(frame), "locals": dict(held)}
        for frame, held in zip(found.frames, [*found.failure.locals, *[()] * len(found.frames)], strict=False)
    ]
    data = {"run": found.run, "action": found.action, "attempt": found.attempt, "code": found.failure.code}
    emit({**data, "message": found.failure.message, "frames": frames}, output, repr(found))


def print_attempts(run_name: str, action: str, output: str) -> None:
    """All attempts of an action, the last one too."""
    from flytenb.client.attempts import attempts_of, attempts_text

    found = attempts_of(here()[0], run_name, action or "a0")
    emit([one.to_dict() for one in found], output, attempts_text(found))
