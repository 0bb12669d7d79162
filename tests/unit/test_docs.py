"""The documents say what is there: every command and magic, working links, the phase table, no machine's addresses."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*.md"))]
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def command_paths(group: click.Group, prefix: str) -> list[str]:
    paths = []
    for name, command in group.commands.items():
        if command.hidden:
            continue
        path = f"{prefix} {name}"
        paths += command_paths(command, path) if isinstance(command, click.Group) else [path]
    return paths


def is_documented(path: str) -> bool:
    """`flytenb engine stop` is documented as a whole or as a word beside its siblings."""
    *above, last = path.split()
    rows = [line for line in COMMANDS.splitlines() if " ".join(above) in line]
    return any(re.search(rf"[ `]{re.escape(last)}\b", line) for line in rows)


def test_every_shell_command_is_documented() -> None:
    from flytenb.cli.app import app

    assert [path for path in command_paths(app, "flytenb") if not is_documented(path)] == []


def test_every_magic_is_documented() -> None:
    from flytenb.notebook.magics import FlyteMagics

    names = [f"%{name}" for name in FlyteMagics.magics["line"]] + [f"%%{name}" for name in FlyteMagics.magics["cell"]]
    assert [name for name in names if f"`{name}" not in COMMANDS] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if not target.startswith("http")]
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_phase_diagram_is_the_table() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "phase_diagram.py"))
    assert tool["drawn"]() == tool["expected"](), "run tools/phase_diagram.py --write"


def test_every_room_is_drawn() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.name for path in (ROOT / "flytenb").iterdir() if (path / "__init__.py").exists()}
    assert {room for room in rooms if not re.search(rf"\b{room}\b", text)} == set()


@pytest.mark.parametrize("name", ["uv.txt", "dev.txt"])
def test_pins_name_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert re.findall(r"(?:https?|file)://\S+|^-\S+|@ /\S+", text, re.MULTILINE) == []
    pins = re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.MULTILINE)
    assert pins
    assert text.count("--hash=sha256:") >= len(pins)


def test_sample_notebooks_carry_no_outputs() -> None:
    stains = runpy.run_path(str(ROOT / "tools" / "check_notebooks.py"))["stains"]
    assert [stain for path in sorted((ROOT / "sample_notebooks").glob("*.ipynb")) for stain in stains(path)] == []
