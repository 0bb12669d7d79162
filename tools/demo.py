"""`make demo`: runs the main sample notebook on real data, unattended, and says where the result is.

The executed notebook and its HTML go to `out/`. The engine's state goes to `out/demo-home/`, apart from the user's own,
and stays: a second demo finds its results cached. `FLYTENB_HOME` chooses another place.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out"
NOTEBOOK = ROOT / "sample_notebooks" / "02_digits_search.ipynb"
BIN = Path(sys.executable).parent


def main() -> int:
    """Run, show, tell."""
    OUT.mkdir(exist_ok=True)
    os.environ.setdefault("FLYTENB_HOME", str(OUT / "demo-home"))
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    executed, page = OUT / NOTEBOOK.name, OUT / f"{NOTEBOOK.stem}.html"
    print(f"Running {NOTEBOOK.relative_to(ROOT)} …", flush=True)
    start = time.monotonic()
    failure = execute(NOTEBOOK, executed)
    took = time.monotonic() - start
    export(executed, page)
    print(f"{'Failed' if failure else 'Done'} in {took:.1f} s.\n", flush=True)
    show_last_run()
    tell(executed, page)
    if failure:
        print(f"\n{failure}", file=sys.stderr)
    return 1 if failure else 0


def execute(source: Path, target: Path) -> str:
    """Run every cell as `jupyter nbconvert --execute` would; returns what failed, or ""."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(source, as_version=4)
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(source.parent)}}
    )
    try:
        with open(OUT / "kernel.log", "w") as log:
            client.execute(stderr=log)
    except CellExecutionError as error:
        return str(error)
    finally:
        nbformat.write(notebook, target)
    return ""


def export(notebook: Path, page: Path) -> None:
    """The executed notebook as one HTML file."""
    from nbconvert import HTMLExporter

    body, _ = HTMLExporter().from_filename(str(notebook))
    page.write_text(body, encoding="utf-8")


def show_last_run() -> None:
    """The tree of the newest run, as the command line prints it."""
    import json

    program = str(BIN / "flytenb")
    listed = subprocess.run([program, "get", "run", "-o", "json"], capture_output=True, text=True, check=False)
    runs = json.loads(listed.stdout) if listed.returncode == 0 and listed.stdout.strip() else []
    if runs:
        subprocess.run([program, "get", "run", runs[0]["name"]], check=False)


def tell(executed: Path, page: Path) -> None:
    """Where things are, and what to type next."""
    home = os.environ["FLYTENB_HOME"]
    print(
        f"""
executed notebook   {shown(executed)}
as a web page       {shown(page)}
state of the engine {shown(Path(home))}

Open it:            make lab, then 02_digits_search
The runs again:     FLYTENB_HOME={shown(Path(home))} .venv/bin/flytenb get run
Stop the engine:    FLYTENB_HOME={shown(Path(home))} .venv/bin/flytenb engine stop
                    (it also ends by itself when it has been idle)"""
    )


def shown(path: Path) -> str:
    """A path as it can be typed from the checkout."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main())
