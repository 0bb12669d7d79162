"""One action of a container task, from its inputs to its outputs."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import re
import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any, BinaryIO

from flytenb import errors
from flytenb.containers.client import Docker, connect
from flytenb.containers.kept import thin
from flytenb.containers.labels import home_id, labels
from flytenb.containers.leftovers import drop, keep_folder, new_folder, new_private_folder, start_guard
from flytenb.containers.program import End, NoImage, NotSeen, Plan, Program, caller
from flytenb.images.task_image import image_to_run
from flytenb.model.image import ImageSpec, SecretSpec
from flytenb.sdk.container_task import ContainerTask, Job
from flytenb.wire.paths import task_folder, tasks_folder
from flytenb.worker.contained.results import read_outputs
from flytenb.worker.contained.staging import VARIABLES, stage_inputs, stage_secrets

UserValue = Any
#: Who made the GPUs that this worker has.
VENDOR = "FLYTENB_GPU_VENDOR"
#: The image that was found or built for this worker before it began.
IMAGE_VARIABLE = "FLYTENB_TASK_IMAGE"
#: Where the secrets' variables are in the container, and where mounted secrets are.
_VARIABLES, _MOUNTED = "/run/flytenb-secrets", "/etc/flyte/secrets"
_SHIM = f'. {_VARIABLES}/{VARIABLES}; exec "$@"'
#: Of the output, in an error.
_LAST_LINES, _LAST_CHARACTERS = 20, 4000
_OWN = ("FLYTENB_",)
_KEPT_WORDS = (
    "; its container stays: copy files out of it with `docker cp {name}:/PATH .`, or look around in what it left with "
    "`docker commit {name} left && docker run --rm -it --entrypoint sh left`"
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an action runs.

    Attributes:
        home: the state directory.
        worker: this worker's name.
        run, action: their names.
        attempt: which try this is.
        image: what the image is made of.
        env_vars: variables of the task and of the run.
        secrets: by name; this process has their values.
        network: as the task says.
        keeps_failed: a container that fails stays.
        tell: takes the container's output: stream and text.
    """

    home: Path
    worker: str
    run: str
    action: str
    attempt: int
    image: ImageSpec
    env_vars: Mapping[str, str]
    secrets: tuple[SecretSpec, ...]
    network: str
    keeps_failed: bool
    tell: Callable[[str, str], None]


async def contain(task: ContainerTask, values: Mapping[str, UserValue], place: Place) -> UserValue:
    """Run the container; cancelling this ends it.

    Raises:
        ContainerEngineError: no container engine answers.
        ContainerStartError: it cannot be started.
        ContainerExitError: it ended with another status than 0.
        OOMError: it used more memory than it may.
        OutputTypeError: an output is missing or cannot be read.
    """
    image = os.environ.get(IMAGE_VARIABLE, "")
    while True:
        if not image:
            image, _ = await image_to_run(place.image, home=place.home, news=lambda words: _tell_news(place, words))
        try:
            return await _follow(_Attempt(task, values, place, image))
        except NoImage:  # removed since it was looked for
            image = ""


def _tell_news(place: Place, words: str) -> None:
    place.tell("log", f"{words}\n")


async def _follow(attempt: _Attempt) -> UserValue:
    """Run it in a thread; cancelling this ends it there."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[UserValue] = loop.create_future()

    def settle(error: BaseException | None, value: UserValue) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(value)

    def work() -> None:
        error, value = None, None
        try:
            value = attempt.run()
        except BaseException as raised:
            error = raised
        loop.call_soon_threadsafe(settle, error, value)

    # A thread of its own: it waits as long as the container runs, and the loop's pool has few.
    threading.Thread(target=copy_context().run, args=(work,), name="flytenb-container", daemon=True).start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.to_thread(attempt.program.cancel)
        await asyncio.wait([done])
        done.exception()
        raise


class _Attempt:
    """One container. Blocking."""

    def __init__(self, task: ContainerTask, values: Mapping[str, UserValue], place: Place, image: str) -> None:
        self.task, self.values, self.place, self.image = task, values, place, image
        self.program = Program()
        self.subject = f'task "{task.name}"'
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._decoders = {one: codecs.getincrementaldecoder("utf-8")("replace") for one in ("stdout", "stderr")}
        self._sinks: dict[str, BinaryIO] = {}

    def run(self) -> UserValue:
        docker = connect()
        job = self.task.job(self.values)
        name = _container_name(self.place)
        _guarded(tasks_folder(self.place.home))
        is_near = docker.facts.is_local
        try:
            return self._in_folder(docker, job, name, is_near=is_near)
        except NotSeen:  # the engine runs on this machine, and elsewhere in its file system
            return self._in_folder(docker, job, f"{name}c", is_near=False)

    def _in_folder(self, docker: Docker, job: Job, name: str, *, is_near: bool) -> UserValue:
        folder = new_folder(tasks_folder(self.place.home), name)
        try:
            stage_inputs(folder / "in", self.task, self.values, job)
            out = folder / "out"
            out.mkdir(mode=0o700)
            for each in job.folders:
                (out / each).mkdir()
            if job.notice:
                self.place.tell("log", job.notice)
            plan = self._plan(docker, job, name, folder, is_near=is_near)
            for stream in job.streams:
                self._sinks[stream] = (folder / stream).open("wb")
            try:
                end = self.program.run(docker, plan, self._on_output)
            except errors.ContainerStartError as error:
                raise self._without_shell(plan) if _is_shim(plan) and "/bin/sh" in str(error) else error from error
            finally:
                for sink in self._sinks.values():
                    sink.close()
            self._check(end, plan)
            for stream, output in job.streams.items():
                (folder / stream).replace(out / output)
            return read_outputs(out, self.task, job)
        finally:
            if self.program.kept:
                keep_folder(folder)
                with contextlib.suppress(Exception):  # the next one that stays thins them again
                    thin(docker, home_id(self.place.home), lambda name: drop(task_folder(self.place.home, name)))
            else:
                drop(folder)

    # ---- what is started ------------------------------------------------------------------------------------------

    def _plan(self, docker: Docker, job: Job, name: str, folder: Path, *, is_near: bool) -> Plan:
        task, place = self.task, self.place
        user = {"caller": caller(docker), "image": ""}.get(task.user, task.user)
        is_own = task.user == "caller"
        inputs, outputs = (folder / "in", task.input_data_dir), (folder / "out", task.output_data_dir)
        mounts: list[tuple[Path, str, bool]] = [(*inputs, False)] if is_near else []
        environment = {name: value for name, value in place.env_vars.items() if not name.startswith(_OWN)}
        if is_own and not user.startswith("0:"):
            environment.setdefault("HOME", "/tmp")  # the image does not know this user
        entrypoint, command = job.entrypoint, job.command or None
        if place.secrets:
            variables, mounted = self._secrets(folder, is_near=is_near, is_own=is_own)
            if mounted is not None:
                mounts.append((mounted, _MOUNTED, False))
                environment["FLYTE_SECRETS_DIR"] = _MOUNTED
            if variables is not None:
                mounts.append((variables, _VARIABLES, False))
                entrypoint, command = self._with_shim(docker, entrypoint, command)
        is_bound = is_near and is_own  # else files of other users would stay behind here
        if is_bound:
            mounts.append((*outputs, True))
        asked = task.resources.to_request() if task.resources else None
        gpus = _gpus() if asked and asked.gpu else ()
        is_amd = os.environ.get(VENDOR) == "amd" or (asked is not None and asked.gpu_class == "AMD_GPU")
        return Plan(
            image=self.image,
            name=name,
            subject=self.subject,
            labels={
                **labels(home_id(place.home), "task", place.worker, str(os.getpid())),
                "flytenb.run": place.run,
                "flytenb.action": place.action,
                "flytenb.task": task.name,
            },
            command=command,
            entrypoint=entrypoint,
            environment=environment,
            user=user,
            network=place.network or os.environ.get("FLYTENB_DOCKER_NETWORK", ""),
            cpu=asked.cpu or 0.0 if asked else 0.0,
            memory_bytes=asked.memory_bytes or 0 if asked else 0,
            shm_bytes=asked.shm_bytes or 0 if asked else 0,
            gpus=gpus,
            gpu_vendor="amd" if is_amd else "nvidia",
            gpu_count=asked.gpu if asked and not gpus else 0,
            is_bare=is_own,
            mounts=tuple(mounts),
            copies=() if is_near else (inputs,),
            fetched=None if is_bound else (outputs[1], outputs[0]),
            keeps_failed=place.keeps_failed,
        )

    def _secrets(self, folder: Path, *, is_near: bool, is_own: bool) -> tuple[Path | None, Path | None]:
        place = self.place
        if not is_near:
            raise errors.ContainerEngineError(
                f"{self.subject}: its secrets would have to be copied into the container's file system, because the "
                "Docker engine does not see this machine's files; use an engine on this machine"
            )
        private = new_private_folder(folder)
        if not is_own:
            private.chmod(0o711)
        return stage_secrets(private, place.secrets, place.home, place.worker, is_for_all=not is_own)

    def _with_shim(
        self, docker: Docker, entrypoint: list[str] | None, command: list[str] | None
    ) -> tuple[list[str], list[str]]:
        """A shell in front, which reads the variables: what is given to Docker itself, `docker inspect` shows."""
        config = docker.api.inspect_image(self.image)["Config"]
        begin = entrypoint if entrypoint is not None else config.get("Entrypoint") or []
        if command is None and entrypoint is None:
            command = config.get("Cmd") or []
        return ["/bin/sh"], ["-c", _SHIM, "sh", *begin, *(command or [])]

    def _without_shell(self, plan: Plan) -> errors.ContainerStartError:
        return errors.ContainerStartError(
            f'{self.subject}: image "{plan.image}" has no /bin/sh, and without a shell there a secret cannot be a '
            'variable that `docker inspect` does not show; give it as a file: Secret(…, mount="/etc/flyte/secrets")'
        )

    # ---- what it says ---------------------------------------------------------------------------------------------

    def _on_output(self, stream: str, piece: bytes) -> None:
        sink = self._sinks.get(stream)
        if sink is not None:
            sink.write(piece)
        text = self._decoders[stream].decode(piece)
        if text:
            self.place.tell(stream, text)
            self._last.extend(text.splitlines(keepends=True))

    def _check(self, end: End, plan: Plan) -> None:
        if end.status == 0:
            return
        kept = _KEPT_WORDS.format(name=self.program.kept) if self.program.kept else ""
        if end.is_oom:
            limit = self.task.resources.memory if self.task.resources else None
            asked = f"its task asks for {limit}; give it more with Resources(memory=…)" if limit else "it has no limit"
            raise errors.OOMError(
                "OOMError", f"{self.subject}: its container used all the memory it may, {asked}{kept}"
            )
        text = "".join(self._last).strip()[-_LAST_CHARACTERS:]
        said = f"; the last it wrote:\n{text}" if text else "; it wrote nothing"
        raise errors.ContainerExitError(f"{self.subject}: {self._how(end, plan)}{kept}{said}", end.status)

    def _how(self, end: End, plan: Plan) -> str:
        if _is_shim(plan) and end.status == 127:
            return "its container ended with status 127: there is no such program in the image"
        if end.status == 137:
            return "its container was killed from outside (docker kill, or the Docker engine stopped)"
        return f"its container ended with status {end.status}"


def _is_shim(plan: Plan) -> bool:
    return bool(plan.command) and _SHIM in (plan.command or ())


_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_.-]+")


def _container_name(place: Place) -> str:
    middle = _NOT_A_NAME.sub("-", f"{place.run}-{place.action}")[:60]
    return f"flytenb-{home_id(place.home)[:6]}-{middle}-{place.attempt}-{secrets.token_hex(3)}"


def _gpus() -> tuple[str, ...]:
    """Ids of the GPUs that are this worker's."""
    ids = os.environ.get("NVIDIA_VISIBLE_DEVICES", "")
    return tuple(filter(None, ids.split(","))) if ids not in ("", "void", "none", "all") else ()


_guard: tuple[int, Popen[bytes]] | None = None
_guard_lock = threading.Lock()


def _guarded(tasks: Path) -> None:
    """From now on somebody removes this process's containers, should it be killed."""
    global _guard
    with _guard_lock:
        if _guard is None or _guard[0] != os.getpid():
            _guard = (os.getpid(), start_guard(tasks))
