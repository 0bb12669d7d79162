"""What `nvidia-smi` prints, as data. Parsing is apart from running, so that recorded outputs can be read."""

from __future__ import annotations

import re
import subprocess

from flytenb.executors.gpus.kinds import kind_of
from flytenb.model.devices import Gpu

_TIMEOUT_S = 20.0
_MIB = 1 << 20
_FIELDS = ("index", "uuid", "name", "memory.total", "memory.free", "mig.mode.current")
_SLICE = re.compile(r"^\s+MIG\s+(\S+)\s+Device\s+\d+:\s+\(UUID:\s+(MIG-[^)]+)\)")
_WHOLE = re.compile(r"^GPU\s+(\d+):")


class SmiError(Exception):
    """`nvidia-smi` cannot tell; the text says why, in words."""


def run(*arguments: str) -> str:
    """What it prints.

    Raises:
        SmiError: it is not there, fails, or hangs.
    """
    try:
        done = subprocess.run(["nvidia-smi", *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S)
    except FileNotFoundError:
        raise SmiError("there is no nvidia-smi") from None
    except subprocess.TimeoutExpired:
        raise SmiError(f"nvidia-smi gave no answer within {_TIMEOUT_S:.0f} s") from None
    except OSError as error:
        raise SmiError(f"nvidia-smi cannot be started: {error.strerror}") from error
    if done.returncode:
        raise SmiError(failure(done.stdout + done.stderr, done.returncode))
    return done.stdout


def failure(text: str, status: int) -> str:
    """Its complaint as one clause, with what to do where that is known."""
    first = next((line.strip().rstrip(".") for line in text.splitlines() if line.strip()), "")
    if "No devices were found" in text:
        return "the driver answers and finds no GPU"
    if "version mismatch" in text:
        return "the NVIDIA driver was updated and not loaded yet (driver/library version mismatch): restart the machine"
    if "couldn't communicate with the NVIDIA driver" in text:
        return "the NVIDIA driver is not loaded"
    if "GPU is lost" in text:
        return "a GPU is lost: restart the machine"
    return f"nvidia-smi says {first!r}" if first else f"nvidia-smi ended with status {status}"


def query() -> str:
    """The table of GPUs.

    Raises:
        SmiError: it cannot tell.
    """
    try:
        return run(f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits")
    except SmiError as error:
        if "valid field" not in str(error):
            raise
        return run(f"--query-gpu={','.join(_FIELDS[:-1])}", "--format=csv,noheader,nounits")  # before MIG


def rows(text: str) -> list[tuple[str, str, str, int, int, bool]]:
    """(index, uuid, name, total bytes, free bytes, is partitioned) of each GPU; 0 where it does not know."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) < 5 or not cells[0].isdigit():
            continue  # a warning between the rows
        mode = cells[5] if len(cells) > 5 else ""
        found.append((cells[0], cells[1], cells[2], _bytes(cells[3]), _bytes(cells[4]), mode == "Enabled"))
    return found


def _bytes(cell: str) -> int:
    number = cell.split(" ")[0]
    return int(float(number) * _MIB) if number.replace(".", "", 1).isdigit() else 0


def slices(text: str) -> dict[str, list[tuple[str, str]]]:
    """Slices in the list of `nvidia-smi -L`: index of the GPU → (profile, id)."""
    found: dict[str, list[tuple[str, str]]] = {}
    index = ""
    for line in text.splitlines():
        if (whole := _WHOLE.match(line)) is not None:
            index = whole.group(1)
        elif (part := _SLICE.match(line)) is not None:
            found.setdefault(index, []).append((part.group(1), part.group(2)))
    return found


def devices(table: str, listing: str = "") -> tuple[Gpu, ...]:
    """The GPUs of the machine; a partitioned one is its slices, and is not to be had whole."""
    parts = slices(listing)
    found: list[Gpu] = []
    for index, uuid, name, total_bytes, _, is_partitioned in rows(table):
        kind = kind_of(name, total_bytes)
        if not is_partitioned:
            found.append(Gpu(id=index, kind=kind, memory_bytes=total_bytes, uuid=uuid))
        for profile, ident in parts.get(index, ()) if is_partitioned else ():
            found.append(Gpu(id=ident, kind=kind, uuid=ident, partition=profile))
    return tuple(found)


def processes(text: str) -> dict[str, list[tuple[int, int]]]:
    """Who computes: uuid → (pid, bytes); of `--query-compute-apps=pid,gpu_uuid,used_memory`."""
    found: dict[str, list[tuple[int, int]]] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 3 and cells[0].isdigit():
            found.setdefault(cells[1], []).append((int(cells[0]), _bytes(cells[2])))
    return found


def compute_apps() -> str:
    """The table of processes.

    Raises:
        SmiError: it cannot tell.
    """
    return run("--query-compute-apps=pid,gpu_uuid,used_memory", "--format=csv,noheader,nounits")
