"""Reports: a page of HTML in tabs that a task writes while it runs.

Content is the user's HTML, put in as it is; tab names are text and are escaped. The page needs no script, no network.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from html import escape
from typing import Any, Generic, ParamSpec, TypeVar

from flytenb.context import ActionContext, current_action

P = ParamSpec("P")
R = TypeVar("R")

_MAIN = "main"
_MAX_DETAIL = 20_000

_STYLE = (
    "body{margin:0;font:14px/1.5 system-ui,sans-serif;color:#1f2328;background:#fff}"
    "main{padding:16px 20px}nav label{display:inline-block;padding:8px 14px;cursor:pointer;color:#57606a}"
    "nav{border-bottom:1px solid #d0d7de;padding:0 12px}.tab{display:none}.pick{position:absolute;opacity:0}"
    "table{border-collapse:collapse}td,th{border:1px solid #d0d7de;padding:4px 10px;text-align:left}"
    "img,svg{max-width:100%}"
    "@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}nav,td,th{border-color:#30363d}}"
)


def _as_html(content: Any) -> str:
    """HTML text, or an object that shows itself in notebooks."""
    if isinstance(content, str):
        return content
    show = getattr(content, "_repr_html_", None)
    html = show() if callable(show) else None
    if isinstance(html, str):
        return html
    raise TypeError(f"a report takes HTML text, not {type(content).__name__}; write for example str(…) or a table")


class Tab:
    """One page of a report."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.content: list[str] = []

    def log(self, content: Any) -> None:
        """Append HTML."""
        self.content.append(_as_html(content))

    def replace(self, content: Any) -> None:
        """Show this HTML only."""
        self.content = [_as_html(content)]

    def get_html(self) -> str:
        """All of it."""
        return "\n".join(self.content)


class Report:
    """The tabs of one action."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tabs: dict[str, Tab] = {_MAIN: Tab(_MAIN)}

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
        """The whole page as text."""
        shown = [tab for tab in self.tabs.values() if tab.content or tab.name != _MAIN]
        head = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f"<title>{escape(self.name)}</title><style>{_STYLE}{_picked(len(shown))}</style></head><body>"
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
    """Append HTML to the main tab; `do_flush` publishes at once."""
    current_report().get_tab(_MAIN).log(content)
    if do_flush:
        flush()


@_Quick
def replace(content: Any, do_flush: bool = False) -> None:
    """Replace the main tab; `do_flush` publishes at once."""
    current_report().get_tab(_MAIN).replace(content)
    if do_flush:
        flush()


@_Quick
def flush() -> None:
    """Publish the report as it is now; nothing happens outside tasks. The last state is published by itself."""
    action = current_action.get()
    if action is not None:
        action.port.report(report_of(action).get_final_report())


def get_tab(name: str, /, create_if_missing: bool = True) -> Tab:
    """A tab of the running action's report; made when it is not there."""
    return current_report().get_tab(name, create_if_missing)


# ---- widgets ----------------------------------------------------------------------------------------------------


def abbreviate(value: Any, limit: int = 300) -> str:
    """Escaped text; what is longer than `limit` characters folds into `<details>`."""
    text = "" if value is None else str(value)
    if len(text) <= limit:
        return escape(text)
    rest = len(text) - _MAX_DETAIL
    whole = escape(text[:_MAX_DETAIL]) + (f"\n… (+{rest} more)" if rest > 0 else "")
    return (
        f'<details style="display:inline-block;vertical-align:top;max-width:100%"><summary style="cursor:pointer">'
        f"{escape(text[:limit])}… (+{len(text) - limit})</summary>"
        f'<pre style="white-space:pre-wrap">{whole}</pre></details>'
    )


def duration_ms(start_iso: Any, end_iso: Any) -> str:
    """`"<n> ms"` between two ISO times; "" when they are none."""
    import re
    from datetime import datetime

    try:
        # Python 3.10 reads neither "Z" nor a fraction of other than 3 or 6 digits.
        texts = (str(at).replace("Z", "+00:00") for at in (start_iso, end_iso))
        start, end = (
            datetime.fromisoformat(re.sub(r"\.(\d{1,6})\d*", lambda found: f".{found[1]:0<6}", text)) for text in texts
        )
        return f"{(end - start).total_seconds() * 1000:.0f} ms"
    except (ValueError, TypeError):
        return ""


class Timeline:
    """Rows in the order in which they happened, in a tab of the running action's report.

    Args:
        tab_name: the tab.
    """

    def __init__(self, tab_name: str = _MAIN) -> None:
        self._tab_name = tab_name

    def heading(self, text: Any) -> None:
        """A heading."""
        get_tab(self._tab_name).log(f'<h3 style="margin:8px 0 4px">{escape(str(text))}</h3>')

    def row(self, *, icon: str = "•", label: Any = "", meta: str = "", detail: str = "", error: Any = None) -> None:
        """One row; `detail` is HTML, the rest is text."""
        wrong = f' <span style="color:#c62828">⚠ {abbreviate(error, 200)}</span>' if error else ""
        get_tab(self._tab_name).log(
            '<div style="padding:3px 0;border-bottom:1px solid rgba(128,128,128,.2);font-size:13px">'
            f'{escape(icon)} <b>{escape(str(label))}</b> <span style="opacity:.6">{escape(meta)}</span>'
            f"{' — ' + detail if detail else ''}{wrong}</div>"
        )
