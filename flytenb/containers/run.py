"""Pull an image; run a container from its start to its end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flytenb.containers.client import Docker, said
from flytenb.containers.labels import remove
from flytenb.errors import BaseRuntimeError, ContainerStartError, ImagePullBackOffError

#: Seconds without a word from the engine while it pulls.
_PULL_S = 600
_LOG_OPTIONS = {"max-size": "1m", "max-file": "1", "compress": "false"}


@dataclass(frozen=True)
class Ended:
    """How a container ended.

    Attributes:
        status: its exit status.
        is_oom: something in it was over its memory limit.
        output: what it wrote, stdout and stderr as they came.
    """

    status: int
    is_oom: bool
    output: str


def image_id(docker: Docker, image: str) -> str:
    """The id of an image that the engine has; "" when it has none of this name."""
    try:
        return str(docker.api.inspect_image(image)["Id"])
    except Exception as error:  # docker and requests share no class
        if getattr(getattr(error, "response", None), "status_code", 0) in (400, 404):
            return ""
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledLayer:
    """A layer of an image that is pulled.

    Attributes:
        id: what the engine calls it.
        state: "waiting", "loading", "unpacking", "done", or "there" (it was).
        loaded_bytes, total_bytes: of it as it is sent, 0 while that is not known.
    """

    id: str
    state: str = "waiting"
    loaded_bytes: int = 0
    total_bytes: int = 0


#: What an engine calls the states of a layer.
_STATES = {
    "Pulling fs layer": "waiting",
    "Waiting": "waiting",
    "Downloading": "loading",
    "Verifying Checksum": "loading",
    "Download complete": "loading",
    "Extracting": "unpacking",
    "Pull complete": "done",
    "Already exists": "there",
}


def pull(docker: Docker, image: str, on_layer: Callable[[PulledLayer], None] = lambda layer: None) -> str:
    """Have the engine fetch an image; its id.

    Args:
        docker: the engine.
        image: its name.
        on_layer: hears how far each layer is; what it raises ends the pull.

    Raises:
        ImagePullBackOffError: there is no such image, or it cannot be fetched; with what the engine said.
    """
    name, tag = _name_and_tag(image)
    layers: dict[str, PulledLayer] = {}
    try:
        for line in docker.api._stream_helper(_pull(docker, name, tag), decode=True):
            if "errorDetail" in line or "error" in line:
                raise _refused(image, str(line.get("error") or line["errorDetail"].get("message")))
            state = _STATES.get(line.get("status"), "")
            if state and line.get("id"):
                layer = layers[line["id"]] = _layer(line, state, layers.get(line["id"]))
                on_layer(layer)
    except BaseRuntimeError:
        raise
    except Exception as error:  # docker and requests share no class
        raise _refused(image, said(error)) from error
    found = image_id(docker, image)
    if not found:
        raise _refused(image, "the engine pulled it and does not have it")
    return found


def _layer(line: dict[str, Any], state: str, before: PulledLayer | None) -> PulledLayer:
    detail = line.get("progressDetail") or {}
    total = int(detail.get("total") or 0) if state == "loading" else 0
    loaded = int(detail.get("current") or 0) if state == "loading" else 0
    if before is not None:
        total = total or before.total_bytes
        loaded = loaded or (total if state != "waiting" else 0)
    return PulledLayer(id=line["id"], state=state, loaded_bytes=loaded, total_bytes=total)


def _pull(docker: Docker, name: str, tag: str) -> Any:
    from docker import auth

    api = docker.api
    registry, _ = auth.resolve_repository_name(name)
    header = auth.get_config_header(api, registry)
    response = api._post(
        api._url("/images/create"),
        params={"tag": tag, "fromImage": name},
        headers={"X-Registry-Auth": header} if header else {},
        stream=True,
        timeout=_PULL_S,
    )
    api._raise_for_status(response)
    return response


def _name_and_tag(image: str) -> tuple[str, str]:
    if "@" in image:
        name, _, digest = image.partition("@")
        return name, digest
    head, _, last = image.rpartition("/")
    base, _, tag = last.partition(":")
    return f"{head}/{base}" if head else base, tag or "latest"


def _refused(image: str, words: str) -> ImagePullBackOffError:
    return ImagePullBackOffError(
        "ImagePullBackOff",
        f'image "{image}" is not on this machine and cannot be pulled: {words}; check its name, that you are logged in '
        "at its registry (docker login), and the network; or build it here",
    )


def run_to_end(
    docker: Docker,
    image: str,
    command: Sequence[str] | None = None,
    *,
    name: str | None = None,
    labels: dict[str, str] | None = None,
    environment: dict[str, str] | None = None,
    workdir: str | None = None,
    user: str = "",
    entrypoint: Sequence[str] | None = None,
    host: dict[str, Any] | None = None,
    on_started: Callable[[str], None] = lambda ident: None,
    on_output: Callable[[bytes], None] | None = None,
) -> Ended:
    """Run a container until it ends, and remove it.

    Args:
        docker: the engine.
        image: what it is made from; must be there (see `pull`).
        command, entrypoint, environment, workdir, user: as in the image when not given.
        name: for people; must be free.
        labels: from `labels`.
        host: of `docker.APIClient.create_host_config`: mounts, limits, network.
        on_started: gets the container's id as soon as it runs, so that another thread can end it.
        on_output: gets the output as it comes, instead of `Ended.output`.

    Raises:
        ContainerStartError: the engine cannot start it; says why.
    """
    api = docker.api
    config = api.create_host_config(log_config={"Type": "local", "Config": _LOG_OPTIONS}, **(host or {}))
    ident = ""
    try:
        try:
            ident = api.create_container(
                image,
                list(command) if command is not None else None,
                name=name,
                labels=labels,
                environment=environment,
                working_dir=workdir,
                user=user or None,
                entrypoint=list(entrypoint) if entrypoint is not None else None,
                host_config=config,
            )["Id"]
            output = api.attach(ident, stream=True, logs=True) if on_output is not None else ()
            api.start(ident)
        except Exception as error:  # docker and requests share no class
            raise ContainerStartError(f'a container of image "{image}" cannot be started: {said(error)}') from error
        on_started(ident)
        for piece in output:
            on_output(piece)  # type: ignore[misc]
        status = int(api.wait(ident, timeout=None)["StatusCode"])
        state = api.inspect_container(ident)["State"]
        text = "" if on_output is not None else api.logs(ident).decode("utf-8", "replace")
        return Ended(status, bool(state.get("OOMKilled")), text)
    finally:
        if ident:
            with contextlib.suppress(Exception):  # what ended the run is the error to tell
                remove(docker, ident)
