"""Two versions of a task's code, or two sets of inputs: what differs, in words with cell or file and line. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from flytenb.capture.ingredients import Ingredients, Part
from flytenb.client.previews import preview
from flytenb.codec import payload as layout
from flytenb.codec import plain
from flytenb.model.declaration import CacheSettings, TaskDeclaration

#: Lines of a diff that are shown.
MOST_LINES = 12
_DISTRIBUTION = re.compile(r"([A-Za-z0-9][\w.-]*)==([^\s|]+)")
_CODE = ("function", "decorated", "opaque", "class", "replay")
Text = Callable[[Part], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that differs."""

    #: "code", "value", "name", "distribution", "input", "setting".
    kind: str
    name: str
    #: One sentence without a full stop.
    words: str
    #: Three words for a badge.
    short: str
    #: Where it stands now: "Cell In[4], line 2".
    place: str = ""
    #: Lines of a textual diff, "" for none.
    diff: str = ""


def code_differences(before: Ingredients, now: Ingredients, old_text: Text, new_text: Text) -> list[Difference]:
    """What differs between the code of two calls, what matters most first."""
    changed = [_changed(before.parts[label], now.parts[label], old_text, new_text) for label in _both(before, now)]
    found = [one for one in changed if one is not None]
    found += _distributions(before, now)
    if not any(one.kind == "code" for one in found):
        found += [_appeared(now.parts[label], "now also uses") for label in sorted(now.parts.keys() - before.parts)]
        found += [_appeared(before.parts[label], "no longer uses") for label in sorted(before.parts.keys() - now.parts)]
    order = {"code": 0, "value": 1, "distribution": 2, "name": 3}
    return sorted((one for one in found if one.words), key=lambda one: order.get(one.kind, 4))


def _both(before: Ingredients, now: Ingredients) -> list[str]:
    return sorted(label for label in before.parts.keys() & now.parts if _core(before, label) != _core(now, label))


def _core(of: Ingredients, label: str) -> tuple[str, str]:
    """Kind and digest without versions of distributions, which have words of their own."""
    part = of.parts[label]
    return part.kind, _DISTRIBUTION.sub(r"\1", part.digest)


def _changed(old: Part, new: Part, old_text: Text, new_text: Text) -> Difference | None:
    name = _name(new)
    at = f" ({new.place})" if new.place else ""
    if old.kind != new.kind and not (old.kind in _CODE and new.kind in _CODE):
        words = f"`{name}` was a {_kind(old)}, is a {_kind(new)}{at}"
        return Difference(kind="code", name=name, words=words, short=f"{name} changed", place=new.place)
    if new.kind == "name":
        words = f"`{name}` means `{new.digest}` now, meant `{old.digest}`{at}"
        return Difference(kind="name", name=name, words=words, short=f"{name} means another", place=new.place)
    if new.kind in ("value", "patch"):
        told = f"was {old.said}, is {new.said}" if old.said and new.said and old.said != new.said else "changed"
        what = "patch" if new.kind == "patch" else "value"
        words = f"{what} `{name}` {told}{at}"
        short = f"{name} {old.said} → {new.said}" if told != "changed" else f"{name} changed"
        return Difference(kind="value", name=name, words=words, short=short[:40], place=new.place)
    if new.kind not in _CODE and new.kind != "module":
        return Difference(kind="code", name=name, words=f"`{name}` changed{at}", short=f"{name} changed")
    return _changed_code(old, new, old_text(old), new_text(new))


def _changed_code(old: Part, new: Part, before: str, now: str) -> Difference:
    name, what, at = _name(new), _kind(new), f": {new.place}" if new.place else ""
    diff = diff_of(before, now) if before and now else ""
    if not diff and old.said != new.said:
        words = f"{what} `{name}` holds {new.said or 'other values'}, held {old.said or 'other values'}{at}"
        return Difference(kind="code", name=name, words=words, short=f"{name} holds others", place=new.place)
    if not diff and before and now:
        words = f"{what} `{name}` holds other values (a default, an enclosing variable or an attribute){at}"
        return Difference(kind="code", name=name, words=words, short=f"{name} holds others", place=new.place)
    counts = ""
    if diff:
        one, other = len(before.splitlines()), len(now.splitlines())
        counts = f", was {_lines(one)}, is {other}" if one != other else f", {_lines(other)}"
    short = f"{name} changed"
    return Difference(
        kind="code", name=name, words=f"{what} `{name}` changed{at}{counts}", short=short, place=new.place, diff=diff
    )


def _lines(number: int) -> str:
    return f"{number} line" + ("" if number == 1 else "s")


def diff_of(before: str, now: str) -> str:
    """The lines that differ, each with a line around it; "" when none does."""
    lines = list(difflib.unified_diff(before.splitlines(), now.splitlines(), n=1, lineterm=""))[2:]
    lines = [line for line in lines if not line.startswith("@@")]
    return "\n".join([*lines[:MOST_LINES], *(["…"] if len(lines) > MOST_LINES else [])])


def _appeared(part: Part, how: str) -> Difference:
    if part.kind in ("name", "alias"):
        return Difference(kind="name", name=part.label, words="", short="")
    name = _name(part)
    version = _DISTRIBUTION.search(part.digest)
    shown = f"{version[1]} {version[2]}" if version and part.kind in ("module", "from") else f"{_kind(part)} `{name}`"
    at = f" ({part.place})" if part.place else ""
    return Difference(kind="use", name=name, words=f"{how} {shown}{at}", short=f"{how} {name}", place=part.place)


def _distributions(before: Ingredients, now: Ingredients) -> list[Difference]:
    old, new = versions(before), versions(now)
    return [
        Difference(
            kind="distribution",
            name=name,
            words=f"{name} {old[name]} → {new[name]}",
            short=f"{name} {old[name]} → {new[name]}",
        )
        for name in sorted(old.keys() & new)
        if old[name] != new[name]
    ]


def versions(of: Ingredients) -> dict[str, str]:
    """Distributions that a key names, with their versions."""
    return {name: version for part in of.parts.values() for name, version in _DISTRIBUTION.findall(part.digest)}


def _name(part: Part) -> str:
    return part.label.removeprefix("module ").removeprefix("patch ").removesuffix(" is").partition("@")[0]


def _kind(part: Part) -> str:
    known = {"function": "function", "decorated": "function", "opaque": "function", "replay": "definition"}
    return known.get(part.kind, part.kind)


# ---- settings ------------------------------------------------------------------------------------------------------
def setting_differences(before: TaskDeclaration, now: TaskDeclaration) -> list[Difference]:
    """What two declarations said differently of the cache."""
    old, new = before.cache_settings or CacheSettings(), now.cache_settings or CacheSettings()
    found = []
    for name, one, other in (
        ("version", old.version, new.version),
        ("salt", old.salt, new.salt),
        ("ignored_inputs", ", ".join(old.ignored), ", ".join(new.ignored)),
        ("policies", ", ".join(old.policies), ", ".join(new.policies)),
    ):
        if one != other:
            words = f"the cache's {name} was {_said(one)}, is {_said(other)}"
            found.append(Difference(kind="setting", name=name, words=words, short=f"{name} changed"))
    return found


def type_differences(before: TaskDeclaration, now: TaskDeclaration) -> list[Difference]:
    """Which inputs and outputs were declared with other types."""
    found = []
    for side, what in (("inputs", "parameter"), ("outputs", "output")):
        old = {one["name"]: one["type"] for one in before.interface.get(side, ())}
        new = {one["name"]: one["type"] for one in now.interface.get(side, ())}
        for name in dict.fromkeys([*new, *old]):
            if old.get(name) == new.get(name):
                continue
            if name in old and name in new:
                words = f"{what} {name} was declared {old[name]}, is {new[name]}"
            else:
                words = f"{what} {name} ({new.get(name) or old[name]}) is {'new' if name in new else 'gone'}"
            found.append(Difference(kind="setting", name=name, words=words, short=f"{name}: other type"))
    return found


def scope_differences(before: str, now: str) -> list[Difference]:
    """Whose results two runs use: a project's and domain's own, or everybody's."""
    if before == now:
        return []
    words = f"the cache of {now or 'all projects'} was asked, the result is in that of {before or 'all projects'}"
    return [Difference(kind="setting", name="cache_lookup_scope", words=words, short="other project")]


def _said(text: str) -> str:
    return f'"{text}"' if text else "none"


# ---- inputs --------------------------------------------------------------------------------------------------------
def input_differences(before: bytes, now: bytes, ignored: tuple[str, ...] = ()) -> list[Difference]:
    """Which inputs of two calls differ; values are shown by their previews, nothing is unpickled."""
    if before == now:
        return []
    old, new = input_digests(before), input_digests(now)
    shown_old = {one.name: one for one in preview(before)}
    shown_new = {one.name: one for one in preview(now)}
    found = []
    for name in dict.fromkeys([*new, *old]):
        if name in ignored or old.get(name) == new.get(name):
            continue
        if name not in old or name not in new:
            side = shown_new.get(name) or shown_old.get(name)
            words = f"input {name} is {'new' if name in new else 'gone'}" + (f" ({side.text})" if side else "")
            short = words.partition(" (")[0].removeprefix("input ")
        else:
            one, other = shown_old[name], shown_new[name]
            words, short = _input_words(name, one, other)
        found.append(Difference(kind="input", name=name, words=words, short=short[:40]))
    return found


def _input_words(name: str, old: plain.Preview, new: plain.Preview) -> tuple[str, str]:
    if old.text != new.text and old.type != new.type:
        return f"input {name} was {old.text} ({old.type}), is {new.text} ({new.type})", f"{name} is {new.text}"
    if old.text != new.text:
        return f"input {name} was {old.text}, is {new.text}", f"{name} is {new.text}"
    if old.type != new.type:
        return f"input {name} was of type {old.type}, is of type {new.type}", f"{name} has another type"
    return f"input {name} has other content ({new.type} {new.text})", f"{name} has other content"


def input_digests(payload: bytes) -> dict[str, str]:
    """A digest of each input's content, as the key sees it."""
    names = layout.names(payload) if payload else []
    found = {}
    for name in names:
        content = layout.canonical(payload, [other for other in names if other != name])
        found[name] = blake2b(content, digest_size=16).hexdigest()
    return found
