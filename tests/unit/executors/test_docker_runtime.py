"""The folder that makes any Python a worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flytenb.executors.docker.runtime import is_compiled, make_runtime


def test_made_once_with_bytecode_and_used_by_a_bare_python(tmp_path: Path) -> None:
    folder = make_runtime(tmp_path)
    assert make_runtime(tmp_path) == folder
    assert is_compiled(folder, sys.implementation.cache_tag)
    assert [one.name for one in (tmp_path / "runtime").iterdir()] == [folder.name]
    program = (
        f"import sys; sys.path.insert(0, {str(folder / 'own')!r}); sys.path.append({str(folder / 'lib')!r})\n"
        "from flytenb.worker.container import begin; begin._stand_in()\n"
        "import flytenb.worker.shipped, flytenb.model.placement\n"
        "print(getattr(flytenb.model.placement.msgspec, '__file__', 'stand-in'))\n"
        "print(flytenb.worker.shipped.__cached__)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-B", "-c", program], capture_output=True, text=True)
    first, cached = done.stdout.split()
    assert first == "stand-in", done.stderr
    assert Path(cached).exists()
