"""Actions that are containers: this worker starts one, tells what it says, and takes what it made."""

from flytenb.worker.contained.run import Place, contain

__all__ = ["Place", "contain"]
