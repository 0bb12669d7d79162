"""Start the worker process starter before anything heavy is imported, so that both boot at once on two cores.

Standard library only; `process` takes over what was begun here.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

#: The directory that holds the package; appended to a zygote's path, so that it shadows nothing.
PACKAGE_ROOT = str(Path(__file__).resolve().parent.parent.parent)
_BOOT = "import sys; sys.path.append({root!r}); from flytenb.worker.zygote import main; main()"

_begun: dict[str, tuple[subprocess.Popen[bytes], socket.socket]] = {}


def boot(python: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A zygote of this interpreter and our end of its control socket.

    Raises:
        OSError: the interpreter cannot be started.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        command = [python, "-c", _BOOT.format(root=PACKAGE_ROOT), "--control", str(theirs.fileno())]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                cwd=os.sep,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                close_fds=True,
            )
        except OSError:
            ours.close()
            raise
    return process, ours


def begin() -> None:
    """Boot the zygote of this very interpreter now."""
    _begun[sys.executable] = boot(sys.executable)


def take(python: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The zygote that was begun, or a new one."""
    return _begun.pop(python, None) or boot(python)
