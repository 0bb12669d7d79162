"""What a task imports and its image has not, said before the first run, as far as it can be known without building."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from flytenb.capture.program import Program
from flytenb.errors import ImageBuildError
from flytenb.model.declaration import TaskDeclaration
from flytenb.model.image import ImageSpec, image_digest

#: Commands that may bring packages nobody can list.
_INSTALLERS = ("pip", "conda", "mamba", "uv", "poetry", "pixi", "python", "setup")
_known: dict[tuple[str, str, str], list[str]] = {}


def missing_notes(task: Any, declaration: TaskDeclaration, program: Program, read: Callable[[str], bytes]) -> list[str]:
    """One sentence for each distribution that the task uses and its image does not have."""
    spec = declaration.launch.image
    if spec is None or declaration.launch.images == "ignore" or not _is_listed(spec):
        return []
    key = (program.digest, program.entry, image_digest(spec))
    if key not in _known:
        _known[key] = _notes(task, spec, program, read)
    return _known[key]


def _is_listed(spec: ImageSpec) -> bool:
    """Whether its layers say all that it has."""
    commands = [word for layer in spec.layers if layer.kind == "run" for word in layer.values]
    if any(installer in command for command in commands for installer in _INSTALLERS):
        return False
    return spec.is_debian and not any(layer.kind.startswith(("pixi", "wheels")) for layer in spec.layers)


def _notes(task: Any, spec: ImageSpec, program: Program, read: Callable[[str], bytes]) -> list[str]:
    from flytenb.capture.distributions import distributions, imported, needs_of, normal, texts_of, used_by
    from flytenb.capture.modules import version_of
    from flytenb.images.layers import package_layers
    from flytenb.images.requirements import asked

    roots: list[str] = []
    for layer in package_layers(spec):
        try:
            found = asked(layer, read, spec.python)
        except ImageBuildError:
            return []  # the build says it
        if found.unclear:
            return []
        roots += found.requirements
    has, unknown = needs_of(roots)
    if unknown:
        return []  # what comes with them is not known here
    if program.text:
        used = used_by(program.text, program.entry, program.tasks.values())
    else:
        used = {name for text in texts_of(getattr(task.func, "__globals__", {})) for name in imported(text)}
    lacking: dict[str, str] = {}
    for module in sorted(used):
        said = version_of(module)
        if "==" not in said and module.partition(".")[0] not in sys.modules:  # imported by nobody yet
            said = next((f"{one}=={version}" for one, version in distributions([module])[0].items()), said)
        name = normal(said.partition("==")[0])
        if "==" in said and name not in has:
            lacking[name] = said
    return [
        f'task "{task.short_name}" imports {name}, its image has none: add it with .with_pip_packages("{said}")'
        for name, said in lacking.items()
    ]
