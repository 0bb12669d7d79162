"""Questions that need code or values opened: a client in a process of its own answers them, never the engine."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from flytenb.engine.refused import QueryError

#: Such processes at once, and seconds that one may take.
_AT_ONCE, _LIMIT_S = 2, 60.0


class Asking:
    """Asks a client, which asks the engine in turn."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def ask(self, *words: str) -> dict[str, Any]:
        """The answer to `why RUN [ACTION]` or `plan RUN [ACTION]`.

        Raises:
            QueryError: there is no such run or action, or the answer took too long.
        """
        async with self._room:
            try:
                done = await asyncio.to_thread(self._run, words)
            except subprocess.TimeoutExpired:
                text = f"`flytenb {' '.join(words)}` took more than {_LIMIT_S:g} s; ask in a terminal, without a limit"
                raise QueryError("TookTooLong", text) from None
        try:
            told: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
            raise QueryError("NotAnswered", f"the explanation failed: {last[:300]}") from None
        if done.returncode:
            raise QueryError(str(told["code"]).removesuffix("Error"), str(told["message"]))
        return told

    def _run(self, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flytenb.client.as_data", *words],
            env={**os.environ, "FLYTENB_HOME": str(self._home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
