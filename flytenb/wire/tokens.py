"""What a worker shows instead of the home's own secret: good for this worker of this engine only."""

from __future__ import annotations

import hmac


def worker_token(secret: bytes, worker: str) -> str:
    """The token of one worker.

    Args:
        secret: of the engine process; a later engine has another one, unless workers live on that may come back.
        worker: its name.
    """
    return hmac.new(secret, f"flytenb.worker/1\0{worker}".encode(), "sha256").hexdigest()
