"""The environment that a batch's kernel runs in, and the action that is started there."""

from __future__ import annotations

import difflib
from typing import Any

from flytenb.batches.kernels.task import NEEDED, KernelTask
from flytenb.errors import FlytenbError
from flytenb.sdk.environment import environments
from flytenb.sdk.image import Image, image_of


class EnvironmentNotFound(FlytenbError, LookupError):
    """There is no environment of that name."""


def environment_of(wanted: Any) -> Any:
    """An environment, or the one of that name that this process has declared.

    Raises:
        EnvironmentNotFound: there is none; names the nearest.
        TypeError: neither an environment nor a name.
    """
    if getattr(wanted, "__flytenb_environment__", False) is True:
        return wanted
    if not isinstance(wanted, str):
        raise TypeError(f"env={wanted!r} must be a flyte.TaskEnvironment, or the name of one")
    return named(wanted, {one.name: one for one in environments()}, "this process")


def named(wanted: str, known: dict[str, Any], where: str) -> Any:
    """One of these environments.

    Raises:
        EnvironmentNotFound: it is none of them.
    """
    if wanted in known:
        return known[wanted]
    for one in known.values():
        if one.name == wanted:
            return one
    near = difflib.get_close_matches(wanted, known, 3)
    there = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known) or 'none'}"
    raise EnvironmentNotFound(f'{where} has no environment "{wanted}"; {there}')


def kernel_task(environment: Any, lacking: tuple[str, ...] = ()) -> KernelTask:
    """The action that runs a kernel in this environment; its image gets what it lacks.

    Raises:
        EnvironmentNotFound: the image cannot take packages; says what to write.
    """
    image: Image | None = image_of(environment.image)
    if lacking and image is not None:
        packages = [NEEDED[name] for name in lacking]
        try:
            image = extended(image).with_pip_packages(*packages)
        except ValueError as error:
            raise EnvironmentNotFound(
                f'the image of environment "{environment.name}" ({image}) has no {", ".join(lacking)}, which a kernel '
                f"needs, and cannot take it: {error}; put `pip install {' '.join(packages)}` into the image"
            ) from None
    return KernelTask(environment, image)


def extended(image: Image) -> Image:
    """The same image, ready for layers."""
    if image.extendable:
        return image
    if image.dockerfile is not None or image.ref_name is not None:
        raise ValueError("it is made elsewhere")
    return image.clone(name=image.name or "flytenb-kernel", extendable=True)
