"""A notebook as a script, and back: definitions at module level, drivers in `main()`, parameters as a command line.

`read` cells → `units` of a cell → `arrange` what goes where → `script` text. `restore` is the way back.
"""

from flytenb.export.convert import Exported, export_file, export_notebook
from flytenb.export.read import NotebookError, SourceCell, read_notebook
from flytenb.export.restore import restore_file, restore_script

__all__ = [
    "Exported",
    "NotebookError",
    "SourceCell",
    "export_file",
    "export_notebook",
    "read_notebook",
    "restore_file",
    "restore_script",
]
