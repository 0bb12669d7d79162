"""The built front end is that of its sources, says what the Python views say, and stays small."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES, BUILT, STATIC = ROOT / "labextension", ROOT / "flytenb" / "labextension", ROOT / "flytenb" / "static"
#: Bytes of everything that JupyterLab loads, and of the module for plain pages, compressed.
LAB_LIMIT, STANDALONE_LIMIT = 250_000, 40_000


def test_the_build_is_that_of_its_sources() -> None:
    files = ["package.json", "tsconfig.json", "yarn.lock"]
    for folder in ("src", "style", "schema", "scripts"):
        files += [p.relative_to(SOURCES).as_posix() for p in (SOURCES / folder).rglob("*") if p.is_file()]
    digest = hashlib.sha256()
    files.remove("src/generated/model.ts")  # types leave nothing in the build
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + (SOURCES / name).read_bytes().replace(b"\r\n", b"\n") + b"\0")
    stamp = json.loads((BUILT / "build-info.json").read_text())["sources"]
    assert stamp == digest.hexdigest(), "flytenb/labextension is older than labextension/: run `make frontend`"


def test_what_is_derived_from_python_is_up_to_date() -> None:
    tool = ROOT / "tools" / "frontend_types.py"
    found = subprocess.run([sys.executable, str(tool)], capture_output=True, text=True, check=False, cwd=ROOT)
    assert found.stdout == "", f"run `make frontend-types`:\n{found.stdout}{found.stderr}"
    assert found.returncode == 0, found.stderr


def test_bundles_stay_within_their_budgets() -> None:
    static = list((BUILT / "static").rglob("*.js"))
    assert static
    assert sum(map(_compressed, static)) <= LAB_LIMIT
    assert _compressed(STATIC / "flytenb.js") <= STANDALONE_LIMIT


def test_the_build_asks_no_network_and_no_file_names_a_registry() -> None:
    for path in STATIC.rglob("*.js"):
        addresses = re.findall(r"(?:https?|wss?)://[^\s\"'`)]+", path.read_text())
        assert [each for each in addresses if not each.startswith("http://www.w3.org/")] == []
    assert "://" not in (SOURCES / "yarn.lock").read_text()


def _compressed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 9))
