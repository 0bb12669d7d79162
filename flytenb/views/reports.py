"""Reports as they are shown: in a frame that is a world of its own, and as readable text where there are no frames.

The page is whatever a task wrote. The frame gives it an origin that nothing shares (`sandbox` without
`allow-same-origin`), no way to navigate, open windows or submit forms, and a policy that allows no network. So it can
run its scripts, and cannot reach the notebook, its cookies and storage, or a server.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from html import escape
from html.parser import HTMLParser

from flytenb.views.escape import clean, html, one_line

#: What a page may do, in a frame or saved as a file: run its own scripts, show its own data, reach nothing.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; media-src data: blob:; worker-src blob:; form-action 'none'; base-uri 'none'"
)
#: A page up to this size is shown in a run's own view; a larger one when it is asked for.
INLINE_BYTES = 100_000
_BEGIN = '<!doctype html><html lang="en"><head><meta charset="utf-8">'
_GUARD = f'{_BEGIN}<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
_HEAD = re.compile(re.escape(_BEGIN) + r'((?:<meta name="flytenb-script"[^>]*>)+)')
_SCRIPT = re.compile(r'<meta name="flytenb-script" content="([0-9a-f]{16,128})">')
_MIN_HEIGHT, _MAX_HEIGHT = 120, 640
#: Pages up to this size are searched for how high they are.
_SEARCHED_BYTES = 2_000_000
_PICTURE = re.compile(r'<img width="(\d+)" alt="" src="data:image/png;base64,([A-Za-z0-9+/]{32})')


def assembled(page: str, load: Callable[[str], str]) -> str:
    """A stored page with the scripts that it names, so that it needs nothing else.

    Args:
        page: as the task's worker stored it.
        load: gives the text of a script by its digest; raises LookupError or OSError when it is gone.
    """
    head = _HEAD.match(page)
    if head is None:
        return guarded(page)

    def script(found: re.Match[str]) -> str:
        try:
            return f"<script>{load(found[1])}</script>"
        except (LookupError, OSError):
            return "<style>body::before{content:'The script of these figures is not in the store any more.'}</style>"

    return guarded(page[: head.start(1)] + _SCRIPT.sub(script, head[1]) + page[head.end(1) :])


def guarded(page: str) -> str:
    """The page with its policy, which stands before all that the task wrote."""
    if page.startswith(_GUARD):
        return page
    return _GUARD + page.removeprefix(_BEGIN)


def is_inline(page: str) -> bool:
    """Whether a stored page may stand in a run's own view: it is small, and names no script that is large."""
    return len(page) <= INLINE_BYTES and _HEAD.match(page) is None


def frame(page: str, title: str, height: int = 0) -> str:
    """A page in a frame that can reach nothing outside of itself.

    Args:
        page: HTML of anybody.
        title: what it is, for screen readers.
        height: pixels; 0 = by its content, roughly.
    """
    return (
        f'<iframe sandbox="allow-scripts" referrerpolicy="no-referrer" title="{html(title, 100)}" '
        f'style="width:100%;height:{height or _height(page)}px;border:1px solid rgba(128,128,128,.35);'
        f'border-radius:4px;box-sizing:border-box;resize:vertical" '
        f'srcdoc="{escape(guarded(page), quote=True)}"></iframe>'
    )


def _height(page: str) -> int:
    """From what it holds: nobody outside can measure it. Of tabs the highest counts."""
    if len(page) > _SEARCHED_BYTES:
        return _MAX_HEIGHT
    body = page.partition("</head>")[2] or page
    head, *tabs = body.split('<section class="tab"')
    return max(_MIN_HEIGHT, min(_MAX_HEIGHT, 70 * bool(tabs) + max(map(_part_height, tabs or [head])) + 40))


def _part_height(part: str) -> int:
    pictures = list(_PICTURE.finditer(part))
    height = sum(_picture_height(int(found[1]), found[2]) for found in pictures)
    height += 320 * (part.count("<img") - len(pictures)) + 300 * part.count("<svg")
    height += 450 * part.count('class="plotly-graph-div"') + 490 * part.count("<iframe")
    rows = sum(part.count(f"<{tag}") for tag in ("tr", "p>", "li", "pre", "details", "div style"))
    return height + 29 * rows + 44 * sum(part.count(f"<h{level}") for level in range(1, 5)) + 18 * part.count("\n")


def _picture_height(width: int, start: str) -> int:
    """Of a PNG that is shown this wide, from its own size."""
    try:
        header = base64.b64decode(start)
        return width * int.from_bytes(header[20:24], "big") // max(1, int.from_bytes(header[16:20], "big")) + 8
    except ValueError:
        return 320


def excerpt(page: str, at_most: int = 30) -> list[str]:
    """The readable text of a page, line by line; tables as rows, pictures by a word."""
    lines = _lines(page)
    return [*lines[:at_most], f"… and {len(lines) - at_most:,} more lines"] if len(lines) > at_most else lines


def _lines(page: str) -> list[str]:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    text = clean("".join(reader.parts), 200_000)
    return [line for raw in text.split("\n") if (line := one_line(raw.strip(" |"), 160))]


class _Reader(HTMLParser):
    """Text of a page without its scripts and styles."""

    _SILENT = frozenset(("script", "style", "title", "template", "head"))
    _BREAKS = frozenset(("p", "div", "tr", "table", "br", "li", "h1", "h2", "h3", "h4", "pre", "section", "nav", "hr"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent: list[str] = []
        self._pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._SILENT:
            self._silent.append(tag)
        elif tag in ("img", "svg", "canvas"):
            self.parts.append("[picture] ")
        elif tag == "iframe" or ("class", "plotly-graph-div") in attrs:
            self.parts.append("[figure] ")
        elif tag in self._BREAKS:
            self._pre += tag == "pre"
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if self._silent and tag == self._silent[-1]:
            self._silent.pop()
        elif tag in ("td", "th"):
            self.parts.append(" | ")
        elif tag == "label":
            self.parts.append("  ")
        elif tag in self._BREAKS:
            self._pre = max(0, self._pre - (tag == "pre"))
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data if self._pre else re.sub(r"\s+", " ", data))
