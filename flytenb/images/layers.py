"""What the layers of an image are, for those who realise them without a container."""

from __future__ import annotations

from flytenb.model.image import ImageSpec, LayerSpec

#: Layers that are Python packages, and those that are applied when a worker starts.
PACKAGE_KINDS = frozenset({"pip", "requirements", "uv-script", "uv-project", "poetry-project", "wheels"})
LAUNCH_KINDS = frozenset({"env", "workdir", "copy"})


def title(layer: LayerSpec) -> str:
    """`pip pandas scikit-learn`, `requirements requirements.txt`, `apt git`."""
    if layer.kind == "env":
        return "env " + " ".join(name for name, _ in layer.options)
    names = layer.values or tuple(one.path for one in layer.files[:3])
    words = (*names[:6], "…") if len(names) > 6 or len(layer.files) > 3 else names
    return " ".join((layer.kind, *words, *((layer.dst,) if layer.dst else ())))


def options_of(layer: LayerSpec) -> dict[str, tuple[str, ...]]:
    """Values by option; an option may be given several times."""
    found: dict[str, tuple[str, ...]] = {}
    for name, value in layer.options:
        found[name] = (*found.get(name, ()), value)
    return found


def has_own_base(spec: ImageSpec) -> bool:
    """Whether it begins with something else than Debian with Python: only a container can have that."""
    return bool(spec.dockerfile) or bool(spec.base and not spec.is_debian)


def needs_container(spec: ImageSpec) -> tuple[str, ...]:
    """What of the image cannot be had without a container, in words."""
    found: list[str] = []
    if spec.dockerfile:
        found.append(f'the Dockerfile "{spec.dockerfile[0].path}"')
    elif has_own_base(spec):
        found.append(f'the base image "{spec.base}"')
    root = ""
    for layer in spec.layers:
        if layer.kind == "workdir":
            root = layer.dst
        if layer.kind not in PACKAGE_KINDS | LAUNCH_KINDS or (layer.kind == "copy" and not _is_inside(layer.dst, root)):
            found.append(f'layer "{title(layer)}"')
    return tuple(found)


def _is_inside(target: str, root: str) -> bool:
    """Whether a target of a copy lies in the working directory: other absolute paths exist in a container only."""
    if not target.startswith("/"):
        return ".." not in target.split("/")
    return bool(root) and (target.rstrip("/") + "/").startswith(root.rstrip("/") + "/")


def package_layers(spec: ImageSpec) -> tuple[LayerSpec, ...]:
    """The layers that are Python packages, in order."""
    return tuple(layer for layer in spec.layers if layer.kind in PACKAGE_KINDS)


def minor_of(spec: ImageSpec) -> tuple[int, int] | None:
    """The Python that it asks for; None when it does not say."""
    return (spec.python[0], spec.python[1]) if len(spec.python) >= 2 else None
