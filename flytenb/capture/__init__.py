"""Code from a notebook, a REPL or a script: its key, and a program that runs elsewhere.

Live objects choose what is needed, executed text tells how to write it down, values go by content.
"""

from flytenb.capture.key import CodeKey, code_key
from flytenb.capture.program import Program, TaskEntry, build_program
from flytenb.capture.registry import CellRegistry, registry

__all__ = ["CellRegistry", "CodeKey", "Program", "TaskEntry", "build_program", "code_key", "registry"]
