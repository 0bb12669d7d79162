"""GPUs that a person declares: `FLYTENB_GPUS="A100:2,T4:1"`."""

from __future__ import annotations

import re

from flytenb.executors.gpus.kinds import kind_of
from flytenb.model.devices import Gpu

VARIABLE = "FLYTENB_GPUS"
_AMD = ("MI1", "MI2", "MI3")
_KIND = re.compile(r"[\w .-]*")


def declared(text: str) -> tuple[Gpu, ...]:
    """The devices behind `"A100:2,T4:1"` or `"4"`; their ids count from 0 in the order given. `"none"` is no GPU.

    Raises:
        ValueError: the text says something else; the message is a sentence.
    """
    devices: list[Gpu] = []
    for part in text.split(","):
        kind, colon, count = part.strip().rpartition(":")
        if not colon and count.lower() in ("", "none"):
            continue
        if not count.isdigit() or int(count) > 1024 or not _KIND.fullmatch(kind):
            raise ValueError(f'{VARIABLE}={text!r} is no list of models and counts; write "A100:4" or "A100:2,T4:1"')
        kind = kind_of(kind)
        vendor = "amd" if kind.startswith(_AMD) else "nvidia"
        devices += [Gpu(id=str(len(devices) + n), kind=kind, vendor=vendor) for n in range(int(count))]
    if len({gpu.vendor for gpu in devices}) > 1:
        raise ValueError(f"{VARIABLE}={text!r} names GPUs of AMD and of NVIDIA; an engine hands out those of one maker")
    return tuple(devices)
