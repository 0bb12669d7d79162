"""`flytenb build` and `flytenb get build`: layers as lines, each when it is there."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any

from flytenb.cli.errors import LoadError
from flytenb.client.building import build_watched, read_build_logs, read_builds
from flytenb.model.build import BUILDING, CACHED, DONE, FAILED, BuildRow
from flytenb.sdk.image import image_of
from flytenb.sdk.later import ImageBuild

_MARKS = {DONE: "✓", CACHED: "=", FAILED: "✗", BUILDING: "…"}


class Printer:
    """Prints a build while it goes on: a line when a layer is there, its log on request or when it fails.

    Args:
        with_log: print every line that a layer writes.
    """

    def __init__(self, *, with_log: bool) -> None:
        self._with_log = with_log
        self._printed = 0
        #: A terminal has a line below that changes.
        self._is_live = sys.stdout.isatty() and not with_log

    def __call__(self, row: BuildRow, lines: tuple[tuple[int, str], ...]) -> None:
        if self._with_log:
            for _, line in lines:
                print(f"    {line}", flush=True)
        if self._is_live:
            print("\r\x1b[K", end="")
        for layer in row.layers[self._printed :]:
            if layer.phase not in (DONE, CACHED, FAILED):
                break
            self._printed += 1
            print(_layer_line(self._printed, len(row.layers), layer), flush=True)
        if self._is_live and not row.is_over:
            columns = shutil.get_terminal_size().columns - 1
            print(row.words(time.time())[:columns], end="", flush=True)


def images_of(names: dict[str, Any], wanted: str, file: str) -> dict[str, Any]:
    """The images of a file by the names of their environments.

    Raises:
        LoadError: there is no such environment; names those that there are.
    """
    environments = {
        value.name: value
        for value in names.values()
        if hasattr(value, "image") and hasattr(value, "task") and isinstance(getattr(value, "name", None), str)
    }
    if wanted:
        by_variable = names.get(wanted)
        if by_variable is not None and getattr(by_variable, "name", None) in environments:
            wanted = by_variable.name
        if wanted not in environments:
            known = ", ".join(sorted(environments)) or "none"
            raise LoadError(f'{file} has no environment "{wanted}"; it has {known}')
        environments = {wanted: environments[wanted]}
    if not environments:
        raise LoadError(f"{file} defines no environment: write env = flyte.TaskEnvironment(…, image=…)")
    found = {name: image_of(one.image) for name, one in environments.items()}
    return {name: image for name, image in found.items() if image is not None and (wanted or not image.is_plain)}


def build_file(
    file: str, wanted: str, *, force: bool, dry_run: bool, with_log: bool, is_quiet: bool
) -> dict[str, ImageBuild]:
    """Build the images of a script or notebook; by environment."""
    from flytenb.cli.load import load_file

    done: dict[str, ImageBuild] = {}
    for name, image in images_of(load_file(file), wanted, file).items():
        if not is_quiet and not dry_run:
            print(f"{name}: {image}", flush=True)
        watcher = None if is_quiet else Printer(with_log=with_log)
        begun = time.monotonic()
        done[name] = built = build_watched(image, force=force, dry_run=dry_run, watcher=watcher)
        if is_quiet:
            continue
        if dry_run:
            sys.stdout.write(built.dockerfile)
        else:
            how = f"built in {time.monotonic() - begun:.1f} s" if built.is_new else "was there"
            print(f"{built.uri}  {how}, {built.image_id[7:19]}", flush=True)
    return done


def builds_text(rows: list[BuildRow]) -> str:
    """Builds, one a line."""
    if not rows:
        return "no image was built yet; `flytenb build SCRIPT` builds those of a script"
    return "\n".join(
        f"{row.id:>4}  {row.phase:<9} {_seconds(row):>8}  {row.image:<44} {row.text[:60]}".rstrip() for row in rows
    )


def build_text(row: BuildRow, *, with_log: bool) -> str:
    """One build with its layers."""
    logs = {log.layer: log.text for log in read_build_logs(row.id)} if with_log or row.phase == FAILED else {}
    lines = [f"build {row.id}: {row.image}  {row.phase}, {_seconds(row)}", row.text]
    for n, layer in enumerate(row.layers, 1):
        lines.append(_layer_line(n, len(row.layers), layer))
        if with_log or layer.phase == FAILED:
            lines += [f"    {line}" for line in logs.get(n, "").splitlines()]
    return "\n".join([*lines, *([row.error] if row.error else [])])


def builds(number: int, limit: int) -> list[BuildRow]:
    """Builds of this home, newest first, or one."""
    return read_builds(limit, number)


def _seconds(row: BuildRow) -> str:
    return f"{(row.ended_at or time.time()) - row.started_at:.1f} s"


def _layer_line(n: int, count: int, layer: Any) -> str:
    took = "cached" if layer.phase == CACHED else f"{layer.seconds:.1f} s"
    said = f"  {layer.said}" if layer.said and layer.phase == BUILDING else ""
    return f"{_MARKS.get(layer.phase, '·')} {n}/{count}  {took:>8}  {layer.title}{said}"
