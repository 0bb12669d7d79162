"""Whether the caller's environment has what the layers of an image ask for."""

from __future__ import annotations

from collections.abc import Callable

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from flytenb.images import requirements
from flytenb.images.interpreter import Interpreter
from flytenb.images.layers import minor_of, package_layers
from flytenb.model.image import ImageSpec


def lacks(spec: ImageSpec, caller: Interpreter, read: Callable[[str], bytes]) -> tuple[str, ...]:
    """What of an image's Python and packages the caller's environment has not, in words; () when it has all.

    Args:
        spec: the image; its base and layers that need a container are not looked at.
        caller: the caller's interpreter.
        read: contents of files by digest.

    Raises:
        ImageBuildError: a file of a layer cannot be read.
    """
    found: list[str] = []
    minor = minor_of(spec)
    if minor is not None and minor != caller.minor:
        found.append(f"Python {minor[0]}.{minor[1]} ({caller.version[0]}.{caller.version[1]} runs)")
    for layer in package_layers(spec):
        found += _lacks(requirements.asked(layer, read, caller.minor), caller)
    return tuple(dict.fromkeys(found))


def _lacks(asked: requirements.Asked, caller: Interpreter) -> list[str]:
    found = [f"{what}, which cannot be compared" for what in asked.unclear]
    if asked.python and not _allows(asked.python, ".".join(map(str, caller.version))):
        found.append(f"Python {asked.python} ({'.'.join(map(str, caller.version))} runs)")
    limits = _limits(asked.constraints, caller)
    check = _Check(caller, limits)
    for text in asked.requirements:
        check.add(text)
    return found + check.found


def _allows(specifier: str, version: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except InvalidSpecifier:
        return False


def _limits(constraints: list[str], caller: Interpreter) -> dict[str, list[SpecifierSet]]:
    limits: dict[str, list[SpecifierSet]] = {}
    for text in constraints:
        try:
            one = Requirement(text)
        except InvalidRequirement:
            continue
        if one.marker is None or one.marker.evaluate({**caller.markers, "extra": ""}):
            limits.setdefault(canonicalize_name(one.name), []).append(one.specifier)
    return limits


class _Check:
    """Follows requirements through an environment: what constraints limit is looked at to the last dependency."""

    def __init__(self, caller: Interpreter, limits: dict[str, list[SpecifierSet]]) -> None:
        self._caller, self._limits = caller, limits
        self._seen: set[tuple[str, str]] = set()
        self.found: list[str] = []

    def add(self, text: str, extras: frozenset[str] = frozenset()) -> None:
        """One more requirement; `extras` are those of the distribution that names it."""
        try:
            wanted = Requirement(text)
        except InvalidRequirement as error:
            self.found.append(f"{text}, which is no requirement ({str(error).splitlines()[0]})")
            return
        if not self._applies(wanted, extras):
            return
        if wanted.url is not None:
            self.found.append(f"{text}, which cannot be compared")
            return
        name = canonicalize_name(wanted.name)
        installed = self._caller.distributions.get(name)
        if installed is None:
            self.found.append(f"{_short(wanted)} (not installed)")
            return
        sets = (wanted.specifier, *self._limits.get(name, ()))
        bad = next((one for one in sets if not _holds(one, installed[0])), None)
        if bad is not None:
            self.found.append(f"{wanted.name}{bad} ({installed[0]} is installed)")
            return
        self._follow(name, frozenset(canonicalize_name(one) for one in wanted.extras), installed[1])

    def _applies(self, wanted: Requirement, extras: frozenset[str]) -> bool:
        if wanted.marker is None:
            return True
        return any(wanted.marker.evaluate({**self._caller.markers, "extra": one}) for one in extras or {""})

    def _follow(self, name: str, extras: frozenset[str], needs: tuple[str, ...]) -> None:
        """What the distribution itself needs, as far as it matters: for its extras, and where versions are locked."""
        for extra in extras | ({""} if self._limits else set()):
            if (name, extra) in self._seen:
                continue
            self._seen.add((name, extra))
            for text in needs:
                if (extra and "extra" in text) or (not extra and "extra" not in text.partition(";")[2]):
                    self.add(text, frozenset({extra}) if extra else frozenset())


def _holds(specifier: SpecifierSet, installed: str) -> bool:
    try:
        return specifier.contains(Version(installed), prereleases=True)
    except InvalidVersion:
        return str(specifier) in ("", f"==={installed}")


def _short(wanted: Requirement) -> str:
    extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
    return f"{wanted.name}{extras}{wanted.specifier}"
