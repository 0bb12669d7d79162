"""Other builders of images, as plug-ins: Flyte's protocols, a registry, and the one that `flyte.init` chose."""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from flytenb.sdk.later import ImageBuild

Architecture = Literal["linux/amd64", "linux/arm64"]
#: A `flyte.Image`, which itself asks here.
Image: TypeAlias = Any
#: Names under which flytenb's own builder is meant.
OWN = ("local", "docker", "default")
#: Entry points where packages offer builders, Flyte's and ours.
GROUPS = ("flyte.plugins.image_builders", "flytenb.image_builders")


class ImageChecker(Protocol):
    """Says whether an image is in a registry."""

    @classmethod
    async def image_exists(
        cls, repository: str, tag: str, arch: tuple[Architecture, ...] = ("linux/amd64",)
    ) -> str | None:
        """The image's name, None when it is not there."""


@runtime_checkable
class ImageBuilder(Protocol):
    """Builds images somewhere."""

    async def build_image(self, image: Image, dry_run: bool, wait: bool = True, force: bool = False) -> ImageBuild:
        """Build it; `.uri` is the name to run."""

    def get_checkers(self) -> list[type[ImageChecker]] | None:
        """Who says whether an image is there already."""


_known: dict[str, Any] = {}
_built: dict[tuple[int, str], str] = {}
#: The builder that images of runs go to; None for flytenb's own.
current: ImageBuilder | None = None


def register(name: str, builder: Any) -> None:
    """Offer a builder, or a class or function that makes one, under a name."""
    _known[name] = builder


def find(name: str) -> ImageBuilder:
    """The builder of this name: registered, or an installed package's.

    Raises:
        ValueError: there is none; names those that there are.
    """
    found = _known.get(name)
    names = set(_known)
    if found is None:
        from importlib.metadata import entry_points

        for group in GROUPS:
            for point in entry_points(group=group):
                names.add(point.name)
                if point.name == name and found is None:
                    found = point.load()
    if found is None:
        known = ", ".join(sorted({*names, "local"}))
        raise ValueError(f'there is no image builder "{name}"; there are: {known} (register one with flyte.extend)')
    builder: ImageBuilder = found() if isinstance(found, type) or not hasattr(found, "build_image") else found
    return builder


def choose(name: str | None) -> None:
    """Let images of runs go to this builder; None or "local" for flytenb's own.

    Raises:
        ValueError: there is none of this name.
    """
    global current
    current = None if name is None or name in OWN else find(name)


def built_uri(image: Image) -> str:
    """The name of an image that the chosen builder has built; asked once per image."""
    assert current is not None
    key = (id(current), image.uri)
    if key not in _built:
        _built[key] = build_now(current, image).uri or image.uri
    return _built[key]


def build_now(
    builder: ImageBuilder, image: Image, *, dry_run: bool = False, wait: bool = True, force: bool = False
) -> ImageBuild:
    """Let a builder build, from any thread, with or without a running loop."""
    import asyncio  # who has no plug-in does not pay for it
    from concurrent.futures import ThreadPoolExecutor

    work = builder.build_image(image, dry_run, wait, force)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def plugin_build(image: Image, *, dry_run: bool, force: bool, wait: bool) -> ImageBuild | None:
    """What the chosen plug-in builds; None when flytenb's own builder is meant."""
    return None if current is None else build_now(current, image, dry_run=dry_run, wait=wait, force=force)
