"""The one entry for executors: from a launch to the software that its workers run with."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flytenb import errors
from flytenb.images.interpreter import Interpreter, look_at
from flytenb.images.launching import launch_layers
from flytenb.images.layers import has_own_base, minor_of, needs_container, package_layers
from flytenb.images.policy import Decision, Kind, Value, Words, decide
from flytenb.images.pythons import find_python, find_uv
from flytenb.images.satisfied import lacks
from flytenb.images.venv import Environments, Follow, News
from flytenb.images.words import given
from flytenb.model.declaration import Launch
from flytenb.model.image import ImageSpec, SecretSpec, debian_base
from flytenb.vault import Vault

#: Seconds for which an engine that did not answer is not asked again.
_ASK_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """The software of a worker, ready to be run."""

    kind: Kind
    #: Why, in words.
    reason: str = ""
    #: The interpreter: on this machine, or in the image.
    python: str = ""
    #: Name to run and id of a container's image.
    image: str = ""
    image_id: str = ""
    #: Folder of the virtual environment that stands in for an image.
    environment: str = ""
    #: "name==version", sorted; () when not known.
    distributions: tuple[str, ...] = ()
    #: What a person should know.
    notes: tuple[str, ...] = ()
    #: What the image itself says of variables and working directory; the task's own variables win.
    env_vars: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    #: Folders for the worker's path, where flytenb is not installed: put first, put last.
    runtime: tuple[str, str] = ("", "")


class Realiser:
    """Realises images for one home. Owned by one asyncio loop.

    Args:
        home: the state directory.
        objects: path of an object by its digest.
        reveal: value of a secret for building; None when nobody knows it.
    """

    def __init__(
        self, home: Path, objects: Callable[[str], Path], reveal: Callable[[SecretSpec], str | None] | None = None
    ) -> None:
        self._home, self._objects = home, objects
        self._reveal = reveal or _Revealer(home)
        self._environments = Environments(home)
        #: When an engine did not answer last, and why.
        self._silent: tuple[float, str] = (-_ASK_AGAIN_S, "")

    async def realise(self, launch: Launch, *, news: News, follow: Follow | None = None, gpu: int = 0) -> Realised:
        """Decide and prepare.

        Args:
            launch: what the workers must look like.
            news: told what is being done, while it takes time.
            follow: gets what is being made.
            gpu: how many GPUs each of them asks for.

        Raises:
            ImageBuildError: the image cannot be had, or a policy forbids what is left of it.
            ContainerEngineError: containers were asked for and there is no engine.
        """
        inquiry = _Inquiry(self, launch, gpu)
        decision = await inquiry.decision()
        if decision.kind == "refused":
            raise errors.error_of(decision.code, f"{inquiry.subject}: {decision.reason}")
        notes = (*decision.notes, *inquiry.notes)
        spec = launch.image if launch.images != "ignore" else None
        if decision.kind == "docker":
            return await self._container(spec or await inquiry.default_image(), decision.reason, notes, news, follow)
        variables, cwd = ({}, "") if spec is None else await asyncio.to_thread(self._launch_layers, spec)
        if decision.kind == "caller":
            caller = await inquiry.caller() if spec is not None else None
            return Realised(
                kind="caller",
                reason=decision.reason,
                python=launch.python,
                distributions=caller.lock if caller is not None else (),
                notes=notes,
                env_vars=variables,
                cwd=cwd,
            )
        assert spec is not None
        secrets = self._secrets(spec)
        made = await self._environments.get(spec, inquiry.base, self._read, news, secrets, follow)
        return Realised(
            kind="venv",
            reason=decision.reason,
            python=made.python,
            environment=str(made.path),
            distributions=made.distributions,
            notes=notes,
            env_vars=variables,
            cwd=cwd,
            runtime=made.runtime,
        )

    def _read(self, digest: str) -> bytes:
        return self._objects(digest).read_bytes()

    def _launch_layers(self, spec: ImageSpec) -> tuple[dict[str, str], str]:
        return launch_layers(spec, self._home, self._read)

    def _secrets(self, spec: ImageSpec) -> dict[str, str]:
        found: dict[str, str] = {}
        for secret in (one for layer in package_layers(spec) for one in layer.secrets):
            value = self._reveal(secret)
            if value is None:
                raise errors.ImageBuildError(
                    f'image "{spec.text}" is built with the secret "{secret.key}", which has no value here; '
                    f"store it with 'flytenb secret set {secret.key}', or set {variable_of(secret)}"
                )
            found[variable_of(secret)] = value
        return found

    # ---- containers -----------------------------------------------------------------------------------------------

    async def engine(self) -> tuple[bool, bool, str]:
        """Whether a container engine answers and hands out GPUs, and why not."""
        asked_at, why = self._silent
        if why and time.monotonic() - asked_at < _ASK_AGAIN_S:
            return False, False, why
        try:
            has_gpu = await asyncio.to_thread(_ask_engine)
        except errors.ContainerEngineError as error:
            self._silent = (time.monotonic(), str(error))
            return False, False, str(error)
        return True, has_gpu or bool(os.environ.get("FLYTENB_GPUS")), ""

    async def _container(
        self, spec: ImageSpec, reason: str, notes: tuple[str, ...], news: News, follow: Follow | None
    ) -> Realised:
        from flytenb.images.docker_build import build_image  # only containers pay for it

        built = await build_image(spec, home=self._home, news=news, follow=follow)
        return Realised(
            kind="docker",
            reason=reason,
            python=built.python,
            image=built.name,
            image_id=built.image_id,
            distributions=built.distributions,
            notes=(*notes, *built.notes),
            cwd=built.workdir,
        )


class _Inquiry:
    """The facts of one launch, found out as the policy asks for them."""

    def __init__(self, realiser: Realiser, launch: Launch, gpu: int) -> None:
        self._realiser, self._launch, self._spec = realiser, launch, launch.image
        self._facts: dict[str, Value] = {
            "executor": launch.executor,
            "policy": launch.images,
            "has_image": launch.image is not None,
            "asks_gpu": gpu > 0,
        }
        self._missing: tuple[str, ...] = ()
        self._engine = "no Docker engine was asked"
        self._why = self._venv = ""
        self._caller: Interpreter | None = None
        #: Interpreter that a virtual environment is made with.
        self.base = ""
        self.notes: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """What a refusal is about."""
        return f'image "{self._spec.text}"' if self._spec is not None else "no image"

    async def decision(self) -> Decision:
        """What is done."""
        ask = {
            "engine": self._ask_engine,
            "hands_out_gpus": self._ask_engine,
            "needs_container": self._ask_layers,
            "has_own_base": self._ask_layers,
            "satisfied": self._ask_caller,
            "venv": self._ask_venv,
        }
        while isinstance(answer := decide(self._facts, self._words()), str):
            await ask[answer]()
        return answer

    async def default_image(self) -> ImageSpec:
        """For a container without an image: Debian with the caller's Python."""
        major, minor = (await self.caller()).minor
        base = debian_base((major, minor), os.environ.get("FLYTENB_BASE_IMAGE", ""))
        return ImageSpec(text=base, base=base, python=(major, minor), is_debian=True)

    async def caller(self) -> Interpreter:
        """The caller's interpreter with what it has."""
        if self._caller is None:
            self._caller = await asyncio.to_thread(look_at, self._launch.python)
        return self._caller

    def _words(self) -> Words:
        spec = self._spec
        layers = _joined(needs_container(spec)) if spec is not None else ""
        way = "processes were asked for" if self._launch.executor == "process" else self._engine
        shown = "; ".join(self._missing[:4]) + (f" and {len(self._missing) - 4} more" if len(self._missing) > 4 else "")
        return Words(layers=layers, engine=self._engine, why=self._why, missing=shown, venv=self._venv, way=way)

    async def _ask_engine(self) -> None:
        answers, has_gpu, self._why = await self._realiser.engine()
        self._facts["engine"], self._facts["hands_out_gpus"] = answers, has_gpu
        self._engine = "this Docker engine cannot hand out GPUs" if answers else _short(self._why)

    async def _ask_layers(self) -> None:
        assert self._spec is not None
        self._facts["needs_container"] = bool(needs_container(self._spec))
        self._facts["has_own_base"] = has_own_base(self._spec)
        if self._launch.executor == "process":
            self._engine = "processes were asked for"

    async def _ask_caller(self) -> None:
        assert self._spec is not None
        caller = await self.caller()
        self._missing = await asyncio.to_thread(lacks, self._spec, caller, self._realiser._read)
        self._facts["satisfied"] = not self._missing

    async def _ask_venv(self) -> None:
        assert self._spec is not None
        caller = await self.caller()
        minor = minor_of(self._spec) or caller.minor
        self.base = self._launch.python
        if minor != caller.minor:
            self.base = await asyncio.to_thread(find_python, minor, find_uv(self._launch.python))
        named = f"Python {minor[0]}.{minor[1]}"
        if minor < (3, 10):
            self._venv = f"{named} is too old: workers need 3.10 or newer"
        elif not self.base:
            self._venv = f"{named} is not on this machine: install it (uv python install {minor[0]}.{minor[1]})"
        self._facts["venv"] = not self._venv


def _ask_engine() -> bool:
    """Whether the engine says that it hands out GPUs. Blocking.

    Raises:
        ContainerEngineError: none answers.
    """
    from flytenb.containers.address import HOW_TO_NAME, find_address
    from flytenb.containers.client import connect  # docker itself loads when there is somebody to talk to

    try:
        socket = find_address().socket
    except LookupError:
        socket = None
    if socket is not None and not socket.exists():
        raise errors.ContainerEngineError(
            f"no Docker engine answers: there is no socket {socket}; start Docker, set DOCKER_HOST to yours "
            f"({HOW_TO_NAME}), or run "
            'without containers: executor="process"'
        )
    return connect().facts.has_gpu


def _short(why: str) -> str:
    """The clause of a sentence that says what is wrong."""
    first = why.partition(";")[0]
    return "no Docker engine answers" if first.startswith("no Docker engine") else first


def _joined(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}" if names else ""


def variable_of(secret: SecretSpec) -> str:
    """The environment variable that holds a secret's value outside."""
    return secret.variable or "_".join(filter(None, (secret.group, secret.key))).replace("-", "_").upper()


class _Revealer:
    """Values of secrets for building: the home's own store first, then the engine's environment."""

    def __init__(self, home: Path) -> None:
        self._vault = Vault(home)

    def __call__(self, secret: SecretSpec) -> str | None:
        kept = self._vault.read(secret.key, secret.group)
        return given(kept.decode() if kept is not None else os.environ.get(variable_of(secret)))


_realisers: dict[tuple[int, Path], Realiser] = {}


async def realise(launch: Launch, *, home: Path, news: News, objects: Callable[[str], Path], gpu: int = 0) -> Realised:
    """`Realiser.realise` with one realiser per loop and home: equal images are made once."""
    key = (id(asyncio.get_running_loop()), home)
    realiser = _realisers.get(key)
    if realiser is None:
        realiser = _realisers[key] = Realiser(home, objects)
    return await realiser.realise(launch, news=news, gpu=gpu)
