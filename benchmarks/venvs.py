"""Makes the peers' environments under `benchmarks/.venvs/`, each from its own pins; a peer that cannot be installed is
reported and left out of the table, never an error of the benchmark.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / ".venvs"

#: Direct requirements. flyte is the one that the targets name; the others are the versions of the published figures.
PEERS: dict[str, tuple[str, ...]] = {
    "flyte": ("flyte==2.12.1", "numpy>=2", "pandas>=2.2", "pyarrow>=18"),
    "ray": ("ray[default]==2.60.0",),
    "joblib": ("joblib==1.6.0",),
    "dask": ("dask[distributed]==2026.8.0",),
    # prefect 3.8.8 does not start with fastapi 0.165.
    "prefect": ("prefect==3.8.8", "fastapi>=0.140,<0.150"),
}


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment."""
    return FOLDER / peer / "bin" / "python"


def is_ready(peer: str) -> bool:
    """Whether the peer was installed from exactly these requirements with this Python."""
    stamp = FOLDER / peer / "requirements"
    return stamp.exists() and stamp.read_text() == _stamp(peer)


def _stamp(peer: str) -> str:
    return "\n".join((sys.version, *PEERS[peer]))


def _make(peer: str, uv: list[str]) -> str:
    """Install one peer; returns why it could not be, or "" when it could."""
    steps = (
        [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(FOLDER / peer)],
        [*uv, "pip", "install", "--quiet", "--python", str(python_of(peer)), *PEERS[peer]],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return (done.stderr.strip().splitlines() or ["no output"])[-1]
    (FOLDER / peer / "requirements").write_text(_stamp(peer))
    return ""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    uv = [sys.executable, "-m", "uv"]
    for peer in PEERS:
        if is_ready(peer):
            continue
        print(f"{peer}: installing {' '.join(PEERS[peer])}", flush=True)
        trouble = _make(peer, uv)
        if trouble:
            print(f"{peer}: not installed, so not compared: {trouble}", flush=True)


if __name__ == "__main__":
    main()
