"""A program beside an action: in the container that it runs in or that is kept of it, or next to its process."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import secrets
import selectors
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flytenb.client.session import session
from flytenb.model.containers import Inside
from flytenb.wire import paths

#: In containers of workers.
_PROGRAM = "/run/flytenb/runtime/own/flytenb/worker/container/beside.py"
_FOLDER = "/run/flytenb/worker"
#: Only in containers that see nothing of this machine.
_STATE = "/run/flytenb/state"
#: An action in a process: for a person, before the program runs.
NOTE = (
    "{place.run}/{place.action} runs in a process (pid {place.pid}): this runs beside it, with its Python, variables "
    "and folder"
)
#: Takes "stdout" or "stderr" and text.
OnOutput = Callable[[str, str], None]


def find(run: str, action: str = "") -> Inside:
    """Where an action is now; without an action the run's root, or the only one of the run that is anywhere.

    Raises:
        RuntimeUserError: it runs nowhere and nothing is kept of it; says why and what to do.
    """
    name, _, of_name = run.partition("/")
    found: Inside = session().query("container", Inside, run=name, action=action or of_name)
    return found


def run_cell(place: Inside, text: str, on_output: OnOutput, name: str = "<cell>") -> int:
    """Run Python code there, in a process of its own; the value of its last line is printed. Its exit status."""
    if place.kind == "task":  # any image: there may be no Python
        return _in_container(place, ["python3", "-u", "-c", text], on_output)
    return _run(place, {"kind": "python", "text": text, "name": name}, on_output)


def run_shell(place: Inside, text: str, on_output: OnOutput) -> int:
    """Run a shell's text there; its exit status."""
    if place.kind == "task":
        return _in_container(place, ["/bin/sh", "-c", text], on_output)
    return _run(place, {"kind": "shell", "text": text}, on_output)


def run_command(place: Inside, command: Sequence[str], on_output: OnOutput) -> int:
    """Run a program there; its exit status."""
    if place.kind == "task":
        return _in_container(place, command, on_output)
    return _run(place, {"kind": "command", "argv": list(command)}, on_output)


def _run(place: Inside, spec: dict[str, Any], on_output: OnOutput) -> int:
    if place.executor == "process":
        return _beside_process(place, spec, on_output)
    name = f"beside-{secrets.token_hex(4)}.json"
    if is_far(place):
        return _in_container(place, ["", "-u", "-B", _PROGRAM, _send(place, name, spec)], on_output)
    path = paths.container_folder(paths.home(), place.name) / name
    _write(path, spec)
    try:
        return _in_container(place, ["", "-u", "-B", _PROGRAM, f"{_FOLDER}/{path.name}"], on_output)
    finally:
        path.unlink(missing_ok=True)


def is_far(place: Inside) -> bool:
    """Whether the container sees nothing of this machine."""
    from flytenb.containers.client import connect

    mounts = connect(place.address).api.inspect_container(place.container)["Mounts"]
    return any(one["Destination"] == _STATE for one in mounts)


def _send(place: Inside, name: str, spec: dict[str, Any]) -> str:
    """Lay down a file where the container's user finds it; its path inside."""
    from flytenb.containers.client import connect

    api = connect(place.address).api
    uid, _, gid = (api.inspect_container(place.container)["Config"]["User"] or "0:0").partition(":")
    content = json.dumps(spec).encode()
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.uid, info.gid = len(content), 0o600, int(uid), int(gid or uid)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(info, io.BytesIO(content))
    api.put_archive(place.container, f"{_STATE}/home", buffer.getvalue())
    return f"{_STATE}/home/{name}"


def _write(path: Path, spec: dict[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(spec, file)


def _in_container(place: Inside, command: Sequence[str], on_output: OnOutput) -> int:
    from flytenb.containers.client import connect
    from flytenb.containers.inside import run_inside

    docker = connect(place.address)
    if not command[0]:  # the Python that the worker runs with
        python = docker.api.inspect_container(place.container)["Config"]["Entrypoint"][0]
        command = [python, *command[1:]]
    texts = _Texts(on_output)
    status = run_inside(docker, place.container, command, texts.take)
    texts.end()
    return status


def _beside_process(place: Inside, spec: dict[str, Any], on_output: OnOutput) -> int:
    program = Path(__file__).resolve().parents[1] / "worker" / "container" / "beside.py"
    with tempfile.TemporaryDirectory(prefix="flytenb-") as folder:
        path = Path(folder) / "beside.json"
        _write(path, {**spec, "is_process": True, "pid": place.pid, "env": place.env_vars})
        command = [place.python, "-u", "-B", str(program), str(path)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _tell(process, on_output)
            status = process.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    return 128 - status if status < 0 else status


def _tell(process: subprocess.Popen[bytes], on_output: OnOutput) -> None:
    """Both streams as they come, in this thread: a notebook shows output of a cell only from there."""
    texts = _Texts(on_output)
    with selectors.DefaultSelector() as ready, process:
        for stream, name in ((process.stdout, "stdout"), (process.stderr, "stderr")):
            assert stream is not None
            ready.register(stream, selectors.EVENT_READ, name)
        while ready.get_map():
            for key, _ in ready.select():
                piece = os.read(key.fd, 65536)
                if piece:
                    texts.take(key.data, piece)
                else:
                    ready.unregister(key.fileobj)
    texts.end()


class _Texts:
    """Bytes of two streams as text; a letter may come in two pieces."""

    def __init__(self, on_output: OnOutput) -> None:
        self._on_output = on_output
        self._decoders = {one: codecs.getincrementaldecoder("utf-8")("replace") for one in ("stdout", "stderr")}

    def take(self, stream: str, piece: bytes) -> None:
        text = self._decoders[stream].decode(piece)
        if text:
            self._on_output(stream, text)

    def end(self) -> None:
        for stream, decoder in self._decoders.items():
            text = decoder.decode(b"", final=True)
            if text:
                self._on_output(stream, text)
