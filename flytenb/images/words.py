"""What builds say to people: never with credentials."""

from __future__ import annotations

import re

from flytenb.redaction import Redactor

_USER = re.compile(r"(?<=://)[^/\s@]+@")
_NAMED = re.compile(r"(?i)\b([\w-]*(?:token|passw(?:or)?d|secret|api[_-]?key)[\w-]*\s*[=:]\s*)(\S+)")


#: Values of secrets that builds of this process were given.
hidden = Redactor()


def given(value: str | None) -> str | None:
    """A secret's value on its way to a build: from now on no log and no error tells it."""
    if value:
        hidden.add([value.encode("utf-8", "surrogateescape")])
    return value


def without_credentials(text: str) -> str:
    """The text without what builds were given, and with what looks like credentials replaced by ***.

    These are user names and passwords of URLs, and values named token, password or secret.
    """
    return _NAMED.sub(r"\1***", _USER.sub("***@", hidden.text(text)))


def sentence_of(lines: list[str], count: int = 8) -> str:
    """The last lines of a log, for an error."""
    kept = [line.rstrip() for line in lines if line.strip()][-count:]
    return "\n".join(f"  {line}" for line in kept)
