"""`run.widget`: the view of a run as a widget, to be put into boxes and tabs beside others.

The widget shows the static twin and is redrawn by the publisher's thread, which keeps to the same limits as the views
in cells: at most four times a second each, the end of the run always. Where widgets are not shown, its other forms are
the view as HTML and as text.
"""

from __future__ import annotations

import itertools
import threading
import time
import weakref
from typing import Any

import ipywidgets
from msgspec.structs import replace

from flytenb.model.snapshot import RunSnapshot
from flytenb.notebook import pages, previews, stored
from flytenb.notebook.display import is_ascii, publisher
from flytenb.views import text, tree, twin

_numbers = itertools.count()
#: Widgets of runs that go on, by run: an unattended notebook draws their end before its cell ends.
_live: dict[str, weakref.WeakSet[RunWidget]] = {}


class RunWidget(ipywidgets.HTML):  # type: ignore[misc]
    """The view of one run.

    Args:
        run: has `name`.

    Example:
        widgets.Tab([flyte.run(fit, c=c).widget for c in (0.1, 1)], titles=["0.1", "1"])
    """

    def __init__(self, run: Any, **options: Any) -> None:
        self._run_name: str = run.name
        self._number = f"widget {run.name} {next(_numbers)}"
        self._drawing = threading.Lock()
        self._known: tuple[RunSnapshot, dict[str, Any], dict[str, str]] | None = None
        self._is_final = False
        view = self._read()
        self._sent = _html(view)
        super().__init__(value=self._sent, **options)
        self._is_final = view.is_terminal
        if not self._is_final:
            _live.setdefault(self._run_name, weakref.WeakSet()).add(self)
            publisher.follow(self._number, self._draw, first_after_s=0.0, tick=self._tick)
            self._undo = stored.follow(self._run_name, self._changed)
            publisher.mark(self._number)

    @property
    def run_name(self) -> str:
        """The run's name."""
        return self._run_name

    @property
    def is_final(self) -> bool:
        """Whether it shows the end of the run."""
        return self._is_final

    def finish(self) -> None:
        """Show the state of now, in the caller's own thread."""
        publisher.forget(self._number)
        self._draw()

    def close(self) -> None:
        """Redraw it no more."""
        publisher.forget(self._number)
        self._is_final = True
        super().close()

    def _changed(self, change: Any = None) -> None:
        publisher.mark(self._number, is_final=change is None)

    def _read(self) -> tree.RunView:
        snapshot = stored.snapshot(self._run_name)
        self._known = snapshot, previews.previews(snapshot), pages.pages(snapshot)
        return tree.view(snapshot, self._known[1], pages=self._known[2])

    def _draw(self) -> bool:
        with self._drawing:
            if not self._is_final:
                view = self._read()
                self._put(_html(view))
                self._is_final = view.is_terminal
                if self._is_final:
                    self._known = None
            return self._is_final

    def _tick(self) -> None:
        with self._drawing:
            if self._is_final or self._known is None:
                return
            snapshot, values, shown = self._known
            view = tree.view(replace(snapshot, taken_at=time.time()), values, pages=shown)
            if not view.is_terminal:
                self._put(_html(view))

    def _put(self, value: str) -> None:
        if value != self._sent:
            self.value = self._sent = value
            publisher.sent(len(value.encode()))

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = dict(super()._repr_mimebundle_(**options) or {})
        view = self._read()
        bundle["text/plain"] = text.render(view, ascii_only=is_ascii())
        bundle["text/html"] = _html(view)
        return bundle

    def __repr__(self) -> str:
        return f'RunWidget("{self._run_name}")'


def finish(name: str) -> None:
    """Draw the end of a run in all its widgets."""
    for one in list(_live.pop(name, ())):
        one.finish()


def _html(view: tree.RunView) -> str:
    return twin.render(view) + twin.frames(view)
