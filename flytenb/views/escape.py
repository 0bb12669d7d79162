"""The one place that makes a string safe to stand in a view.

Every string of a user (names, messages, previews, log lines, source) passes through here on its way out. Besides
markup it takes out what would break the page or deceive the reader: control characters, lone surrogates, terminal
sequences and the characters that reverse the direction of text.
"""

from __future__ import annotations

import base64
import re
from html import escape

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_SPACES = re.compile(r"\s+")


def clean(text: object, limit: int = 2000) -> str:
    """Printable text with its line breaks, cut to `limit` characters."""
    cut = _ANSI.sub("", str(text)[: 4 * limit + 64]).replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    cut = _FORBIDDEN.sub("\ufffd", cut)
    return cut if len(cut) <= limit else cut[: limit - 1] + "…"


def one_line(text: object, limit: int = 200) -> str:
    """Printable text on one line, cut to `limit` characters."""
    line = _SPACES.sub(" ", clean(text, limit * 2 + 64)).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def html(text: object, limit: int = 200) -> str:
    """One line of text for HTML or SVG, as content or inside a quoted attribute."""
    return escape(one_line(text, limit), quote=True)


def html_block(text: object, limit: int = 2000) -> str:
    """Several lines for a `<pre>`."""
    return escape(clean(text, limit), quote=True)


def data_image(svg: str) -> str:
    """The address of an SVG image that survives the sanitizers of notebooks."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode("utf-8")).decode("ascii")
