"""`python -m flytenb.engine --home DIR [--ready-fd N]`: the daemon.

The zygote of this interpreter is forked as soon as what both need is imported: the two boot on beside each other, and
the first worker is there a tenth of a second sooner.
"""

from __future__ import annotations

import asyncio  # noqa: F401  what the zygote needs too, imported once for both
import logging  # noqa: F401

import flytenb.model
import flytenb.wire.framing
import flytenb.wire.tags  # noqa: F401
from flytenb.executors import early


def main() -> None:
    """Fork the zygote, then be the engine."""
    early.begin()
    from flytenb.engine import daemon  # heavy, on purpose after the line above

    daemon.main()


if __name__ == "__main__":
    main()
