"""Cells that a resumed batch skips, because what they took is equal and what they left is kept: the batch's side.

Off unless somebody asks for it: nobody can see what else a cell does (files, messages, a model on a GPU).
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flytenb.batches.recording import refusal
from flytenb.wire import paths

#: Seconds that what a batch kept stays.
_KEPT_S = 7 * 86400
_CALL = "__import__('flytenb.batches.recording', fromlist=['_']).{name}{arguments!r}"

#: Asks the kernel for the value of an expression; "" when it does not answer.
Ask = Callable[[str], str]


class Skipping:
    """What one batch keeps of its cells, and takes from those that it resumes.

    Args:
        name: of the batch.
        before: batches that it resumes, the nearest first.
    """

    def __init__(self, name: str, before: tuple[str, ...]) -> None:
        self._own = _folder(name)
        self._before = [_folder(one) for one in before]
        self._definitions = hashlib.blake2b(digest_size=16)
        #: Numbers of cells that were skipped; why others were not.
        self.skipped: list[int] = []
        self.ran: dict[int, str] = {}
        forget_old()

    def restore(self, number: int, source: str, ask: Ask) -> list[Any] | None:
        """What the cell has shown, when the kernel has what it left; None = it has to run."""
        near = next((one for one in self._before if (one / f"{number}.json").exists()), None)
        folder = str(near) if near is not None else ""
        if refusal(source):
            self._definitions.update(source.encode())
        told = _told(ask(_call("before", number, source, folder, self._definitions.hexdigest())))
        if not told.get("restored") or near is None:
            self.ran[number] = str(told.get("why") or "")
            return None
        try:
            outputs: list[Any] = json.loads((near / f"{number}.outputs").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.ran[number] = "what it has shown was not recorded"
            return None
        self._own.mkdir(parents=True, exist_ok=True, mode=0o700)
        for suffix in ("json", "pickle", "outputs"):
            shutil.copy2(near / f"{number}.{suffix}", self._own)
        self.skipped.append(number)
        return outputs

    def keep(self, number: int, source: str, outputs: list[Any], ask: Ask) -> None:
        """The cell was executed."""
        self._own.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._own / f"{number}.outputs").write_text(json.dumps(outputs), encoding="utf-8")
        ask(_call("after", number, source, str(self._own)))

    def words(self) -> str:
        """What was skipped, and why the rest was not; "" where nothing was to be resumed."""
        if not self._before:
            return ""
        why = "; ".join(f"cell {number}: {words}" for number, words in self.ran.items() if words)
        skipped = ", ".join(map(str, self.skipped)) or "none"
        return f"skipped cells: {skipped}" + (f"; run again: {why}" if why else "")

    def close(self, *, is_whole: bool) -> None:
        """A batch that came to its end is not resumed: nothing of it is kept."""
        if is_whole:
            for folder in (self._own, *self._before):
                shutil.rmtree(folder, ignore_errors=True)


def _folder(name: str) -> Path:
    return paths.home() / "batches" / name


def _call(name: str, *arguments: Any) -> str:
    return _CALL.format(name=name, arguments=arguments)


def _told(shown: str) -> dict[str, Any]:
    with contextlib.suppress(ValueError, SyntaxError):
        told: dict[str, Any] = json.loads(ast.literal_eval(shown))
        return told
    return {}


def forget_old() -> None:
    """What batches kept that nobody resumed."""
    for folder in (paths.home() / "batches").glob("*"):
        with contextlib.suppress(OSError):
            if folder.is_dir() and time.time() - folder.stat().st_mtime > _KEPT_S:
                shutil.rmtree(folder, ignore_errors=True)
