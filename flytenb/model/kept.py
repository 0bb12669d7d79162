"""What a person keeps of a run: a pin, tags, a remark."""

from __future__ import annotations

import msgspec

#: Characters of a tag and of a remark, and tags of a run, at most.
MOST_TAG = 60
MOST_NOTE = 2_000
MOST_TAGS = 20


class RunMark(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was marked on one run."""

    #: Whether it stays, whatever is pruned.
    is_pinned: bool = False
    tags: tuple[str, ...] = ()
    note: str = ""


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is gone."""

    name: str
    action_count: int


def tags_of(text: str) -> tuple[str, ...]:
    """Tags as they are written, by commas; each once, in order.

    Raises:
        ValueError: too many, or one too long.
    """
    found = tuple(dict.fromkeys(each for part in text.split(",") if (each := " ".join(part.split()))))
    if len(found) > MOST_TAGS:
        raise ValueError(f"{len(found)} tags are more than the {MOST_TAGS} that a run may have")
    for each in found:
        if len(each) > MOST_TAG:
            raise ValueError(f"the tag {each[:20]!r}… has {len(each)} characters, {MOST_TAG} are the most")
    return found
