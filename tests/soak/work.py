"""What runs while everything is killed: `python work.py FOLDER NUMBER`, a client that starts one run after another.

Whoever sees a value (a parent, the client) writes it down before it goes on, and so does every body that begins. A
value is made of chance in the body: one that ran again can never give the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
import uuid
from pathlib import Path

import flytenb as flyte

env = flyte.TaskEnvironment(name="soak", resources=flyte.Resources(cpu="250m"))
#: Containers are among the work where an image is named: in the copy that the soak makes of this file.
IMAGE = ""
box = flyte.TaskEnvironment(name="soak_box", resources=flyte.Resources(cpu="250m"), image=IMAGE or "auto")


def note(folder: str, **what: object) -> None:
    """One line, on disk before this returns."""
    descriptor = os.open(f"{folder}/log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps(what).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _token() -> str:
    return uuid.uuid4().hex


@env.task
async def leaf(run: str, i: int, folder: str) -> str:
    note(folder, what="begins", run=run, key=f"leaf{i}")
    await asyncio.sleep(random.choice((0, 0.005, 0.1)))
    return _token()


@env.task
def plain(run: str, i: int, folder: str) -> str:
    note(folder, what="begins", run=run, key=f"plain{i}")
    time.sleep(random.choice((0, 0.005, 0.15)))
    return _token()


@env.task(retries=20)
async def flaky(run: str, i: int, folder: str) -> str:
    note(folder, what="begins", run=run, key=f"flaky{i}")
    if random.random() < 0.3:
        raise ValueError("bad luck")
    return _token()


@env.task(cache="auto")
async def kept(number: int, folder: str) -> str:
    note(folder, what="begins", run="", key=f"kept{number}")
    return _token()


@env.task
async def written(run: str, i: int, folder: str) -> flyte.io.File:
    note(folder, what="begins", run=run, key=f"file{i}")
    path = Path(f"{folder}/made-{_token()}")
    path.write_text(_token() * 1000)
    made = await flyte.io.File.from_local(str(path))
    path.unlink()
    return made


@box.task
async def boxed(run: str, i: int) -> str:
    """In a container, which sees no log: what its caller sees counts."""
    await asyncio.sleep(random.choice((0, 0.1, 1.0)))
    return _token()


@flyte.trace
async def step(i: int) -> str:
    await asyncio.sleep(0.01)
    return _token()


@env.task
async def branch(run: str, i: int, depth: int, folder: str) -> str:
    if not depth:
        return await leaf(run, 1000 + i, folder)
    got = await asyncio.gather(*(branch(run, 3 * i + n, depth - 1, folder) for n in (1, 2)))
    for n, value in zip((1, 2), got, strict=True):
        note(folder, what="sees", run=run, key=f"branch{3 * i + n}.{depth}", value=value)
    return _token()


@env.task
async def mixed(run: str, kind: str, folder: str) -> str:
    """One run: a few of everything, or much of one thing."""
    seen: list[tuple[str, str]] = []

    def see(key: str, value: str) -> None:
        note(folder, what="sees", run=run, key=key, value=value)
        seen.append((key, value))

    if kind in ("fan", "all"):
        for i, value in enumerate(await asyncio.gather(*(leaf(run, i, folder) for i in range(12)))):
            see(f"leaf{i}", value)
    if kind in ("plain", "all"):
        for i, value in enumerate(await asyncio.gather(*(plain.aio(run, i, folder) for i in range(4)))):
            see(f"plain{i}", value)
    if kind in ("flaky", "all"):
        for i, value in enumerate(await asyncio.gather(*(flaky(run, i, folder) for i in range(4)))):
            see(f"flaky{i}", value)
    if kind in ("cached", "all"):
        for number in random.Random(run).sample(range(40), 4):
            note(folder, what="sees", run="", key=f"kept{number}", value=await kept(number, folder))
    if kind in ("traces", "all"):
        for i in range(4):
            value = await step(i)
            see(f"after{i}", await leaf(run, 100 + i, folder))
            see(f"trace{i}", value)  # a traced call is on disk when what was asked for after it is answered
    if kind in ("files", "all"):
        for i, file in enumerate(await asyncio.gather(*(written(run, i, folder) for i in range(3)))):
            path = await file.download()
            see(f"file{i}", Path(str(path)).read_text()[:32])
    if kind == "boxes":
        for i, value in enumerate(await asyncio.gather(*(boxed(run, i) for i in range(3)))):
            see(f"box{i}", value)
    if kind in ("tree", "all"):
        see("branch0.2", await branch(run, 0, 2, folder))
    return _token()


KINDS = ("fan", "plain", "flaky", "cached", "traces", "files", "tree", "all", *(("boxes",) * 3 if IMAGE else ()))


def main() -> None:
    folder, number = sys.argv[1], sys.argv[2]
    for count in range(1_000_000):
        if os.path.exists(f"{folder}/stop"):
            return
        name = f"s{number}-{count}"
        kind = random.choice(KINDS)
        note(folder, what="starts", run=name, kind=kind)
        run = flyte.with_runcontext(name=name).run(mixed, run=name, kind=kind, folder=folder)
        try:
            value = run.outputs()[0]
        except Exception as error:  # the oracle judges it
            note(folder, what="fails", run=name, error=f"{type(error).__name__}: {error}")
        else:
            note(folder, what="sees", run=name, key="root", value=value)


if __name__ == "__main__":
    main()
