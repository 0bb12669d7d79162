"""All that knows Docker: where its engine is, what it says when it cannot, labels, builds, and running a container.

Calls block; callers use threads. The `docker` package is imported here only, and only when a container is wanted.
"""

from flytenb.containers.client import Docker, EngineFacts, connect, is_missing
from flytenb.containers.labels import KIND, WORKER, home_id, labels, list_own, remove, remove_own
from flytenb.containers.run import Ended, pull, run_to_end

__all__ = [
    "KIND",
    "WORKER",
    "Docker",
    "Ended",
    "EngineFacts",
    "connect",
    "home_id",
    "is_missing",
    "labels",
    "list_own",
    "pull",
    "remove",
    "remove_own",
    "run_to_end",
]
