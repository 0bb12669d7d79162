"""Draws the life of an action, as the rules have it, into `docs/architecture.md`. A test compares the two.

python tools/phase_diagram.py            # print
python tools/phase_diagram.py --write    # put it between the document's marks
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from flytenb.model.phases import FIRST_TERMINAL, ActionPhase
from flytenb.rules.phases import TRANSITIONS

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "architecture.md"
MARKED = re.compile(r"(<!-- phases -->\n).*?(<!-- end of phases -->)", re.DOTALL)


def diagram() -> str:
    """The transition table as a mermaid state diagram."""
    lines = ["```mermaid", "stateDiagram-v2", f"  [*] --> {ActionPhase.of(min(TRANSITIONS)).value}"]
    for phase, steps in TRANSITIONS.items():
        for event, target in steps.items():
            lines.append(f"  {ActionPhase.of(phase).value} --> {ActionPhase.of(target).value}: {event}")
    lines += [f"  {ActionPhase.of(phase).value} --> [*]" for phase in TRANSITIONS if phase >= FIRST_TERMINAL]
    return "\n".join([*lines, "```", ""])


def drawn() -> str:
    """What the document shows now."""
    found = MARKED.search(DOCUMENT.read_text(encoding="utf-8"))
    return found.group(0) if found else ""


def expected() -> str:
    """What it should show."""
    return f"<!-- phases -->\n{diagram()}<!-- end of phases -->"


if __name__ == "__main__":
    if "--write" in sys.argv:
        text = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(MARKED.sub(lambda _: expected(), text), encoding="utf-8")
    else:
        print(diagram(), end="")
