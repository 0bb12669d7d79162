"""Why an action waits, in words, for every kind of wait."""

from __future__ import annotations

import msgspec
import pytest

from flytenb.model.declaration import Launch, ResourceRequest, Reuse, TaskDeclaration, encode_declaration
from flytenb.model.devices import Gpu, GpusFound, GpuUse, Outside
from flytenb.model.events import Declare, LaneNews, LaneReady, RunOptions, RunRequest
from flytenb.rules import Capacity, Out, State, step
from flytenb.rules.reasons import Reasons
from flytenb.rules.state import Action

GIB = 1 << 30


class Source:
    lane = None


class Machine:
    """A state that hears of runs and of workers which come at once."""

    def __init__(self, *, cpus: float = 4, memory_bytes: int = 8 << 30, gpus: tuple[Gpu, ...] = ()) -> None:
        self.state = State(Capacity(cpus, memory_bytes), {}.get)
        self.gpus, self.now, self.comes = gpus, 1000.0, True
        self.uses: tuple[GpuUse, ...] = ()
        self.knows_gpus = True

    def run(self, name: str, *, pin: str = "", cache_key: bytes = b"", **declared: object) -> Action:
        """A run of one action; returns it."""
        declaration = TaskDeclaration(
            **{
                "name": "env.fit",
                "short_name": "fit",
                "environment": "env",
                "program": "p",
                "entry": "fit",
                "launch": Launch(python="python", cwd="/"),
                **declared,
            }
        )
        digest, body = encode_declaration(declaration)
        options = msgspec.msgpack.encode(RunOptions(pin=pin))
        source = Source()
        mode = 1 if cache_key else 0
        self.hear(
            (source, Declare(digest, body)),
            (source, RunRequest(1, name, digest, name.encode(), b"", cache_key, mode, options)),
        )
        return self.state.live[self.state.runs[name].id << 32]

    def hear(self, *events: tuple[object, object]) -> None:
        self.now += 0.001
        self._obey(step(self.state, list(events), self.now))

    def _obey(self, out: Out) -> None:
        for chore in out.chores:
            if chore[0] == "spawn" and self.comes:
                self.hear((Source(), LaneReady(chore[1], 7)))
            elif chore[0] == "gpus" and self.knows_gpus:
                self.hear((None, GpusFound(devices=self.gpus, words="declared", uses=self.uses)))

    def why(self, action: Action) -> str:
        return Reasons(self.state).of(action)


def machine(*kinds: str) -> tuple[Gpu, ...]:
    return tuple(Gpu(id=str(n), kind=kind) for n, kind in enumerate(kinds))


def gpu(count: int, kind: str = "") -> ResourceRequest:
    return ResourceRequest(cpu=0.1, gpu=count, gpu_kind=kind)


def test_cpu_and_memory_name_who_has_them() -> None:
    some = Machine(cpus=2)
    some.run("ab12", resources=ResourceRequest(cpu=1.5))
    waits = some.run("cd34", resources=ResourceRequest(cpu=1))
    assert some.why(waits) == "waiting for 1 CPU: 1.5 of 2 in use by run ab12"
    some = Machine()
    some.run("ab12", resources=ResourceRequest(cpu=0.1, memory_bytes=6 << 30))
    waits = some.run("cd34", resources=ResourceRequest(cpu=0.1, memory_bytes=3 << 30))
    assert some.why(waits) == "waiting for 3.0 GiB of memory: 6.0 of 8.0 GiB promised to run ab12"


def test_gpus_name_run_and_kernel() -> None:
    some = Machine(gpus=machine("A100", "A100"))
    kernel = (Outside(pid=3, words="kernel train.ipynb", bytes=31 * GIB),)
    some.uses = (GpuUse(id="0", free_bytes=1 * GIB, total_bytes=40 * GIB, outside=kernel),)
    some.run("ab12", resources=gpu(1))
    waits = some.run("cd34", resources=gpu(1))
    assert some.why(waits) == "waiting for GPU 1: held by run ab12; kernel train.ipynb holds 31 GiB on GPU 0"
    both = some.run("ef56", resources=gpu(2, "A100"))
    assert some.why(both) == "waiting for 2 A100: GPU 1 held by run ab12; kernel train.ipynb holds 31 GiB on GPU 0"


def test_gpus_of_several_runs() -> None:
    some = Machine(gpus=machine("T4", "T4", "T4"))
    some.run("ab12", resources=gpu(2))
    some.run("cd34", resources=gpu(1, "T4"))
    waits = some.run("ef56", resources=gpu(1))
    assert some.why(waits) == "waiting for 1 GPU: GPU 0, 1 held by run ab12; GPU 2 held by run cd34"


def test_gpus_are_looked_for() -> None:
    some = Machine()
    some.knows_gpus = False
    assert some.why(some.run("ab12", resources=gpu(1))) == "waiting for a look at this machine's GPUs"


def test_a_worker_that_starts_and_what_it_tells() -> None:
    some = Machine()
    some.comes = False
    waits = some.run("ab12")
    assert some.why(waits) == "waiting for its worker to start"
    some.hear((None, LaneNews("w1", "builds image flytenb/x, step 3 of 7")))
    assert some.why(waits) == "builds image flytenb/x, step 3 of 7"


def test_a_gpu_whose_holder_starts() -> None:
    some = Machine(gpus=machine("T4"))
    some.comes = False
    some.run("ab12", resources=gpu(1))
    waits = some.run("cd34", resources=gpu(1, "T4"))
    assert some.why(waits) == "waiting for GPU 0: held by run ab12, whose worker starts"


def test_a_full_pool() -> None:
    some = Machine()
    launch = Launch(python="python", cwd="/", reuse=Reuse(min_replicas=1, max_replicas=1))
    some.run("ab12", launch=launch)
    waits = some.run("cd34", launch=launch)
    assert some.why(waits) == "waiting for its pool 'env': 1 of 1 workers busy"


def test_the_kernel_that_runs_it_and_an_equal_call() -> None:
    some = Machine()
    assert some.why(some.run("ab12", pin="kernel-1")) == "waiting for the kernel that runs it"
    some.run("cd34", cache_key=b"k")
    assert some.why(some.run("ef56", cache_key=b"k")) == "waiting for the equal call a0 of run cd34"


@pytest.mark.parametrize(("tries", "seconds"), [(2, "30"), (3, "60"), (4, "100")])
def test_before_the_next_attempt(tries: int, seconds: str) -> None:
    some = Machine()
    action = some.run("ab12", retries=5, backoff_base_s=30.0, backoff_factor=2.0, backoff_cap_s=100.0)
    action.tries = action.attempt = tries
    action.not_before = some.now + 30
    assert some.why(action) == f"waiting {seconds} s before attempt {tries}"
