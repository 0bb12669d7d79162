"""Ready-made parts of reports: folded long text, and rows in the order in which they happened."""

from __future__ import annotations

from html import escape
from typing import Any

from flytenb.sdk.report import MAIN, get_tab

_MAX_DETAIL = 20_000


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

    def __init__(self, tab_name: str = MAIN) -> None:
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
