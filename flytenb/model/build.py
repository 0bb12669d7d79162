"""The building of an image as it is read: a row, its layers, their logs."""

from __future__ import annotations

import msgspec

#: Phases of a build and of a layer.
WAITING, BUILDING, CACHED, DONE, FAILED = "waiting", "building", "cached", "done", "failed"
#: Phase of a build that nobody waited for any more.
GIVEN_UP = "given up"
#: What is built: an image, or the virtual environment that stands in for one.
IMAGE, ENVIRONMENT = "image", "environment"


class BuildLayer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One step of a build."""

    #: What a person reads: "pip install pandas". Never with credentials.
    title: str
    phase: str = WAITING
    seconds: float = 0.0
    #: When it began, 0 before that.
    started_at: float = 0.0
    #: Lines that it has written so far.
    line_count: int = 0
    #: How far it is, in words.
    said: str = ""
    #: The last of them, of a layer that is being made or failed; only where a run is shown.
    lines: tuple[str, ...] = ()


class BuildRow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One build. `version` grows with every change while it goes on."""

    id: int
    #: Digest of the `ImageSpec`.
    digest: str
    #: The name that it gets: "flytenb/data:5a0c…".
    image: str
    #: What it is made of, in words.
    text: str = ""
    phase: str = BUILDING
    image_id: str = ""
    #: Address of the container engine that builds it.
    engine: str = ""
    #: The sentence of a failure.
    error: str = ""
    started_at: float = 0.0
    ended_at: float = 0.0
    layers: tuple[BuildLayer, ...] = ()
    version: int = 0
    #: IMAGE or ENVIRONMENT.
    kind: str = "image"

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.phase != BUILDING

    @property
    def name(self) -> str:
        """What its environment calls it; "image" when it has no name."""
        return self.image.rpartition("/")[2].partition(":")[0]

    def words(self, now: float) -> str:
        """What a person who waits for it reads: "builds image data: step 3 of 7, pip install pandas, 12 s"."""
        what = "its image" if self.name == "image" else f"image {self.name}"
        for n, layer in enumerate(self.layers, 1):
            if layer.phase == BUILDING:
                elapsed = max(0.0, now - layer.started_at)
                if layer.title.startswith("pull "):
                    done = f": {layer.said}" if layer.said else ""
                    return f"pulls {layer.title.removeprefix('pull ')}{done}, {elapsed:.0f} s"
                return f"builds {what}: step {n} of {len(self.layers)}, {layer.title}, {elapsed:.0f} s"
        return f"builds {what}"


class BuildLog(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a layer of a build wrote."""

    layer: int
    title: str
    text: str


class Built(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An image that is there."""

    #: The name to run.
    name: str
    image_id: str
    #: The interpreter inside, "" when it has none, and its version.
    python: str = ""
    python_version: str = ""
    #: Distributions inside as "name==version", sorted.
    distributions: tuple[str, ...] = ()
    #: The directory that it begins in, "" for "/".
    workdir: str = ""
    #: Whether something had to be built or pulled for it.
    is_new: bool = False
    #: What a person should know.
    notes: tuple[str, ...] = ()


class BuildNews(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What happened to a build since somebody looked."""

    row: BuildRow | None = None
    #: (layer, line) of its logs.
    lines: tuple[tuple[int, str], ...] = ()
    #: How many lines there were so far.
    seen: int = 0
