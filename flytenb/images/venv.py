"""Virtual environments that stand in for images: made once per content, finished or not there, kept in the home."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import platform
import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec
import psutil

from flytenb.errors import ImageBuildError
from flytenb.images import runtime
from flytenb.images.installing import Install, failed, installs, machine_settings
from flytenb.images.interpreter import look_at
from flytenb.images.layers import package_layers
from flytenb.images.pythons import find_uv
from flytenb.images.requirements import Read
from flytenb.images.settings import Settings, merged
from flytenb.model.image import ImageSpec

#: Grows when environments are made in another way: older ones are then made anew.
_RECIPE = 1
_MARKER = "flytenb-environment.json"
_KEPT_LINES = 60
#: The program that works on an environment now.
_PID = ".flytenb/pid"
_encode = msgspec.msgpack.Encoder().encode

#: What is being done, in words.
News = Callable[[str], None]


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

    async def get(self, spec: ImageSpec, base: str, read: Read, news: News, secrets: dict[str, str]) -> Environment:
        """The environment of an image, made when it is not there. Equal ones are made once, however many ask.

        Args:
            spec: the image.
            base: the interpreter that it is made with.
            read: contents of files by digest; may block.
            news: told what is being done.
            secrets: variables for the installation only.

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
                shared = self._making[digest] = _Shared(made)
                shared.task.add_done_callback(lambda _: self._making.pop(digest, None))
            found = await shared.wait(news)
        with contextlib.suppress(OSError):  # its last use, for those who make room
            os.utime(folder / _MARKER)
        libraries = await _libraries(self._home, interpreter.minor, found.python, news)
        own = runtime.own_folder(self._home)
        return Environment(
            path=found.path,
            python=found.python,
            version=found.version,
            distributions=found.distributions,
            runtime=(str(own), str(libraries)),
        )


class _Shared:
    """One making that several wait for; it ends with the last of them."""

    def __init__(self, making: _Making) -> None:
        self._making, self._waiters = making, 0
        self.task = asyncio.get_running_loop().create_task(making.run())

    async def wait(self, news: News) -> Environment:
        self._waiters += 1
        self._making.news.append(news)
        if self._making.said:
            news(self._making.said)
        try:
            return await asyncio.shield(self.task)
        finally:
            self._waiters -= 1
            self._making.news.remove(news)
            if not self._waiters and not self.task.done():
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

    def _say(self, words: str) -> None:
        self.said = f"prepares a virtual environment: {words}"
        for news in self.news:
            news(self.said)

    async def run(self) -> Environment:
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        lock = self._folder.with_suffix(".lock")
        async with _locked(lock, lambda: self._say("another process makes it")):
            found = _finished(self._folder)
            if found is not None:
                return found
            await asyncio.to_thread(_clear, self._folder)
            try:
                return await self._make()
            except BaseException:
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
        self._say(f"Python {self._minor[0]}.{self._minor[1]}")
        create = [uv, "venv", "--quiet", "--allow-existing", "--no-project", "--python", self._base, str(self._folder)]
        make = create if uv else [self._base, "-m", "venv", str(self._folder)]
        await self._call(make, settings, Install(f"Python {self._minor[0]}.{self._minor[1]}", ()))
        for n, call in enumerate(calls, 1):
            self._say(f"step {n} of {len(calls)}, {call.title}")
            tool = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
            await self._call([*tool, *call.words], settings, call, f"step {n} of {len(calls)}, {call.title}")
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
            if words and line.startswith(("Downloading", "Downloaded", "Building", "Prepared", "Collecting")):
                self._say(f"{words}: {line[:1].lower()}{line[1:]}")

        status, lines = await _run(command, env, hear, self._folder / _PID)
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
        path = self._folder / _MARKER
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
        marker = json.loads((folder / _MARKER).read_bytes())
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
    async with _locked(folder.with_suffix(".lock"), lambda: None):
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
        status, lines = await _run([*tool, "--no-deps", "--target", str(part), *wanted], env, lambda _: None)
        if status != 0:
            call = Install(" ".join(wanted), (), names=wanted)
            raise failed(call, lines, f"workers of Python {minor[0]}.{minor[1]}")
        for facts in part.glob("*.dist-info"):  # the environment has not got them
            await asyncio.to_thread(shutil.rmtree, facts)
        part.rename(folder)
    return folder


async def _run(
    command: Sequence[str], env: dict[str, str], hear: Callable[[str], None], pid_path: Path | None = None
) -> tuple[int, list[str]]:
    """Exit status and last lines of a command; a cancel ends it with all that it started."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        cwd=os.sep,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        limit=1 << 20,
    )
    if pid_path is not None:
        pid_path.write_text(str(process.pid))
    lines: deque[str] = deque(maxlen=_KEPT_LINES)
    assert process.stdout is not None
    try:
        async for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip()
            if line:
                lines.append(line)
                hear(line)
        return await process.wait(), list(lines)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())


@contextlib.asynccontextmanager
async def _locked(path: Path, on_wait: Callable[[], None]) -> AsyncIterator[None]:
    """Hold a file's lock, which other processes respect and the system frees when the holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            on_wait()
            await _flock_in_thread(file.fileno())
        yield


async def _flock_in_thread(descriptor: int) -> None:
    """Wait for the lock without the loop. Its own thread and descriptor: a cancel leaves it waiting, and harmless."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    own = os.dup(descriptor)

    def wait() -> None:
        try:
            fcntl.flock(own, fcntl.LOCK_EX)
        finally:
            os.close(own)  # the lock stays with the other descriptor, if that is open still
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: None if done.done() else done.set_result(None))

    threading.Thread(target=wait, name="flytenb-lock", daemon=True).start()
    await done
