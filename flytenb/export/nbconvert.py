"""`jupyter nbconvert --to flytenb`: the same script, from nbconvert and from the front ends that list its exporters."""

from __future__ import annotations

from typing import Any

from nbconvert.exporters.exporter import Exporter
from traitlets import Unicode

from flytenb.export.convert import export_notebook
from flytenb.export.read import cells_of


class ScriptExporter(Exporter):
    """A script of tasks, with drivers in `main()`."""

    export_from_notebook = "flytenb script"
    output_mimetype = "text/x-python"
    target = Unicode("flytenb", help="Package that the script imports: flytenb or flyte.").tag(config=True)

    def _file_extension_default(self) -> str:
        return ".py"

    def from_notebook_node(self, nb: Any, resources: Any = None, **kw: Any) -> tuple[Any, dict[str, Any]]:
        """The script of a notebook, and nbconvert's resources."""
        nb, found = super().from_notebook_node(nb, resources, **kw)
        name = (found.get("metadata") or {}).get("name") or "notebook"
        made = export_notebook(cells_of(nb, name), name=f"{name}.ipynb", target=self.target)
        for note in made.notes:
            self.log.warning("not carried: %s", note)
        return made.text, found
