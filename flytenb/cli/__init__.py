"""The command line `flytenb`. `flytenb run` goes its own way: click costs as much as the whole submit."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command; returns the exit status: 0 well, 1 failed, 2 wrong usage, 130 interrupted."""
    from flytenb.errors import ActionNotFoundError, BaseRuntimeError, FlytenbError

    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words[:1] == ["run"]:
            from flytenb.cli.run import run_command

            return run_command(words[1:])
        from flytenb.cli.app import app

        status = app.main(args=words, prog_name="flytenb", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except (FlytenbError, BaseRuntimeError, ActionNotFoundError) as error:
        return _complain(str(error), 1)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # `flytenb get logs | head`: the flush at exit must not fail too
        return 0
    except Exception as error:
        if type(error).__module__.startswith("click."):
            return _usage(error)
        raise


def _complain(message: str, status: int) -> int:
    print(f"flytenb: {message}", file=sys.stderr)
    return status


def _usage(error: Exception) -> int:
    import click

    if isinstance(error, click.exceptions.Abort):
        return 130
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return 2
    context = getattr(error, "ctx", None)
    hint = f"; see `{context.command_path} --help`" if context is not None else ""
    message = error.format_message() if isinstance(error, click.ClickException) else str(error)
    return _complain(message.rstrip(".") + hint, 2)
