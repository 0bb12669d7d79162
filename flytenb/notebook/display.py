"""A run in the cell that started it: one view, redrawn in place until the run has ended.

The first thing shown is one line; the whole view comes after half a second, or at the end. A second display of a run
whose view is alive is again one line, so that there is one live view of a run. Threads only update by display id.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from msgspec.structs import replace

from flytenb.model.snapshot import RunSnapshot
from flytenb.notebook import pages, previews, stored
from flytenb.notebook.publisher import Publisher
from flytenb.views import text, tree, twin
from flytenb.views.ghosts import Expected
from flytenb.views.marks import is_terminal
from flytenb.wire.paths import home, home_mark

#: Read by the labextension, which draws the run live from the engine: never more than what identifies it.
MIME = "application/vnd.flytenb.run+json"
#: Of the front end's messages (`labextension/src/protocol.ts`).
PROTOCOL = 1

publisher = Publisher()


class RunDisplay:
    """The outputs that show one run.

    Args:
        run: has `name` and `snapshot()`.
    """

    def __init__(self, run: Any) -> None:
        self.run = run
        self.name: str = run.name
        self.is_final = False
        #: Execution count of the cell with the whole view.
        self.cell: int | None = None
        self._handles: list[tuple[Any, bool]] = []
        self._is_followed = False
        self._drawing = threading.Lock()
        #: What was drawn last, to draw it again when a second has gone by, and the text that was shown.
        self._known: tuple[RunSnapshot, dict[str, Any], dict[str, str]] | None = None
        self._shown = ""
        #: What the run before did; asked for once, when this one has been seen to take a while.
        self._expected: Expected | None = None
        self._is_foreseen = False

    def show(self, cell: int | None) -> None:
        """Show the run in the running cell."""
        from IPython.display import display

        if self._handles and cell is not None and cell == self.cell:
            return
        view = self._view()
        displays.last = self.name
        is_compact = bool(self._handles) and not view.is_terminal
        bundle = _line(view, is_second=is_compact) if is_compact or not view.is_terminal else _whole(view)
        show: Any = display
        handle = show(bundle, raw=True, display_id=True)
        if handle is None:
            return
        if not is_compact:
            self.cell = cell
        self._handles.append((handle, is_compact))
        if view.is_terminal:
            self.is_final = True
        else:
            self._follow()

    def draw(self) -> bool:
        """Redraw all outputs of the run; True at its end. Called by the publisher's thread."""
        with self._drawing:  # an older state must never be sent after the final one
            if self.is_final:
                return True
            view = self._view(is_redrawn=True)
            self._update(view)
            self.is_final = view.is_terminal
            if self.is_final:
                self._known = self._expected = None  # a kernel may start thousands of runs
            return view.is_terminal

    def tick(self) -> None:
        """Let the clocks of a run that goes on tell the time; the engine is not asked."""
        with self._drawing:
            if self.is_final or self._known is None:
                return
            snapshot, values, shown = self._known
            moment = replace(snapshot, taken_at=time.time())
            view = tree.view(moment, values, pages=shown, expected=self._expected)
            if not view.is_terminal and _text(view) != self._shown:
                self._update(view)

    def _update(self, view: tree.RunView) -> None:
        self._shown = _text(view)
        for handle, is_compact in list(self._handles):
            bundle = _line(view, is_second=True) if is_compact else _whole(view)
            handle.update(bundle, raw=True)
            publisher.sent(_size_bytes(bundle))

    def finish(self) -> None:
        """Draw the state of now, in the cell's own thread: a headless client ignores updates of finished cells."""
        publisher.forget(self.name)
        self.draw()

    def _follow(self) -> None:
        if self._is_followed:
            return
        self._is_followed = True
        publisher.follow(self.name, self.draw, tick=self.tick)
        stored.follow(self.name, self._changed)
        publisher.mark(self.name)

    def _changed(self, change: Any = None) -> None:
        publisher.mark(self.name, is_final=change is None)

    def _view(self, *, is_redrawn: bool = False) -> tree.RunView:
        snapshot = stored.snapshot(self.name)
        values = previews.previews(snapshot)
        shown = pages.pages(snapshot)
        self._known = snapshot, values, shown
        if is_terminal(snapshot.run.phase):
            return tree.view(snapshot, values, pages=shown, why=stored.change(snapshot))
        if is_redrawn and not self._is_foreseen:
            self._is_foreseen = True
            self._expected = stored.expected(snapshot)
        return tree.view(snapshot, values, pages=shown, expected=self._expected)


class Displays:
    """The views of this kernel, by run."""

    def __init__(self) -> None:
        self._by_name: dict[str, RunDisplay] = {}
        self.last: str = ""

    def of(self, run: Any) -> RunDisplay:
        """The display of a run, made once."""
        found = self._by_name.get(run.name)
        if found is None:
            found = self._by_name[run.name] = RunDisplay(run)
        return found

    def forget(self) -> None:
        """No view is redrawn any more."""
        for name in self._by_name:
            publisher.forget(name)
        self._by_name.clear()


displays = Displays()


def _identity(view: tree.RunView) -> dict[str, Any]:
    phase = view.root.phase if view.root is not None else view.mark.key
    return {"run": view.name, "home": home_mark(home()), "protocol": PROTOCOL, "phase": phase}


def _whole(view: tree.RunView) -> dict[str, Any]:
    return {
        "text/html": twin.render(view) + twin.frames(view),
        "text/plain": _text(view),
        MIME: _identity(view),
    }


def _line(view: tree.RunView, *, is_second: bool) -> dict[str, Any]:
    """One line: what a run begins with, and all that a second display of it ever is."""
    return {
        "text/html": twin.line(view),
        "text/plain": text.state_line(view, ascii_only=is_ascii()),
        MIME: _identity(view) | ({"form": "line"} if is_second else {}),
    }


def _size_bytes(bundle: dict[str, Any]) -> int:
    return sum(len(form.encode()) for form in bundle.values() if isinstance(form, str))


def _text(view: tree.RunView) -> str:
    return text.render(view, ascii_only=is_ascii())


def is_ascii() -> bool:
    """Whether the user asked for ASCII signs."""
    return os.environ.get("FLYTENB_ASCII", "") not in ("", "0")
