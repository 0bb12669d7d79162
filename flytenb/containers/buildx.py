"""Dockerfiles that need something of this machine while they are built: secrets and the SSH agent.

BuildKit asks whoever started a build for them, over a session that only docker's own command line speaks: buildx, or
the client that came with engines before 23. It is run with plain progress, which is read back as the builder's events.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from flytenb.containers.builder import BuildEvent
from flytenb.containers.client import Docker

_MOUNT = re.compile(r"--mount=(\S*\btype=(secret|ssh)\b\S*)")
_LINE = re.compile(r"^#(\d+) (?:(\d+\.\d+) )?(.*)$")
_NUMBERED = re.compile(r"^\[[^\]]*\d+/\d+\] ")
_NOT_LAYERS = ("[internal]", "exporting", "importing", "resolve image", "copy /context")
_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}\b")
#: The last version whose own client knows BuildKit.
_OWN_UNTIL = 22
_ASK_S = 20


class NoClient(Exception):
    """No command line that can do it is here; the text says why, and what to install."""


def mounts(dockerfile: str) -> tuple[list[str], bool]:
    """Ids of the secrets that a Dockerfile mounts, and whether it mounts the SSH agent."""
    secrets: dict[str, None] = {}
    is_ssh = False
    for match in _MOUNT.finditer(dockerfile):
        options = dict(one.partition("=")[::2] for one in match[1].split(","))
        if match[2] == "ssh":
            is_ssh = True
        elif ident := options.get("id") or options.get("target", "").rpartition("/")[2]:
            secrets[ident] = None
    return list(secrets), is_ssh


def build_with_client(
    docker: Docker,
    context: bytes,
    *,
    dockerfile: str,
    tag: str,
    labels: Mapping[str, str],
    arguments: Mapping[str, str],
    secrets: Mapping[str, bytes],
    with_ssh: bool,
    on_open: Callable[[Callable[[], None]], None],
    platform: str = "",
) -> Iterator[BuildEvent]:
    """As `builder.build`, with secrets by id and the SSH agent.

    Raises:
        NoClient: there is no command line for it.
    """
    command = _client(docker)
    memory = Path("/dev/shm")
    private = Path(tempfile.mkdtemp(prefix="flytenb-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        for n, value in enumerate(secrets.values()):
            (private / f"secret{n}").write_bytes(value)
        done = private / "image"
        command += ["--progress=plain", "--network=host", "-t", tag, "-f", dockerfile, "--iidfile", str(done)]
        command += [word for pair in labels.items() for word in ("--label", "=".join(pair))]
        command += [word for name in arguments for word in ("--build-arg", name)]
        command += [
            word for n, name in enumerate(secrets) for word in ("--secret", f"id={name},src={private}/secret{n}")
        ]
        command += ["--ssh", "default"] if with_ssh else []
        command += ["--platform", platform] if platform else []
        yield from _run([*command, "-"], _environment(docker) | dict(arguments), context, done, on_open)
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _run(
    command: list[str],
    environment: dict[str, str],
    context: bytes,
    done: Path,
    on_open: Callable[[Callable[[], None]], None],
) -> Iterator[BuildEvent]:
    with tempfile.TemporaryFile() as archive:
        archive.write(context)
        archive.seek(0)
        process = subprocess.Popen(
            command, stdin=archive, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env=environment,
        )  # fmt: skip
    on_open(process.terminate)
    assert process.stdout is not None
    last = ""
    try:
        with process.stdout:
            reader = PlainProgress()
            for line in process.stdout:
                last = line.strip() or last
                yield from reader.events(line.rstrip("\n"))
        if process.wait() or not done.exists():
            words = reader.error or last or f"the docker command line ended with status {process.returncode}"
            yield BuildEvent(layer=reader.failed, title=reader.titles.get(reader.failed, ""), what="failed", text=words)
        else:
            yield BuildEvent(what="image", text=done.read_text().strip())
    finally:
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()


class PlainProgress:
    """Reads what BuildKit's clients print with `--progress=plain`."""

    def __init__(self) -> None:
        self.titles: dict[str, str] = {}
        #: The step that failed, and what was said of it.
        self.failed = self.error = ""

    def events(self, line: str) -> Iterator[BuildEvent]:
        """What one line says."""
        match = _LINE.match(line)
        if match is None:
            if line.startswith("ERROR: ") and not self.error:
                self.error = line.removeprefix("ERROR: ")
            return
        step, moment, text = match.groups()
        title = self.titles.get(step)
        if title is None:
            if text.startswith(_NOT_LAYERS):
                title = ""
            else:
                title = " ".join(_NUMBERED.sub("", text).split())
                yield BuildEvent(layer=step, title=title, what="begin")
            self.titles[step] = title
        elif not title or (not moment and _DIGEST.match(text)):
            return
        elif moment:
            yield BuildEvent(layer=step, title=title, what="log", text=f"{text}\n")
        elif text == "CACHED" or text.startswith("DONE "):
            yield BuildEvent(layer=step, title=title, what="cached" if text == "CACHED" else "done")
        elif text.startswith("ERROR: "):
            self.failed, self.error = step, text.removeprefix("ERROR: ")


def _environment(docker: Docker) -> dict[str, str]:
    return {**os.environ, "DOCKER_BUILDKIT": "1", "DOCKER_HOST": docker.address.url, "DOCKER_CONTEXT": ""}


def _client(docker: Docker) -> list[str]:
    """The words that begin a build with BuildKit."""
    found = [path for folder in os.get_exec_path() if os.access(path := f"{folder}/docker", os.X_OK)]
    for path in found:
        if _says([path, "buildx", "version"]) is not None:
            return [path, "buildx", "build", "--load"]
    for path in found:
        version = re.search(r"(\d+)\.", _says([path, "--version"]) or "")
        if version is not None and int(version[1]) <= _OWN_UNTIL:
            return [path, "build"]
    lacks = "buildx is missing for" if found else "there is no"
    raise NoClient(
        f"{lacks} docker's command line, which hands secrets to BuildKit; install the package docker-buildx (or "
        "docker-buildx-plugin)"
    )


def _says(command: list[str]) -> str | None:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_S, stdin=subprocess.DEVNULL)
        return done.stdout if done.returncode == 0 else None
    return None
