"""Virtual environments that stand in for images: made once per content, finished or not there, kept in the home."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec
import psutil

from flytenb.errors import ImageBuildError
from flytenb.images import runtime
from flytenb.images.commands import locked, run_command
from flytenb.images.hooks import hooks
from flytenb.images.installing import Install, failed, installs, machine_settings
from flytenb.images.interpreter import look_at
from flytenb.images.layers import package_layers
from flytenb.images.progress import Progress
from flytenb.images.pythons import find_uv
from flytenb.images.requirements import Read
from flytenb.images.settings import Settings, merged
from flytenb.model.build import ENVIRONMENT, FAILED, BuildRow
from flytenb.model.image import ImageSpec, image_digest

#: Grows when environments are made in another way: older ones are then made anew.
_RECIPE = 1
#: Its time is that of the environment's last use.
MARKER = "flytenb-environment.json"
#: The program that works on an environment now.
_PID = ".flytenb/pid"
_encode = msgspec.msgpack.Encoder().encode

#: What is being done, in words.
News = Callable[[str], None]
#: What is being made.
Follow = Callable[[Progress], None]
#: What uv and pip say when they know what to install.
_RESOLVED = ("Resolved", "Audited", "Installing collected packages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment that is finished."""

    path: Path
    python: str
    version: str
    #: "name==version", sorted.
    distributions: tuple[str, ...]
    #: Folders for the worker's path: flytenb alone, put first, and the libraries that it needs, put last.
    runtime: tuple[str, str] = ("", "")


def environment_digest(spec: ImageSpec, minor: tuple[int, int]) -> str:
    """Identity (32 hex digits) of the virtual environment of an image: only packages and Python count."""
    counted = (_RECIPE, minor, sys.platform, platform.machine(), package_layers(spec))
    return blake2b(b"flytenb.environment/1\0" + _encode(counted), digest_size=16).hexdigest()


class Environments:
    """All virtual environments of a home. Owned by one asyncio loop."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.folder = home / "environments"
        self._making: dict[str, _Shared] = {}

    async def get(
        self,
        spec: ImageSpec,
        base: str,
        read: Read,
        news: News,
        secrets: dict[str, str],
        follow: Follow | None = None,
    ) -> Environment:
        """The environment of an image, made when it is not there. Equal ones are made once, however many ask.

        Args:
            spec: the image.
            base: the interpreter that it is made with.
            read: contents of files by digest; may block.
            news: told what is being done.
            secrets: variables for the installation only.
            follow: gets the making, if there is one.

        Raises:
            ImageBuildError: a package cannot be had, or no environment can be made.
        """
        interpreter = await asyncio.to_thread(look_at, base)
        digest = environment_digest(spec, interpreter.minor)
        folder = self.folder / digest
        found = _finished(folder)
        if found is None:
            shared = self._making.get(digest)
            if shared is None:
                made = _Making(self._home, folder, spec, base, interpreter.minor, read, secrets)
                shared = self._making[digest] = _Shared(made, lambda one: self._forget(digest, one))
            found = await shared.wait(news, follow)
        with contextlib.suppress(OSError):  # its last use, for those who make room
            os.utime(folder / MARKER)
        libraries = await _libraries(self._home, interpreter.minor, found.python, news)
        own = runtime.own_folder(self._home)
        for folder in (own, libraries):
            with contextlib.suppress(OSError):
                os.utime(folder)
        return Environment(
            path=found.path,
            python=found.python,
            version=found.version,
            distributions=found.distributions,
            runtime=(str(own), str(libraries)),
        )

    def _forget(self, digest: str, shared: _Shared) -> None:
        if self._making.get(digest) is shared:
            del self._making[digest]


class _Shared:
    """One making that several wait for; it ends with the last of them."""

    def __init__(self, making: _Making, on_end: Callable[[_Shared], None]) -> None:
        self._making, self._waiters, self._on_end = making, 0, on_end
        self.task = asyncio.get_running_loop().create_task(making.run())
        self.task.add_done_callback(lambda _: on_end(self))

    async def wait(self, news: News, follow: Follow | None) -> Environment:
        self._waiters += 1
        self._making.news.append(news)
        if follow is not None:
            self._making.follow(follow)
        if self._making.said:
            news(self._making.said)
        try:
            return await asyncio.shield(self.task)
        finally:
            self._waiters -= 1
            self._making.news.remove(news)
            if not self._waiters and not self.task.done():
                self._on_end(self)  # who asks from now on begins anew
                self.task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self.task


class _Making:
    """Makes one environment."""

    def __init__(
        self,
        home: Path,
        folder: Path,
        spec: ImageSpec,
        base: str,
        minor: tuple[int, int],
        read: Read,
        secrets: dict[str, str],
    ) -> None:
        self._home, self._folder, self._spec, self._base, self._minor = home, folder, spec, base, minor
        self._read, self._secrets = read, secrets
        self.news: list[News] = []
        self.said = ""
        self._followers: list[Follow] = []
        self._progress: Progress | None = None
        #: The layer that is being made, and how many there are.
        self._layer = 0

    def follow(self, follow: Follow) -> None:
        """Tell of the making, now or when it begins."""
        self._followers.append(follow)
        if self._progress is not None:
            follow(self._progress)

    def _begin(self, calls: Sequence[Install]) -> Progress:
        row = BuildRow(
            id=0,
            digest=image_digest(self._spec),
            image=f"venv/{self._folder.name[:12]}",
            text=self._spec.text,
            started_at=time.time(),
            kind=ENVIRONMENT,
        )
        self._progress = progress = Progress(row, lambda one: hooks.on_change(one))
        progress.add(f"Python {self._minor[0]}.{self._minor[1]}")
        for call in calls:
            progress.add(f"resolve {call.title.removeprefix('pip ')}")
            progress.add(f"install {call.title.removeprefix('pip ')}")
        progress.begin(0)
        for follow in self._followers:
            follow(progress)
        return progress

    def _next_layer(self) -> None:
        assert self._progress is not None
        self._progress.done(self._layer)
        self._layer += 1
        if self._layer < len(self._progress.row.layers):
            self._progress.begin(self._layer)

    def _end(self, error: str = "", *, is_given_up: bool = False) -> None:
        if self._progress is not None:
            if error and self._layer < len(self._progress.row.layers):
                self._progress.done(self._layer, FAILED)
            self._progress.end(error=error, is_given_up=is_given_up)

    def _say(self, words: str) -> None:
        self.said = f"prepares a virtual environment: {words}"
        for news in self.news:
            news(self.said)

    async def run(self) -> Environment:
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        lock = self._folder.with_suffix(".lock")
        async with locked(lock, lambda: self._say("another process makes it")):
            found = _finished(self._folder)
            if found is not None:
                return found
            await asyncio.to_thread(_clear, self._folder)
            try:
                made = await self._make()
                self._end()
                return made
            except BaseException as error:
                given_up = "its making was given up, because nobody waits for it any more"
                is_given_up = isinstance(error, asyncio.CancelledError)
                self._end(given_up if is_given_up else str(error), is_given_up=is_given_up)
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True))
                raise

    async def _make(self) -> Environment:
        work = self._folder / ".flytenb"
        try:
            work.mkdir(parents=True)
        except OSError as error:
            raise ImageBuildError(f"no virtual environment can be made in {self._folder}: {error}") from error
        settings = await asyncio.to_thread(machine_settings, work)
        uv = find_uv(self._base)
        python = str(self._folder / "bin" / "python")
        calls = await asyncio.to_thread(self._calls, work)
        progress = self._begin(calls)
        self._say(f"Python {self._minor[0]}.{self._minor[1]}")
        create = [uv, "venv", "--quiet", "--allow-existing", "--no-project", "--python", self._base, str(self._folder)]
        make = create if uv else [self._base, "-m", "venv", str(self._folder)]
        await self._call(make, settings, Install(f"Python {self._minor[0]}.{self._minor[1]}", ()))
        self._next_layer()
        for n, call in enumerate(calls, 1):
            self._say(f"step {n} of {len(calls)}, {call.title}")
            tool = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
            await self._call([*tool, *call.words], settings, call, f"step {n} of {len(calls)}, {call.title}")
            while self._layer <= 2 * n and self._layer < len(progress.row.layers):
                self._next_layer()
        await asyncio.to_thread(shutil.rmtree, work)
        return await asyncio.to_thread(self._finish, python)

    def _calls(self, work: Path) -> list[Install]:
        calls: list[Install] = []
        for n, layer in enumerate(package_layers(self._spec)):
            folder = work / str(n)
            folder.mkdir()
            calls += installs(layer, self._read, folder, self._minor)
        return calls

    async def _call(self, command: Sequence[str], settings: Settings, call: Install, words: str = "") -> None:
        env = {**os.environ, **merged(settings, call.variables), **self._secrets}
        env |= {"UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never"}
        for name in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT"):
            env.pop(name, None)

        def hear(line: str) -> None:
            assert self._progress is not None
            if words and self._layer % 2 and line.startswith(_RESOLVED):
                self._next_layer()
            self._progress.log(self._layer, f"{line}\n")
            if words and line.startswith(("Downloading", "Downloaded", "Building", "Prepared", "Collecting")):
                self._say(f"{words}: {line[:1].lower()}{line[1:]}")

        status, lines = await run_command(command, env, hear, self._folder / _PID)
        if status != 0:
            raise failed(call, lines or [f"{command[0]} ended with status {status}"], self._spec.text)

    def _finish(self, python: str) -> Environment:
        interpreter = look_at(python)
        version = ".".join(map(str, interpreter.version))
        marker = {
            "image": self._spec.text,
            "python": version,
            "distributions": interpreter.lock,
            "made_at": time.time(),
        }
        path = self._folder / MARKER
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(marker, indent=1))
        unfinished.rename(path)
        return Environment(path=self._folder, python=python, version=version, distributions=interpreter.lock)


def _clear(folder: Path) -> None:
    """Remove what a maker left that was killed, and end what it had started: that would go on writing there."""
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        pid = int((folder / _PID).read_text())
        if any(str(folder) in word for word in psutil.Process(pid).cmdline()):  # pids are given anew
            os.killpg(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _finished(folder: Path) -> Environment | None:
    """The environment in a folder; None when it was never finished, or its interpreter is gone."""
    python = folder / "bin" / "python"
    try:
        marker = json.loads((folder / MARKER).read_bytes())
    except (OSError, ValueError):
        return None
    if not os.access(python, os.X_OK):
        return None
    return Environment(
        path=folder,
        python=str(python),
        version=marker["python"],
        distributions=tuple(marker["distributions"]),
    )


async def _libraries(home: Path, minor: tuple[int, int], python: str, news: News) -> Path:
    """What a worker of this Python needs beside flytenb; installed once per Python that is not the engine's own."""
    folder = runtime.library_folder(home, minor)
    if folder.is_dir():
        return folder
    wanted = runtime.library_requirements()
    async with locked(folder.with_suffix(".lock"), lambda: None):
        if folder.is_dir():
            return folder
        news(f"prepares workers of Python {minor[0]}.{minor[1]}")
        part = folder.with_suffix(".part")
        await asyncio.to_thread(shutil.rmtree, part, ignore_errors=True)
        part.mkdir(parents=True)
        uv = find_uv(python)
        settings = await asyncio.to_thread(machine_settings, part)
        tool = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
        env = {**os.environ, **settings.variables, "UV_NO_PROGRESS": "1"}
        status, lines = await run_command([*tool, "--no-deps", "--target", str(part), *wanted], env, lambda _: None)
        if status != 0:
            call = Install(" ".join(wanted), (), names=wanted)
            raise failed(call, lines, f"workers of Python {minor[0]}.{minor[1]}")
        for facts in part.glob("*.dist-info"):  # the environment has not got them
            await asyncio.to_thread(shutil.rmtree, facts)
        part.rename(folder)
    return folder
