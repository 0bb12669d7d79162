"""Threads import parts of the package side by side."""

from __future__ import annotations

import subprocess
import sys

CODE = "import sys, flytenb.containers; print([one for one in sys.modules if one.startswith('flytenb.containers.')])"


def test_the_package_imports_none_of_its_parts() -> None:
    """Else one thread has the package and wants a part, another has that part and wants the package: one fails."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")
