"""The version of this package, in one place: reading the installed metadata costs more than a whole submit."""

#: Kept equal to the one in pyproject.toml by a test.
VERSION = "0.1.0"
