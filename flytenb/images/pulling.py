"""A pull as rows of a build: one for the image, and one for each of its layers."""

from __future__ import annotations

from flytenb.containers.run import PulledLayer
from flytenb.images.progress import Progress
from flytenb.model.build import BUILDING, CACHED, WAITING

_MB = 1e6


class Pulling:
    """Takes what the engine says of a pull.

    Args:
        progress: gets the rows.
        name: of the image.
    """

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._row = progress.add(f"pull {name}")
        self._rows: dict[str, int] = {}
        self._layers: dict[str, PulledLayer] = {}
        progress.begin(self._row)

    def take(self, layer: PulledLayer) -> None:
        """One layer has got further."""
        progress = self._progress
        self._layers[layer.id] = layer
        n = self._rows.get(layer.id)
        if n is None:
            n = self._rows[layer.id] = progress.add(f"layer {layer.id}")
        if layer.state == "there":
            progress.done(n, CACHED)
        elif layer.state != "waiting" and progress.row.layers[n].phase == WAITING:
            progress.begin(n)
        if layer.state in ("loading", "unpacking"):
            progress.say(n, _words(layer))
        progress.say(self._row, self._all_words())
        if layer.state == "done" and progress.row.layers[n].phase == BUILDING:
            progress.say(n, _megabytes(layer.total_bytes) if layer.total_bytes else "")
            progress.done(n)

    def end(self) -> None:
        """The image is there."""
        self._progress.done(self._row)

    def _all_words(self) -> str:
        layers = self._layers.values()
        ready = sum(one.state in ("done", "there") for one in layers)
        total = sum(one.total_bytes for one in layers)
        there = sum(one.total_bytes if one.state == "done" else one.loaded_bytes for one in layers)
        size = f", {there / _MB:.0f} of {_megabytes(total)}" if total else ""
        return f"{ready} of {len(layers)} layers{size}"


def _words(layer: PulledLayer) -> str:
    if layer.state == "unpacking":
        return f"unpacking {_megabytes(layer.total_bytes)}" if layer.total_bytes else "unpacking"
    if not layer.total_bytes:
        return "loading"
    return f"{layer.loaded_bytes / _MB:.0f} of {_megabytes(layer.total_bytes)}"


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / _MB:.0f} MB" if size_bytes >= _MB else "less than 1 MB"
