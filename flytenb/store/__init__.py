"""The engine's memory on disk: SQLite in WAL mode, one journal thread that commits in groups, readers beside it.

The only SQL of the house is here.
"""

from flytenb.store.database import StoreError, open_store, set_aside
from flytenb.store.journal import Journal
from flytenb.store.reader import Reader

__all__ = ["Journal", "Reader", "StoreError", "open_store", "set_aside"]
