"""axe-core on a part of a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

_PLACES = (
    Path(__file__).resolve().parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js",
    Path("/usr/share/nodejs/axe-core/axe.min.js"),
)


def script() -> str:
    """The text of axe-core; skips where it is absent, and fails where CI lacks it."""
    found = next((each.read_text() for each in _places() if each.exists()), None)
    if found is None:
        if os.environ.get("CI") or os.environ.get("FLYTENB_REQUIRE_BROWSER"):
            pytest.fail("needs axe-core")
        pytest.skip("needs axe-core")
    return found


def serious_violations(page: Any, selector: str) -> list[str]:
    """What axe-core finds serious or worse in the elements, one line each."""
    if not page.evaluate("typeof axe !== 'undefined'"):
        # JupyterLab's loader of modules is no place for it: it goes to the window.
        page.evaluate("text => { (0, eval)('var module, exports, define;' + text); }", script())
    found = page.evaluate(
        "selector => axe.run({include: [selector]}, {resultTypes: ['violations']})"
        ".then(r => r.violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html + n.failureSummary).slice(0, 3)]))",
        selector,
    )
    return [f"{rule}: {nodes}" for impact, rule, nodes in found if impact in ("serious", "critical")]


def _places() -> tuple[Path, ...]:
    try:
        import axe_playwright_python as package
    except ImportError:
        return _PLACES
    return (*_PLACES, *Path(package.__file__).parent.glob("axe*.js"))
