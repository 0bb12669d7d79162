"""The wire's layout; the text and the numbers are in `flytenb.model.tags`, where the rules read them too."""

from flytenb.model.tags import *  # noqa: F403
