"""`flytenb get containers`, `delete container`, `exec`."""

from __future__ import annotations

import sys
import time

import click

from flytenb.client import beside
from flytenb.client.session import session
from flytenb.model.containers import ContainerRow


def rows() -> list[ContainerRow]:
    """Containers of this home, oldest first."""
    found: list[ContainerRow] = session().query("containers", list[ContainerRow])
    return found


def text(found: list[ContainerRow]) -> str:
    """Containers, one a line."""
    if not found:
        return "no containers"
    lines = [f"{'container':<34} {'state':<9} {'action':<24} {'since':>8}  image"]
    for row in found:
        action = f"{row.run}/{row.action}" if row.run else "-"
        lines.append(f"{row.name:<34} {row.state:<9} {action:<24} {_age(time.time() - row.created_at):>8}  {row.image}")
    kept = [row for row in found if row.state == "kept"]
    if kept:
        first = next((f"{row.run}/{row.action}" for row in kept if row.run), "RUN/ACTION")
        lines.append(f"look into a kept one: flytenb exec {first} -- COMMAND, or docker exec -it {kept[0].name} sh")
        lines.append("remove: flytenb delete container RUN/ACTION, or --kept for all")
    return "\n".join(lines)


def _age(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def remove(name: str, *, is_all: bool) -> list[str]:
    """Remove kept containers; names of those that are gone."""
    if bool(name) == is_all:
        raise click.UsageError("say which: NAME or RUN/ACTION, or --kept for all that are kept")
    gone: list[str] = session().query("remove_containers", list[str], name=name)
    return gone


def execute(words: list[str]) -> int:
    """Run what follows `--`, or Python from standard input, in the container of an action; its exit status."""
    at = words.index("--") if "--" in words else len(words)
    target, command = words[:at], words[at + 1 :]
    if not 1 <= len(target) <= 2 or (at < len(words) and not command):
        raise click.UsageError("write: flytenb exec RUN/ACTION -- COMMAND …")
    if not command and sys.stdin.isatty():
        raise click.UsageError("give a command after --, or Python code on standard input")
    place = beside.find(target[0], target[1] if len(target) > 1 else "")
    if place.executor == "process":
        click.echo(beside.NOTE.format(place=place), err=True)
    if command:
        return beside.run_command(place, command, _print)
    return beside.run_cell(place, sys.stdin.read(), _print, "<stdin>")


def _print(stream: str, piece: str) -> None:
    out = getattr(sys, stream)
    out.write(piece)
    out.flush()
