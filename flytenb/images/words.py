"""What builds say to people: never with credentials."""

from __future__ import annotations

import re

_USER = re.compile(r"(?<=://)[^/\s@]+@")
_NAMED = re.compile(r"(?i)\b([\w-]*(?:token|passw(?:or)?d|secret|api[_-]?key)[\w-]*\s*[=:]\s*)(\S+)")


def without_credentials(text: str) -> str:
    """The text with user names and passwords of URLs, and values named token, password or secret, replaced by ***."""
    return _NAMED.sub(r"\1***", _USER.sub("***@", text))


def sentence_of(lines: list[str], count: int = 8) -> str:
    """The last lines of a log, for an error."""
    kept = [line.rstrip() for line in lines if line.strip()][-count:]
    return "\n".join(f"  {line}" for line in kept)
