"""`python -m flytenb.engine --home DIR [--ready-fd N]`: the daemon.

The zygote of this interpreter is started before anything else is imported: the two boot at once, and the first worker
is there a fifth of a second sooner.
"""

from __future__ import annotations

from flytenb.executors import early


def main() -> None:
    """Start the workers' zygote, then the engine."""
    early.begin()
    from flytenb.engine import daemon  # heavy, on purpose after the line above

    daemon.main()


if __name__ == "__main__":
    main()
