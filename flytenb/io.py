"""`flyte.io`: files, folders and frames that travel by content."""

from flytenb.codec.files import CSV, PARQUET, DataFrame, Dir, File, HashFunction

__all__ = ["CSV", "PARQUET", "DataFrame", "Dir", "EmptyDir", "File", "HashFunction"]


def EmptyDir() -> Dir:  # type: ignore[type-arg]  # Flyte's name and form
    """A folder without files."""
    return Dir.empty()
