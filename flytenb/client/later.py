"""Flyte's names whose work comes with later capabilities: importable, with a clear error when used."""

from __future__ import annotations

from typing import Any, NoReturn

from flytenb.client.twin import twin
from flytenb.errors import NotAvailableError


@twin
def deploy(*environments: Any, **options: Any) -> NoReturn:
    """Register environments under a version."""
    raise NotAvailableError("flyte.deploy", "start a task with flyte.run, which ships its code by itself")


@twin
def serve(app: Any, **options: Any) -> NoReturn:
    """Start an app."""
    raise NotAvailableError("flyte.serve", "start the app's own server")


def with_servecontext(mode: str | None = None, **options: Any) -> NoReturn:
    """Options for `serve`."""
    raise NotAvailableError("flyte.with_servecontext", "start the app's own server")


@twin
def run_python_script(script: Any, **options: Any) -> NoReturn:
    """Run a script as a task."""
    raise NotAvailableError("flyte.run_python_script", "put its body into a task, or start it with subprocess in one")
