"""flytenb inside IPython: cell hooks, magics, and runs shown in the cell that started them."""

from flytenb.notebook.extension import load_ipython_extension, unload_ipython_extension

__all__ = ["load_ipython_extension", "unload_ipython_extension"]
