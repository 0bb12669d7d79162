"""Mode "local": actions run in this very process, recorded by the engine like all others. For debuggers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flytenb.client.session import Session
from flytenb.errors import EngineError
from flytenb.wire import paths
from flytenb.worker.local import LocalWorker

#: state directory → (process, worker)
_workers: dict[Path, tuple[int, LocalWorker]] = {}


def local_worker(link: Session, objects: Any) -> LocalWorker:
    """The local worker of this process for a state directory, started when there is none.

    Raises:
        EngineError: the engine cannot be met.
    """
    state = link.state
    pid, worker = _workers.get(state, (0, None))
    if worker is not None and pid == os.getpid() and worker.is_alive:
        return worker
    link.query("status")  # the engine runs, and the token exists
    token = paths.token_path(state).read_text().strip()
    ident = f"local-{os.getpid()}-{os.urandom(3).hex()}"
    worker = LocalWorker(str(paths.socket_path(state)), token, ident, {}, objects)
    try:
        worker.start()
    except (OSError, TimeoutError) as error:
        raise EngineError(f"the local worker cannot meet the engine of {state}: {error}") from error
    _workers[state] = (os.getpid(), worker)
    return worker
