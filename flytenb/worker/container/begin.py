"""A worker's start inside a container: what the image does not have is stood in for, then all is as elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from flytenb.worker.container.supervisor import FAILED


def serve(boot: dict[str, Any]) -> int:
    """The worker's whole life; returns its exit status."""
    _prepare(boot)
    _stand_in()
    from flytenb.worker import shipped

    ended = shipped.serve(boot["worker"], boot["socket"], boot["token"], Path(boot["home"]))
    return FAILED if boot.get("keep") and has_failed() else ended


def has_failed() -> bool:
    """Whether an action of this worker has failed."""
    from flytenb.worker import runtime

    return bool(runtime.failed_actions)


def _prepare(boot: dict[str, Any]) -> None:
    os.environ.update(boot["env"])
    sys.path.insert(0, "")  # modules beside the program
    for folder in (boot["cwd"], "/tmp", os.sep):
        with contextlib.suppress(OSError):
            os.chdir(folder)
            break


def _stand_in() -> None:
    try:
        import msgspec  # noqa: F401
    except ImportError:
        from flytenb.worker.container import msgspec_shim

        msgspec_shim.install()
