"""The uv program, where a lock of its own has to be read: nobody else knows all its rules."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from flytenb.errors import ImageBuildError
from flytenb.images.pythons import find_uv


def exported(pyproject: bytes, lock: bytes) -> str:
    """The locked dependencies of a uv project as lines with hashes and markers.

    Raises:
        ImageBuildError: there is no uv, or it refuses the lock.
    """
    program = find_uv()
    if not program:
        raise ImageBuildError("a uv.lock can be read by uv only; pip install uv beside flytenb")
    with tempfile.TemporaryDirectory(prefix="flytenb-") as folder:
        Path(folder, "pyproject.toml").write_bytes(pyproject)
        Path(folder, "uv.lock").write_bytes(lock)
        command = [program, "export", "--frozen", "--offline", "--no-dev", "--no-emit-project", "--no-header",
                   "--no-annotate", "--format", "requirements-txt", "--project", folder]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
        if not done.returncode and re.search(r"(?m)^\S+ @ ", done.stdout):  # one without a hash forbids all others
            done = subprocess.run([*command, "--no-hashes"], capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise ImageBuildError(f'uv.lock cannot be read ({said}); run "uv lock" in the project')
    return done.stdout
