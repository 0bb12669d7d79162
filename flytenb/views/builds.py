"""Images and virtual environments that a run waited for: one row each, with its layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from flytenb.model.build import BUILDING, CACHED, DONE, ENVIRONMENT, FAILED, GIVEN_UP, WAITING, BuildLayer, BuildRow
from flytenb.views import words
from flytenb.views.escape import one_line
from flytenb.views.marks import NOT_STARTED, Mark, mark_of

_WORDS = {
    BUILDING: "Building",
    CACHED: "Cached",
    DONE: "Built",
    FAILED: "Failed",
    WAITING: "Waiting",
    GIVEN_UP: "Given up",
}
_PHASES = {
    BUILDING: "running",
    CACHED: "cached",
    DONE: "succeeded",
    FAILED: "failed",
    WAITING: "queued",
    GIVEN_UP: "aborted",
}

#: Builds that a view shows.
SHOWN = 8
#: Layers of a build that go on at once and are shown as text: those of a pull do.
_SHOWN_LAYERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One step."""

    title: str
    mark: Mark
    word: str
    #: "12 s", "" before it began and when it was there.
    took: str
    lines: tuple[str, ...] = ()
    #: How far it is: "12 of 40 MB".
    said: str = ""
    #: It is being made, or failed.
    is_told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build, ready to be drawn."""

    number: int
    #: "image data", "virtual environment of python3.12 + pandas".
    title: str
    mark: Mark
    word: str
    #: "step 3 of 7, 12 s", "41 s, 2 of 5 layers cached".
    facts: str
    layers: tuple[Layer, ...]
    error: str = ""

    @property
    def is_quiet(self) -> bool:
        """Whether it is there, and nothing else needs to be said."""
        return self.word in (_WORDS[DONE], _WORDS[GIVEN_UP])

    @property
    def is_failed(self) -> bool:
        """Whether it cannot be had."""
        return self.word == _WORDS[FAILED]


def builds(rows: Sequence[BuildRow], now: float) -> tuple[Build, ...]:
    """What a run waited for, oldest first."""
    return tuple(_build(row, now) for row in rows)


def text_lines(found: Sequence[Build], ascii_only: bool = False) -> Iterator[str]:
    """One line for what is there or failed; for what goes on also the step and what it says."""
    for build in found[-SHOWN:]:
        label = "env" if build.title.startswith("virtual") else "image"
        yield f"  {label:<12} {words.joined([build.word.lower(), build.facts])}: {build.title}"
        if build.is_quiet:
            continue
        told = [(n, one) for n, one in enumerate(build.layers, 1) if one.is_told]
        for n, layer in told[:_SHOWN_LAYERS]:
            glyph = layer.mark.ascii_glyph if ascii_only else layer.mark.glyph
            yield f"  {'':<12} {glyph} {n}/{len(build.layers)} {layer.word.lower()}: {one_line(layer.title, 60)}"
            said = [line for each in (*layer.lines, layer.said) if (line := one_line(each, 60))]
            if said:
                yield f"  {'':<12}   {said[-1]}"
        if build.is_failed:
            yield f"  {'':<12} log: flytenb get build {build.number} --log"


def _build(row: BuildRow, now: float) -> Build:
    total = len(row.layers)
    seconds = words.total(max(0.0, (row.ended_at or now) - row.started_at))
    cached = sum(layer.phase == CACHED for layer in row.layers)
    at = next((n for n, layer in enumerate(row.layers, 1) if layer.phase in (BUILDING, FAILED)), 0)
    step = f"step {at} of {total}" if at else ""
    kept = f"{cached} of {words.count(total, 'layer')} cached" if cached else ""
    facts = words.joined([step, seconds] if row.phase != DONE else [seconds, kept])
    if row.kind == ENVIRONMENT:
        title = f"virtual environment of {row.text}" if row.text else "virtual environment"
    else:
        title = f"image {row.text}" if row.name == "image" and row.text else f"image {row.name}"
    return Build(
        number=row.id,
        title=one_line(title, 80),
        mark=mark_of(_PHASES.get(row.phase, row.phase)),
        word=_WORDS.get(row.phase, row.phase.capitalize()),
        facts=facts,
        layers=tuple(
            _layer(layer, now, is_over=row.is_over, is_given_up=row.phase == GIVEN_UP) for layer in row.layers
        ),
        error=row.error,
    )


def _layer(layer: BuildLayer, now: float, *, is_over: bool, is_given_up: bool) -> Layer:
    is_cached = layer.phase == CACHED
    if is_over and layer.phase == WAITING:
        return Layer(title=layer.title, mark=NOT_STARTED, word=NOT_STARTED.word, took="")
    if is_given_up and layer.phase == FAILED:
        layer = replace(layer, phase=GIVEN_UP)
    said = layer.said if layer.phase == BUILDING else ""
    seconds = layer.seconds or (now - layer.started_at if layer.phase == BUILDING and layer.started_at else 0.0)
    return Layer(
        title=layer.title,
        mark=mark_of("succeeded", is_cached) if is_cached else mark_of(_PHASES.get(layer.phase, layer.phase)),
        word="Pulling" if said else _WORDS.get(layer.phase, layer.phase.capitalize()),
        took=words.duration(max(0.0, seconds)) if seconds else "",
        lines=() if layer.lines == (layer.said,) else layer.lines,
        said=said,
        is_told=layer.phase in (BUILDING, FAILED),
    )
