"""`?` and Shift+Tab on what stands behind a magic and is no variable: names of environments, tasks and runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flytenb.client.start import is_there
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.notebook import completion, describe, previews, stored
from flytenb.views import facts, text, tree, twin
from flytenb.wire.paths import home


def install(ip: Any) -> Callable[[], None]:
    """Let a shell tell of our names what it does not know itself; returns the undoing."""
    before = ip.object_inspect_mime

    def tell(oname: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return before(oname, *args, **kwargs)
        except KeyError:
            found = told(ip.user_ns, oname)
            if found is None:
                raise
            return found

    is_own = "object_inspect_mime" in vars(ip)
    ip.object_inspect_mime = tell

    def remove() -> None:
        if vars(ip).get("object_inspect_mime") is not tell:
            return  # somebody has come after us, and asks us first
        if is_own:
            ip.object_inspect_mime = before
        else:
            del ip.object_inspect_mime

    return remove


def told(namespace: dict[str, Any], name: str) -> dict[str, str] | None:
    """Text and HTML of what has this name; None when nothing of ours has. Starts no engine."""
    for value in list(namespace.values()):
        if isinstance(value, type) or getattr(value, "name", None) != name:
            continue
        if getattr(value, "__flytenb_environment__", False) is True:
            environment = describe.environment_facts(value)
            return _both(facts.environment_text(environment), facts.environment_html(environment))
        if getattr(value, "__flytenb_task__", False) is True:
            task = describe.task_facts(value)
            return _both(facts.task_text(task), facts.task_html(task))
    return _run(name) if name.isidentifier() and is_there(home()) else None


def _run(name: str) -> dict[str, str] | None:
    try:
        if name not in completion.run_names():
            return None
        snapshot = stored.snapshot(name)
        view = tree.view(snapshot, previews.previews(snapshot))
    except (BaseRuntimeError, FlytenbError):
        return None
    return _both(text.render(view), twin.render(view))


def _both(plain: str, html: str) -> dict[str, str]:
    return {"text/plain": plain, "text/html": html}
