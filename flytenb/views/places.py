"""Where the actions of a run ran and with what software: one line per environment that is worth one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flytenb.model.placement import Placement
from flytenb.model.snapshot import ActionRow
from flytenb.views import words

#: The tag of an image that was made here tells a person nothing; `flytenb get action` has the whole name.
_OUR_TAG = re.compile(r"^(flytenb/[^:]+):[0-9a-f]{24}$")
#: Distributions that a line names.
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An environment and what became of it."""

    environment: str
    #: "virtual environment (pandas 2.2.3, 14 distributions), no Docker engine answers".
    text: str
    #: What was left out: to be shown loudly.
    notes: tuple[str, ...] = ()


def places(actions: Iterable[ActionRow], known: Mapping[int, Placement]) -> tuple[Place, ...]:
    """The lines of a run, in order of their first action; a plain process has nothing to tell."""
    found: dict[tuple[str, int], Place] = {}
    for action in actions:
        key = (action.task.rpartition(".")[0], action.placement)
        placement = known.get(action.placement)
        if (
            placement is not None
            and key not in found
            and (placement.image or placement.notes or is_container(placement))
        ):
            found[key] = Place(environment=key[0], text=placement_text(placement), notes=placement.notes)
    return tuple(found.values())


def is_container(placement: Placement) -> bool:
    """Whether it is a container."""
    return placement.executor == "docker"


def placement_text(placement: Placement) -> str:
    """What kind of place it is, what is in it, and why it was chosen."""
    count, named = len(placement.distributions), _named(placement)
    inside = words.joined([*named, words.count(count, "distribution") if count > len(named) else ""])
    if is_container(placement):
        image = _OUR_TAG.sub(r"\1", placement.image) or placement.image_id
        kind = f"container of {image}"
    elif placement.environment:
        kind = "virtual environment"
    else:
        kind = "the caller's environment"
        return placement.reason if placement.reason.startswith(kind) else f"{kind}: {placement.reason}"
    return words.joined([f"{kind} ({inside})" if inside else kind, placement.reason])


def _named(placement: Placement) -> list[str]:
    """Name and version of the distributions that the image asks for by name."""
    asked = {_same(name) for name in re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", placement.image)}
    pairs = (one.partition("==") for one in placement.distributions)
    return [f"{name} {version}" for name, _, version in pairs if _same(name) in asked][:_NAMED]


def _same(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
