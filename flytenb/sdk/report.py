"""Reports: a page of HTML in tabs that a task writes while it runs.

Content is the user's HTML, put in as it is, or a figure, a table, a picture (`sdk.figures`); tab names are text and are
escaped. The page needs no network; only interactive figures need a script.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from functools import update_wrapper
from html import escape
from typing import Any, Generic, ParamSpec, TypeVar

from flytenb.codec.current import objects
from flytenb.context import ActionContext, current_action
from flytenb.sdk.figures import Part, part_of

P = ParamSpec("P")
R = TypeVar("R")

MAIN = "main"
#: Seconds between two publications of one report; what comes faster is published a moment later.
INTERVAL_S = 0.25
#: A page that is larger is not published.
MAX_PAGE_BYTES = 64 << 20
#: A figure drawn in a hidden tab learns its width when the tab is shown.
_FOLLOW_TABS = "<script>addEventListener('change',()=>dispatchEvent(new Event('resize')))</script>"
_STYLE = (
    "body{margin:0;font:14px/1.5 system-ui,sans-serif;color:#1f2328;background:#fff}"
    "main{padding:16px 20px}nav label{display:inline-block;padding:8px 14px;cursor:pointer;color:#57606a}"
    "nav{border-bottom:1px solid #d0d7de;padding:0 12px}.tab{display:none}.pick{position:absolute;opacity:0}"
    "table{border-collapse:collapse}td,th{border:1px solid #d0d7de;padding:4px 10px;text-align:left}"
    "td,th{font-variant-numeric:tabular-nums}small{color:#57606a}"
    "img,svg{max-width:100%;height:auto}.wide{overflow-x:auto;margin:8px 0}"
    "@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}nav,td,th{border-color:#30363d}"
    "nav label,small{color:#9198a1}img{background:#fff}.plotly-graph-div{background:#fff}}"
)


class Tab:
    """One page of a report."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._parts: list[Part] = []

    @property
    def content(self) -> list[str]:
        """The HTML of what was logged, in order."""
        return [part.html for part in self._parts]

    def log(self, content: Any) -> None:
        """Append HTML text, a figure, a table or a picture.

        Raises:
            TypeError: it cannot be shown; the message says what can.
        """
        self._parts.append(part_of(content))

    def replace(self, content: Any) -> None:
        """Show this only."""
        self._parts = [part_of(content)]

    def get_html(self) -> str:
        """All of it."""
        return "\n".join(self.content)

    def scripts(self) -> dict[str, Callable[[], str]]:
        """What its figures need once in the page, by name."""
        return {part.script_name: part.script for part in self._parts if part.script is not None}


class Report:
    """The tabs of one action."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tabs: dict[str, Tab] = {MAIN: Tab(MAIN)}
        #: Held while a page is made and published, so that an older one never comes after.
        self._lock = threading.RLock()
        self._published_at = -INTERVAL_S
        self._is_due = False

    def has_content(self) -> bool:
        """Whether anything was written."""
        return any(tab.content for tab in self.tabs.values())

    def get_tab(self, name: str, create_if_missing: bool = True) -> Tab:
        """A tab by name.

        Raises:
            ValueError: it is not there and must not be made.
        """
        tab = self.tabs.get(name)
        if tab is None:
            if not create_if_missing:
                raise ValueError(f'report "{self.name}" has no tab "{name}"; it has: {", ".join(self.tabs)}')
            tab = self.tabs[name] = Tab(name)
        return tab

    def get_final_report(self) -> str:
        """The whole page as text, with everything that it needs."""
        return self._page("".join(f"<script>{script()}</script>" for script in self._scripts().values()))

    def stored_page(self) -> str:
        """The page as it is stored: scripts of figures are large, so they are objects of their own."""
        digests = [_stored(name, script) for name, script in self._scripts().items()]
        return self._page("".join(f'<meta name="flytenb-script" content="{digest}">' for digest in digests))

    def _scripts(self) -> dict[str, Callable[[], str]]:
        found: dict[str, Callable[[], str]] = {}
        for tab in self.tabs.values():
            found.update(tab.scripts())
        return found

    def publish(self, action: ActionContext) -> None:
        """Publish it now.

        Raises:
            ValueError: the page is too large.
        """
        with self._lock:
            self._published_at, self._is_due = time.monotonic(), False
            page = self.stored_page()
            if len(page) > MAX_PAGE_BYTES:
                raise ValueError(
                    f'the report of "{self.name}" has {len(page) / 1e6:.0f} MB (at most {MAX_PAGE_BYTES >> 20} MiB): '
                    "show fewer or smaller figures, or replace what is old with flyte.report.replace(…)"
                )
            action.port.report(page)

    def publish_soon(self, action: ActionContext) -> None:
        """Publish it now, or a moment later if that was done a moment ago."""
        with self._lock:
            rest_s = self._published_at + INTERVAL_S - time.monotonic()
            if rest_s > 0:
                if not self._is_due:
                    self._is_due = True
                    timer = threading.Timer(rest_s, copy_context().run, (self._publish_due, action))
                    timer.daemon = True
                    timer.start()
                return
        self.publish(action)

    def _publish_due(self, action: ActionContext) -> None:
        with self._lock:
            if self._is_due:
                # It may have ended meanwhile, and published all; what else is wrong its end tells.
                with contextlib.suppress(RuntimeError, ValueError, OSError):
                    self.publish(action)

    def _page(self, scripts: str) -> str:
        shown = [tab for tab in self.tabs.values() if tab.content or tab.name != MAIN]
        head = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8">{scripts}'
            f"{_FOLLOW_TABS if scripts else ''}<title>{escape(self.name)}</title>"
            f"<style>{_STYLE}{_picked(len(shown))}</style></head><body>"
        )
        if len(shown) <= 1:
            return f"{head}<main>{shown[0].get_html() if shown else ''}</main></body></html>"
        numbers = range(len(shown))
        picks = "".join(
            f'<input class="pick" type="radio" name="tab" id="tab{i}"{"" if i else " checked"}>' for i in numbers
        )
        labels = "".join(f'<label for="tab{i}">{escape(tab.name)}</label>' for i, tab in enumerate(shown))
        bodies = "".join(f'<section class="tab" id="body{i}">{tab.get_html()}</section>' for i, tab in enumerate(shown))
        return f"{head}{picks}<nav>{labels}</nav><main>{bodies}</main></body></html>"


def _picked(count: int) -> str:
    """Rules that show the picked tab, without a script."""
    if count <= 1:
        return ""
    shown = ",".join(f"#tab{i}:checked~main #body{i}" for i in range(count))
    marked = ",".join(f'#tab{i}:checked~nav label[for="tab{i}"]' for i in range(count))
    return f"{shown}{{display:block}}{marked}{{font-weight:600;box-shadow:0 2px 0 #7652a2}}"


def report_of(action: ActionContext) -> Report:
    """The action's report, made on first use."""
    report = action.report
    if report is None:
        report = action.report = Report(action.task_name)
    assert isinstance(report, Report)
    return report


def current_report() -> Report:
    """The running action's report; outside tasks one that nobody sees."""
    action = current_action.get()
    return Report("dummy") if action is None else report_of(action)


def _stored(name: str, script: Callable[[], str]) -> str:
    """Digest of a script in the object store; put there once for a process."""
    store = objects()
    known = _scripts_stored.get((str(store.root), name))
    if known is None:
        known = _scripts_stored[(str(store.root), name)] = store.put(script().encode())
    return known


_scripts_stored: dict[tuple[str, str], str] = {}


def final_html(action: ActionContext) -> str | None:
    """The page to publish when the action ended; None when nothing was written."""
    report = action.report
    return report.get_final_report() if isinstance(report, Report) and report.has_content() else None


class _Quick(Generic[P, R]):
    """A function that never blocks for long, with an `.aio` twin for those who await it."""

    def __init__(self, func: Callable[P, R]) -> None:
        self._func = func
        update_wrapper(self, func)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._func(*args, **kwargs)

    async def aio(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The same, awaitable."""
        return self._func(*args, **kwargs)


@_Quick
def log(content: Any, do_flush: bool = False) -> None:
    """Append to the main tab: HTML text, a figure (matplotlib, plotly …), a DataFrame, a picture.

    Args:
        content: what to show.
        do_flush: publish it at once.

    Example:
        flyte.report.log(figure, do_flush=True)
    """
    current_report().get_tab(MAIN).log(content)
    if do_flush:
        flush()


@_Quick
def replace(content: Any, do_flush: bool = False) -> None:
    """Show this in the main tab in place of what is there; `do_flush` publishes it at once."""
    current_report().get_tab(MAIN).replace(content)
    if do_flush:
        flush()


@_Quick
def flush() -> None:
    """Publish the report as it is now; nothing happens outside tasks. The last state is published by itself.

    At most four times a second: what comes faster is published a moment later.
    """
    action = current_action.get()
    if action is not None:
        report_of(action).publish_soon(action)


def get_tab(name: str, /, create_if_missing: bool = True) -> Tab:
    """A tab of the running action's report; made when it is not there."""
    return current_report().get_tab(name, create_if_missing)
