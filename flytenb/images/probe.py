"""What Python an image has, told by that Python itself."""

from __future__ import annotations

import json
from typing import Any

#: Exit status of an image without Python.
NO_PYTHON = 97

_TELL = """
import json, sys
found = {}
try:
    from importlib import metadata
    for one in metadata.distributions():
        name = one.metadata["Name"]
        if name:
            found.setdefault(name, one.version)
except ImportError:
    pass
print("flytenb:" + json.dumps({
    "python": sys.executable,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "distributions": sorted("%s==%s" % one for one in found.items()),
}))
"""

#: Shell text that prints what `facts` reads.
COMMAND = f"""PY="$(command -v python3 || command -v python || true)"
[ -n "$PY" ] || exit {NO_PYTHON}
exec "$PY" - <<'END'
{_TELL}
END"""


def facts(output: bytes) -> dict[str, Any]:
    """python, version and distributions of what `COMMAND` printed; {} when it says nothing."""
    for line in output.decode(errors="replace").splitlines():
        if line.startswith("flytenb:"):
            found: dict[str, Any] = json.loads(line.partition(":")[2])
            return found
    return {}
