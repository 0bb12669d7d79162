"""What the command line refuses."""

from __future__ import annotations

from flytenb.errors import FlytenbError


class LoadError(FlytenbError):
    """The file or the task in it cannot be found."""
