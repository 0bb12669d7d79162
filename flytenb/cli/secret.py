"""`flytenb secret …`, and Flyte's own words for it. Values are read from the terminal or from standard input."""

from __future__ import annotations

import sys

import click

from flytenb.client.secret import Secret


def read_value(key: str, *, from_stdin: bool) -> bytes:
    """The value, without the line's end that a terminal or `echo` adds."""
    if from_stdin or not sys.stdin.isatty():
        data = sys.stdin.buffer.read()
        return data[:-1] if data.endswith(b"\n") and data.count(b"\n") == 1 else data
    value: str = click.prompt(f"value of {key}", hide_input=True, confirmation_prompt=True)
    return value.encode()


def store(key: str, value: bytes, group: str, kind: str) -> str:
    """Store a secret; returns what to tell."""
    if not value:
        raise click.UsageError(f"the value of secret {key!r} is empty; write it to standard input, or type it")
    Secret.create(key, value, "image_pull" if kind == "image_pull" else "regular", group=group)
    return f"secret {key}{f' of group {group}' if group else ''} is stored"


def listed(limit: int = 1_000) -> tuple[list[dict[str, object]], str]:
    """Stored secrets as data and as text."""
    found = list(Secret.listall(limit))
    lines = [
        f"{secret.name:<30} {secret.group or '-':<16} {secret.type:<10} {secret.created_at:%Y-%m-%d %H:%M}"
        for secret in found
    ]
    text = "\n".join([f"{'name':<30} {'group':<16} {'type':<10} stored", *lines]) if found else "no secret is stored"
    return [secret.to_dict() for secret in found], text
