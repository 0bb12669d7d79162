"""Values of secrets that only this process has: they go to the engine with a run, and nowhere else."""

from __future__ import annotations

import os

from flytenb.client.previews import remember
from flytenb.model.declaration import TaskDeclaration
from flytenb.model.image import SecretSpec
from flytenb.sdk.environment import environments
from flytenb.sdk.secret import secret_spec, secrets_of


def values_here(declaration: TaskDeclaration) -> list[tuple[str, str, bytes]]:
    """(key, group, value) of every secret that this task, or an environment of this process, names and has set here."""
    wanted: dict[tuple[str, str], SecretSpec] = {}
    for environment in environments():
        if environment.secrets is not None:
            for secret in secrets_of(environment.secrets):
                wanted.setdefault((secret.key, secret.group or ""), secret_spec(secret))
    for spec in declaration.launch.secrets:
        wanted[(spec.key, spec.group)] = spec
    found = [
        (spec.key, spec.group, os.fsencode(value))
        for spec in wanted.values()
        if (value := os.environ.get(spec.outside)) is not None
    ]
    if found:
        remember(found)
    return found
