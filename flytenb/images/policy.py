"""Where an action runs, and with what software: one table, the first row that fits decides.

Facts are asked for only when a row needs them: whether a Docker engine answers costs milliseconds to seconds, whether a
virtual environment can be made costs a look at the machine. `decide` names the next fact it must know, or decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["caller", "venv", "docker", "refused"]
Value = str | bool


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    #: Fact → what it must be.
    when: Mapping[str, Value]
    kind: Kind
    #: Why, with places for `words`.
    reason: str
    #: What a person must know of it, "" for nothing.
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done, and why in words."""

    kind: Kind
    reason: str
    notes: tuple[str, ...] = ()
    #: Class of `errors` when it is refused.
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the facts are called, where the table speaks of them."""

    #: Layers that only a container can have: 'layer "apt git"'.
    layers: str = ""
    #: Why there is no container: "no Docker engine answers".
    engine: str = "no Docker engine was asked"
    #: The same at length, with what to do.
    why: str = ""
    #: What the caller's environment lacks: "attrs==22.1.0 (26.1.0 is installed)".
    missing: str = ""
    #: Why there is no virtual environment: "Python 3.9 is not on this machine".
    venv: str = ""
    #: How it came to processes: "processes were asked for".
    way: str = field(default="")


#: Facts: executor ("auto", "process", "docker"), policy ("auto", "strict", "ignore"), has_image and asks_gpu (said by
#: the environment), engine (a Docker engine answers), hands_out_gpus (that engine), needs_container (a layer, a
#: Dockerfile or a base that is not plain Debian Python), has_own_base (the latter two), satisfied (the caller's
#: environment has all other layers), venv (a virtual environment can have them).
TABLE: tuple[Row, ...] = (
    # A container was asked for by name.
    Row({"executor": "docker", "engine": True}, "docker", "containers were asked for"),
    Row({"executor": "docker", "engine": False}, "refused",
        "containers were asked for and there is no engine for them: {why}"),
    # Nobody looks at images.
    Row({"policy": "ignore"}, "caller", 'images are ignored (images="ignore"){way}'),
    # Nothing said that a plain process does not have.
    Row({"has_image": False, "asks_gpu": False}, "caller", "its environment names no image"),
    Row({"has_image": False, "executor": "process"}, "caller", "processes were asked for"),
    # Containers, where there is an engine.
    Row({"executor": "auto", "has_image": True, "asks_gpu": False, "engine": True}, "docker",
        "its environment names an image and a Docker engine answers"),
    Row({"executor": "auto", "asks_gpu": True, "engine": True, "hands_out_gpus": True}, "docker",
        "it asks for a GPU and a Docker engine hands them out"),
    Row({"executor": "auto", "asks_gpu": True, "engine": True, "has_image": True, "policy": "strict"}, "refused",
        "it asks for a GPU in a container and {engine}; install the NVIDIA container toolkit, or write "
        'executor="process"'),
    Row({"has_image": False}, "caller", "it asks for a GPU and {engine}"),
    # No container to be had. What needs one is left out, loudly, or refused.
    Row({"needs_container": True, "policy": "strict"}, "refused",
        "{layers} can only be realised in a container and {engine}; start Docker, or allow the rest with "
        'images="auto"'),
    Row({"has_own_base": True}, "caller", "its image needs a container and {engine}",
        "it runs in the caller's environment: {layers} can only be realised in a container and {engine}; what the "
        'image has beyond this environment is missing (start Docker, or refuse such runs with images="strict")'),
    Row({"needs_container": False, "satisfied": True}, "caller",
        "the caller's environment satisfies every layer of the image{way}"),
    Row({"needs_container": False, "venv": True}, "venv", "{way}"),
    Row({"needs_container": True, "satisfied": True}, "caller",
        "the caller's environment satisfies all layers that need no container{way}",
        "it runs in the caller's environment without {layers}: that needs a container and {engine} (start Docker, or "
        'refuse such runs with images="strict")'),
    Row({"needs_container": True, "venv": True}, "venv", "{way}",
        "it runs in a virtual environment without {layers}: that needs a container and {engine}, so this machine's own "
        'is used (start Docker, or refuse such runs with images="strict")'),
    Row({"policy": "strict", "venv": False}, "refused",
        "the caller's environment does not satisfy the image ({missing}), no virtual environment can be made ({venv}) "
        "and {engine}"),
    Row({"needs_container": True, "venv": False}, "caller", "no virtual environment can be made{way}",
        "it runs in the caller's environment without {layers}, which needs a container and {engine}, and without "
        '{missing}: no virtual environment can be made ({venv}; refuse such runs with images="strict")'),
    Row({"needs_container": False, "venv": False}, "caller", "no virtual environment can be made{way}",
        "it runs in the caller's environment, which does not satisfy the image ({missing}): no virtual environment can "
        'be made ({venv}) and {engine} (refuse such runs with images="strict")'),
)  # fmt: skip

#: Which class of `errors` a refusal is.
_NO_ENGINE = "ContainerEngineError"
_NO_IMAGE = "ImageBuildError"


def row_for(facts: Mapping[str, Value]) -> Row | str:
    """The row that fits, or the name of the next fact that must be known."""
    for row in TABLE:
        unknown = ""
        for fact, wanted in row.when.items():
            if fact not in facts:
                unknown = unknown or fact
            elif facts[fact] != wanted:
                break
        else:
            if unknown:
                return unknown
            return row
    raise LookupError(f"no row of the policy fits {dict(facts)}")


def decide(facts: Mapping[str, Value], words: Words) -> Decision | str:
    """What is done, or the name of the next fact that must be known."""
    row = row_for(facts)
    if isinstance(row, str):
        return row
    said = {name: getattr(words, name) for name in ("layers", "engine", "why", "missing", "venv", "way")}
    if row.kind == "refused":
        code = _NO_ENGINE if facts.get("executor") == "docker" else _NO_IMAGE
        return Decision("refused", row.reason.format(**said), code=code)
    if not row.reason.startswith("{way}"):
        said["way"] = f"; {words.way}" if words.way else ""
    return Decision(row.kind, row.reason.format(**said), (row.note.format(**said),) if row.note else ())
