"""Reports of a run for its view: the pages as they are stored, read once each."""

from __future__ import annotations

import logging
from functools import lru_cache

from flytenb.client.action import here
from flytenb.model.snapshot import RunSnapshot

_logger = logging.getLogger(__name__)

#: Reports of one run that a view may show, at most.
MAX_PAGES = 8


def pages(snapshot: RunSnapshot) -> dict[str, str]:
    """Action name → page; the root's first."""
    found = {}
    for action, digest in list(snapshot.reports.items())[:MAX_PAGES]:
        page = _page(digest)
        if page:
            found[action] = page
    return found


@lru_cache(maxsize=32)
def _page(digest: str) -> str:
    try:
        return here()[1].get(digest).decode()
    except (LookupError, OSError, ValueError):
        _logger.debug("the report %s cannot be read", digest, exc_info=True)
        return ""
