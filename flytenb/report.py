"""`flyte.report`: a page of HTML that a task writes while it runs."""

from flytenb.sdk.report import (
    Report,
    Tab,
    current_report,
    flush,
    get_tab,
    log,
    replace,
)
from flytenb.sdk.report_widgets import Timeline, abbreviate, duration_ms

__all__ = [
    "Report",
    "Tab",
    "Timeline",
    "abbreviate",
    "current_report",
    "duration_ms",
    "flush",
    "get_tab",
    "log",
    "replace",
]
