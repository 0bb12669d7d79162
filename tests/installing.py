"""Environments of their own for tests, made by uv with the index and the certificates that pip was configured with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from flytenb.images.settings import person_settings


def make_venv(folder: Path, *packages: str, options: tuple[str, ...] = ()) -> Path:
    """The interpreter of an environment with these packages; kept between runs of the tests once it is complete."""
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        uv = [sys.executable, "-m", "uv"]
        said = person_settings(str(folder), str(folder)).variables
        # A mirror's certificate is known to the machine, not to uv's own list.
        env = {"UV_SYSTEM_CERTS": "1", **os.environ, **{key: said[key] for key in said if key.startswith("UV_")}}
        env.pop("UV_CONFIG_FILE", None)
        making = [*uv, "venv", "-q", "--clear", "--python", sys.executable, folder]
        subprocess.run(making, check=True, timeout=60, env=env)
        installing = [*uv, "pip", "install", "-q", *options, "--python", python, *packages]
        subprocess.run(installing, check=True, timeout=300, env=env)
        (folder / "complete").touch()
    return python
