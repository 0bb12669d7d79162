"""Whether a task's results are kept and used again, and what makes two versions of a task different."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from flytenb.model.declaration import CacheSettings

CacheBehavior = Literal["auto", "override", "disable"]

_ALIASES: dict[str, CacheBehavior] = {
    **dict.fromkeys(("auto", "enable", "enabled", "on", "true", "yes"), "auto"),
    "override": "override",
    **dict.fromkeys(("disable", "disabled", "off", "false", "no", "none"), "disable"),
}


class VersionParameters(msgspec.Struct):
    """What a `CachePolicy` may look at."""

    func: Callable[..., Any] | None
    image: Any = None
    code_bundle: Any = None
    #: The key of the function and all it reaches, hex; "" when it has none.
    code_key: str = ""


@runtime_checkable
class CachePolicy(Protocol):
    """Gives a version to a task; another version is another cache entry."""

    def get_version(self, salt: str, params: VersionParameters) -> str:
        """The version as text."""


class FunctionBodyPolicy:
    """The default: the function and everything it reaches, by content."""

    def get_version(self, salt: str, params: VersionParameters) -> str:
        """The code's key under a salt."""
        return blake2b(f"{salt}\0{params.code_key}".encode(), digest_size=16).hexdigest() if params.code_key else ""


class Cache(msgspec.Struct):
    """How a task uses the cache.

    Args:
        behavior: "auto" reads and writes, "override" always runs and writes, "disable" does neither.
        version_override: a version of your own in place of the code's key.
        serialize: equal calls never run at the same time. (Calls that may use a result always share a running one;
            with this, those that must run, by "override" or `overwrite_cache`, wait for one another too.)
        ignored_inputs: parameters that do not make a difference.
        salt: any text; another text is another cache.
        policies: what makes the version; the default is the code.
        max_age: older results are not used; seconds or timedelta, None and 0 = any age.

    Example:
        `@env.task(cache=flyte.Cache("auto", ignored_inputs=("verbose",)))`
    """

    behavior: str
    version_override: str | None = None
    serialize: bool = False
    ignored_inputs: tuple[str, ...] | str = ()
    salt: str = ""
    policies: Sequence[CachePolicy] | CachePolicy | None = None
    max_age: timedelta | int | None = None

    def __post_init__(self) -> None:
        behavior = _ALIASES.get(self.behavior.lower()) if isinstance(self.behavior, str) else None
        if behavior is None:
            raise ValueError(f'cache={self.behavior!r} is not known; write "auto", "override" or "disable"')
        self.behavior = behavior
        if isinstance(self.max_age, bool) or not isinstance(self.max_age, (int, timedelta, type(None))):
            raise TypeError(f"Cache(max_age={self.max_age!r}) must be seconds or a timedelta")
        if isinstance(self.max_age, int):
            self.max_age = timedelta(seconds=self.max_age)
        if self.max_age is not None and self.max_age < timedelta(0):
            raise ValueError(f"Cache(max_age={self.max_age!r}) must not be negative")
        if isinstance(self.ignored_inputs, str):
            self.ignored_inputs = (self.ignored_inputs,)
        self.ignored_inputs = tuple(self.ignored_inputs)
        if self.policies is not None:
            policies = [self.policies] if isinstance(self.policies, CachePolicy) else list(self.policies)
            if not policies and self.version_override is None and self.is_enabled():
                raise ValueError("Cache(policies=[]) leaves no version; give a policy or version_override=")
            self.policies = policies

    @classmethod
    def of(cls, request: CacheRequest | bool | None) -> Cache:
        """From the `cache=` of a task: a word, a bool or a `Cache`."""
        if isinstance(request, Cache):
            return request
        if request is None:
            return cls("disable")
        if isinstance(request, bool):
            return cls("auto" if request else "disable")
        if not isinstance(request, str):
            raise TypeError(f'cache={request!r} must be "auto", "override", "disable", True, False or a flyte.Cache')
        return cls(request)

    def is_enabled(self) -> bool:
        """Whether it reads or writes at all."""
        return self.behavior != "disable"

    def get_ignored_inputs(self) -> tuple[str, ...]:
        """Parameters that do not count."""
        return tuple(self.ignored_inputs)

    def settings(self) -> CacheSettings | None:
        """What the engine keeps of it to explain misses; None when nothing but the behavior was said."""
        policies = self.policies if isinstance(self.policies, list) else []
        said = CacheSettings(
            version=self.version_override or "",
            salt=self.salt,
            ignored=self.get_ignored_inputs(),
            policies=tuple(type(one).__name__ for one in policies),
        )
        return said if said != CacheSettings() else None

    @property
    def needs_code_key(self) -> bool:
        """Whether the version is made from the code."""
        if not self.is_enabled() or self.version_override is not None:
            return False
        policies = self.policies if isinstance(self.policies, list) else []
        return self.policies is None or any(isinstance(policy, FunctionBodyPolicy) for policy in policies)

    @property
    def is_changing(self) -> bool:
        """Whether the user's own policies make the version: they may look at anything, so each call asks them."""
        if not self.is_enabled() or self.version_override is not None:
            return False
        policies = self.policies if isinstance(self.policies, list) else []
        return any(type(policy) is not FunctionBodyPolicy for policy in policies)

    @property
    def max_age_s(self) -> float:
        """Seconds after which a result is too old; 0 = never."""
        return self.max_age.total_seconds() if isinstance(self.max_age, timedelta) else 0.0

    def get_version(self, params: VersionParameters | None = None) -> str:
        """The version that stands for the task's code in the cache; "" when the task is not cached or has none."""
        if not self.is_enabled():
            return ""
        if self.version_override is not None:
            return blake2b(f"version\0{self.salt}\0{self.version_override}".encode(), digest_size=16).hexdigest()
        if params is None:
            return ""
        policies = self.policies if isinstance(self.policies, list) else [FunctionBodyPolicy()]
        versions = [policy.get_version(self.salt, params) for policy in policies]
        if not all(versions):
            return ""
        if self.policies is None and not self.salt:
            return params.code_key
        return blake2b("\0".join(versions).encode(), digest_size=16).hexdigest()


def check_ignored(cache: Any, func: Callable[..., Any], name: str) -> None:
    """Warn of `ignored_inputs` that a task has no parameter for: what was to be ignored would make a difference."""
    if not isinstance(cache, Cache) or not cache.ignored_inputs:
        return
    from difflib import get_close_matches

    known = inspect.signature(func).parameters
    for unknown in [each for each in cache.get_ignored_inputs() if each not in known]:
        near = get_close_matches(unknown, known, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"it has {', '.join(known) or 'none'}"
        text = f'Cache(ignored_inputs=…) of task {name}: it has no parameter "{unknown}"; {hint}'
        warnings.warn(text, UserWarning, stacklevel=4)  # the line of the decorator


CacheRequest: TypeAlias = Literal["auto", "override", "disable", "enable", "enabled", "on", "off"] | str | Cache
