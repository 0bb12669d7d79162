"""All that knows Docker: where its engine is, what it says when it cannot, labels, builds, and running a container.

Calls block; callers use threads. The `docker` package is imported here only, and only when a container is wanted.

Nothing is imported here: threads import parts of this package side by side, and a package that imports its parts while
another thread imports one of them fails in one of the two.
"""
