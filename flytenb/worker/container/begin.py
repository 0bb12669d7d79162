"""A worker's start inside a container: what the image does not have is stood in for, then all is as elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any


def serve(boot: dict[str, Any], folder: str, failed: int) -> int:
    """The worker's whole life; returns its exit status.

    Args:
        boot: what the engine said.
        folder: shared with the engine, of this container alone.
        failed: the status that asks process 1 to keep the container.
    """
    _prepare(boot, folder)
    _stand_in()
    from flytenb.worker import runtime, shipped

    if boot.get("keep"):
        runtime.on_action = partial(_note_action, f"{folder}/actions")
    from flytenb.codec import proof

    proof.give_key(bytes.fromhex(boot["key"]))  # of the home, which is not seen from here
    from flytenb.wire import alive

    alive.hold_contained(Path(folder), boot["worker"])
    home = Path(boot["home"])
    ended = shipped.serve(boot["worker"], boot["socket"], boot["token"], home, door=boot.get("objects", ""))
    if not boot.get("keep") or not runtime.failed_actions:
        return ended
    Path(folder, "failed").write_text("".join(f"{number}\n" for number in runtime.failed_actions))
    return failed


def _note_action(path: str, number: int) -> None:
    """Should this process be killed, the one that ran last is known."""
    with open(path, "a") as noted:
        noted.write(f"{number}\n")


def _prepare(boot: dict[str, Any], own: str) -> None:
    os.environ.update(boot["env"])
    sys.path.insert(0, "")  # modules beside the program
    for folder in (boot["cwd"], "/tmp", os.sep):
        with contextlib.suppress(OSError):
            os.chdir(folder)
            break
    # For programs that are run beside the worker: `worker.container.beside`.
    Path(own, "place.json").write_text(json.dumps({"cwd": os.getcwd(), "env": boot["env"]}))


def _stand_in() -> None:
    try:
        import msgspec  # noqa: F401
    except ImportError:
        from flytenb.worker.container import msgspec_shim

        msgspec_shim.install()
