"""Declared GPUs with real engines and real worker processes: ids as the workers themselves see them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.conftest import Home, until
from tests.integration.telling import check_sentence, told_by_script

pytestmark = pytest.mark.engine

#: Every action writes what it sees: its GPUs, its process, and when it had them.
FAN = """
    import asyncio, json, os, sys, time
    import flytenb as flyte

    one = flyte.TaskEnvironment(name="one", resources=flyte.Resources(cpu=0.1, gpu=1))
    two = flyte.TaskEnvironment(name="two", resources=flyte.Resources(cpu=0.1, gpu="A100:2"))
    fan = flyte.TaskEnvironment(name="fan", resources=flyte.Resources(cpu=0.1), depends_on=[one, two])

    def note(log, i, began):
        seen = {"i": i, "gpus": os.environ["CUDA_VISIBLE_DEVICES"], "pid": os.getpid(), "began": began}
        with open(log, "a") as file:
            file.write(json.dumps(seen | {"ended": time.monotonic()}) + "\\n")

    @one.task(retries=3)
    async def small(i: int, log: str) -> int:
        began = time.monotonic()
        await asyncio.sleep(0.02)
        note(log, i, began)
        return i

    @two.task(retries=3)
    def large(i: int, log: str) -> int:
        began = time.monotonic()
        time.sleep(0.02)
        note(log, i, began)
        return i

    @fan.task
    async def spread(n: int, log: str) -> int:
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "", "a task that asked for no GPU sees some"
        calls = [small(i, log) if i % 3 else large.aio(i, log) for i in range(n)]
        return sum(await asyncio.gather(*calls))

    if __name__ == "__main__":
        print(flyte.run(spread, n=int(sys.argv[1]), log=sys.argv[2]).outputs()[0])
"""


def _seen(log: Path) -> list[dict]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def _check_exclusive(seen: list[dict], count: int) -> None:
    """No id twice at a time, none that does not exist."""
    spans = sorted((one["began"], one["ended"], ident) for one in seen for ident in one["gpus"].split(","))
    assert {ident for *_, ident in spans} <= {str(n) for n in range(count)}
    last: dict[str, float] = {}
    for began, ended, ident in spans:
        assert began >= last.get(ident, 0.0), f"GPU {ident} was used twice at {began}"
        last[ident] = ended


def _resources(home: Home) -> dict:
    return json.loads(home.cli("get", "resources", "-o", "json").stdout)


def _all_free(home: Home) -> bool:
    return not any(gpu["users"] for gpu in _resources(home)["gpus"])


@pytest.fixture
def gpu_home(home: Home) -> Home:
    home.env |= {"FLYTENB_GPUS": "A100:4", "FLYTENB_CPUS": "4"}
    return home


@pytest.mark.timeout(180)
def test_forty_actions_of_two_clients_never_share_a_gpu(gpu_home: Home) -> None:
    script, log = gpu_home.script("fan.py", FAN), gpu_home.path.parent / "seen"
    clients = [gpu_home.popen(str(script), "20", str(log)) for _ in range(2)]
    for client in clients:
        out, err = client.communicate(timeout=120)
        assert out.strip() == str(sum(range(20))), f"{out}\n{err}\n{gpu_home.engine_log()}"
    seen = _seen(log)
    assert len(seen) == 40
    assert all(len(one["gpus"].split(",")) == (1 if one["i"] % 3 else 2) for one in seen)
    _check_exclusive(seen, 4)
    assert {ident for one in seen for ident in one["gpus"].split(",")} == {"0", "1", "2", "3"}
    assert _all_free(gpu_home)


@pytest.mark.timeout(180)
def test_killed_workers_and_an_aborted_run_give_their_gpus_back(gpu_home: Home) -> None:
    script, log = gpu_home.script("fan.py", FAN), gpu_home.path.parent / "seen"
    client = gpu_home.popen(str(script), "60", str(log))
    killed: set[int] = set()
    while client.poll() is None and len(killed) < 5:
        fresh = [one["pid"] for one in _seen(log)[-1:] if one["pid"] not in killed]
        for pid in fresh:
            killed.add(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)  # another process's file gives no event
    out, err = client.communicate(timeout=120)
    assert out.strip() == str(sum(range(60))), f"{out}\n{err}\n{gpu_home.engine_log()}"
    _check_exclusive(_seen(log), 4)
    assert len(killed) >= 3
    assert _all_free(gpu_home)

    client = gpu_home.popen(str(script), "400", str(log))
    count = len(_seen(log))
    until(lambda: len(_seen(log)) > count + 10, "actions with GPUs")
    gpu_home.cli("abort", "run", "last")
    client.communicate(timeout=60)
    until(lambda: _all_free(gpu_home), "aborted actions to give their GPUs back", 60)


@pytest.mark.timeout(120)
def test_a_busy_worker_with_gpus_outlives_its_engine(home: Home) -> None:
    """It cannot say so while its loop is busy; the next engine waits for it, and gives its GPU to nobody meanwhile."""
    home.env["FLYTENB_GPUS"] = "T4:1"
    log = home.path.parent / "seen"
    script = home.script(
        "busy.py",
        """
        import json, os, sys, time
        import flytenb as flyte

        env = flyte.TaskEnvironment(name="busy", resources=flyte.Resources(cpu=0.1, gpu=1))

        @env.task
        async def compute(log: str) -> str:
            seen = {"pid": os.getpid(), "gpus": os.environ["CUDA_VISIBLE_DEVICES"], "began": time.monotonic()}
            with open(log + ".begun", "a") as file:
                file.write(".")
            time.sleep(1.5)  # in its loop: nothing else in this process runs
            with open(log, "a") as file:
                file.write(json.dumps(seen | {"ended": time.monotonic()}) + "\\n")
            return seen["gpus"]

        if __name__ == "__main__":
            print(flyte.run(compute, log=sys.argv[1]).outputs()[0])
        """,
    )
    client = home.popen(str(script), str(log))
    begun = Path(f"{log}.begun")
    until(lambda: begun.exists(), "the first attempt")
    assert home.kill_engine()
    out, err = client.communicate(timeout=60)
    assert out.strip() == "0", f"{out}\n{err}\n{home.engine_log()}"
    seen = _seen(log)
    assert len(seen) == 1
    assert begun.read_text() == "."


@pytest.mark.timeout(120)
def test_what_a_worker_with_gpus_started_ends_with_it(home: Home) -> None:
    home.env["FLYTENB_GPUS"] = "T4:1"
    told = told_by_script(
        home,
        "stray.py",
        """
        import os, signal, subprocess, sys
        env = flyte.TaskEnvironment(name="stray", resources=flyte.Resources(cpu=0.1, gpu=1))

        @env.task
        async def begin() -> int:
            return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid

        @env.task
        async def die(first: bool, marker: str) -> int:
            if not os.path.exists(marker):
                open(marker, "w").close()
                os.kill(os.getpid(), signal.SIGKILL)
            return 1

        if __name__ == "__main__":
            tell(lambda: outputs(begin)[0])
            tell(lambda: outputs(die, first=True, marker=sys.argv[1])[0])
        """,
        str(home.path.parent / "marker"),
    )
    assert told[1]["value"] == "1", told
    until(lambda: not Path(f"/proc/{told[0]['value']}").exists(), "the process that the dead worker had started", 60)


def test_a_parent_lends_its_gpu_to_its_calls(home: Home) -> None:
    home.env["FLYTENB_GPUS"] = "T4:1"
    told = told_by_script(
        home,
        "lend.py",
        """
        import os
        env = flyte.TaskEnvironment(name="deep", resources=flyte.Resources(cpu=0.1, gpu="T4:1"))

        @env.task
        async def dig(n: int) -> list[str]:
            below = await dig(n - 1) if n else []
            return [os.environ["CUDA_VISIBLE_DEVICES"], *below]

        if __name__ == "__main__":
            tell(lambda: outputs(dig, n=3)[0])
        """,
    )
    assert told[0]["value"] == "['0', '0', '0', '0']", told


def test_a_run_started_by_an_action_with_the_only_gpu_gets_it(home: Home) -> None:
    home.env["FLYTENB_GPUS"] = "T4:1"
    told = told_by_script(
        home,
        "nested.py",
        """
        import os
        env = flyte.TaskEnvironment(name="nested", resources=flyte.Resources(cpu=0.1, gpu=1))

        @env.task
        def inner() -> str:
            return os.environ["CUDA_VISIBLE_DEVICES"]

        @env.task
        def outer() -> str:
            return flyte.run(inner).outputs()[0]

        if __name__ == "__main__":
            tell(lambda: outputs(outer)[0])
        """,
    )
    assert told[0]["value"] == "'0'", told


def test_siblings_that_hold_gpus_and_call_for_more_are_told_so(home: Home) -> None:
    home.env["FLYTENB_GPUS"] = "T4:2"
    told = told_by_script(
        home,
        "circle.py",
        """
        import asyncio, os
        one = flyte.TaskEnvironment(name="one", resources=flyte.Resources(cpu=0.1, gpu="T4:1"))
        two = flyte.TaskEnvironment(name="two", resources=flyte.Resources(cpu=0.1, gpu="T4:2"))
        top = flyte.TaskEnvironment(name="top", resources=flyte.Resources(cpu=0.1), depends_on=[one, two])

        @two.task
        async def big(n: int) -> int:
            return n

        @one.task
        async def holder(n: int) -> int:
            await asyncio.sleep(0.3)
            return await big(n)

        @top.task
        async def both() -> list[int]:
            return list(await asyncio.gather(holder(1), holder(2)))

        if __name__ == "__main__":
            tell(lambda: outputs(both)[0])
        """,
    )
    check_sentence(told[0]["message"], "'two.big' asks for GPU T4:2", "'one.holder' holds GPUs", "ask for GPUs in the")


ASK = """
    env = flyte.TaskEnvironment(name="e", resources=flyte.Resources(cpu=0.1, gpu={ask}))

    @env.task
    async def fit() -> str:
        import os
        return os.environ["CUDA_VISIBLE_DEVICES"]

    if __name__ == "__main__":
        tell(lambda: outputs(fit)[0])
"""


@pytest.mark.parametrize(
    ("declared", "ask", "parts"),
    [
        ("T4:1", '"A100:2"', ("'e.fit' asks for GPU A100:2", "this machine has 1 T4 (GPU 0)", "FLYTENB_GPUS")),
        ("none", "1", ("asks for GPU any:1", "this machine has no GPU (FLYTENB_GPUS='none')", "FLYTENB_GPUS=")),
        ("A100", "1", ("this machine has no GPU (FLYTENB_GPUS='A100' is no list of models and counts",)),
        ("T4:1", 'flyte.TPU("V5E", "2x2")', ("TPU V5E:1", "NVIDIA and AMD GPUs only")),
        ("A100:1", 'flyte.GPU("A100", 1, partition="1g.5gb")', ("slice 1g.5gb", "nvidia-smi mig")),
    ],
)
def test_what_is_not_there_is_refused_by_name(home: Home, declared: str, ask: str, parts: tuple[str, ...]) -> None:
    home.env["FLYTENB_GPUS"] = declared
    told = told_by_script(home, "ask.py", ASK.format(ask=ask))
    assert (told[0]["error"], told[0]["code"]) == ("RuntimeUserError", "ResourceNotAvailable"), told
    check_sentence(told[0]["message"], *parts)
    assert told[0]["seconds"] < 20


@pytest.mark.parametrize(
    ("declared", "environment", "variable"),
    [
        (
            "A10G:1",
            "limits=flyte.Resources(gpu=1), accelerator=flyte.GPUAccelerator.NVIDIA_A10G",
            "CUDA_VISIBLE_DEVICES",
        ),
        ("MI300X:1", 'resources=flyte.Resources(gpu=flyte.AMD_GPU("MI300X"))', "HIP_VISIBLE_DEVICES"),
    ],
)
def test_older_spellings_and_other_makers(home: Home, declared: str, environment: str, variable: str) -> None:
    home.env["FLYTENB_GPUS"] = declared
    told = told_by_script(
        home,
        "old.py",
        f"""
        import os
        env = flyte.TaskEnvironment(name="old", {environment})

        @env.task
        async def seen() -> str:
            return os.environ["{variable}"]

        if __name__ == "__main__":
            tell(lambda: outputs(seen)[0])
        """,
    )
    assert [one.get("value") for one in told] == ["'0'"], told


# ---- outside processes, with a program that answers as nvidia-smi does ---------------------------------------------

SMI = """#!{python}
import sys
from pathlib import Path
text = " ".join(sys.argv[1:])
folder = Path({folder!r})
if "--query-gpu" in text:
    print((folder / "gpus").read_text(), end="")
elif "--query-compute-apps" in text:
    print((folder / "apps").read_text(), end="")
else:
    sys.exit(2)
"""
CARD = "{n}, GPU-{n}, NVIDIA A100-SXM4-40GB, 40960, {free}, Disabled\n"


@pytest.fixture
def smi_home(home: Home) -> Home:
    """A machine whose nvidia-smi tells what the test writes to `gpus` and `apps`."""
    folder = home.path.parent / "smi"
    folder.mkdir()
    program = folder / "nvidia-smi"
    program.write_text(SMI.format(python=sys.executable, folder=str(folder)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (folder / "gpus").write_text(CARD.format(n=0, free=40000) + CARD.format(n=1, free=40000))
    (folder / "apps").write_text("")
    home.env |= {"PATH": f"{folder}{os.pathsep}{home.env['PATH']}", "SMI": str(folder)}
    home.env.pop("CUDA_VISIBLE_DEVICES", None)
    return home


def _kernel(home: Home) -> subprocess.Popen[str]:
    """A process that looks like a notebook's kernel: as Jupyter starts it and what it tells it."""
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "-m", "ipykernel_launcher", "-f", "/tmp/kernel-0a1b2c3d.json"],
        env={**home.env, "JPY_SESSION_NAME": "/home/ada/work/train.ipynb"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


@pytest.mark.timeout(120)
def test_a_kernel_that_holds_memory_is_named_in_the_reason_and_its_gpu_not_given(smi_home: Home) -> None:
    folder = Path(smi_home.env["SMI"])
    kernel = _kernel(smi_home)
    try:
        (folder / "gpus").write_text(CARD.format(n=0, free=900) + CARD.format(n=1, free=40000))
        (folder / "apps").write_text(f"{kernel.pid}, GPU-0, 31000\n")
        script = smi_home.script(
            "wait.py",
            """
            import asyncio, os, sys, time
            from pathlib import Path
            import flytenb as flyte

            env = flyte.TaskEnvironment(name="w", resources=flyte.Resources(cpu=0.1, gpu="A100:1"))

            @env.task
            async def hold(name: str, gate: str) -> str:
                while not Path(gate).exists():
                    await asyncio.sleep(0.01)
                return os.environ["CUDA_VISIBLE_DEVICES"]

            if __name__ == "__main__":
                run = flyte.run(hold, name=sys.argv[1], gate=sys.argv[2])
                print(run.name, flush=True)
                print(run.outputs()[0], flush=True)
            """,
        )
        gates = [smi_home.path.parent / "gate1", smi_home.path.parent / "gate2"]
        first = smi_home.popen(str(script), "first", str(gates[0]))
        assert first.stdout is not None
        first_run = first.stdout.readline().strip()
        until(lambda: any(gpu["users"] for gpu in _resources(smi_home)["gpus"]), "the first to begin")
        second = smi_home.popen(str(script), "second", str(gates[1]))
        assert second.stdout is not None
        second_run = second.stdout.readline().strip()

        view = _resources(smi_home)
        reason = f"waiting for GPU 1: held by run {first_run}; kernel train.ipynb holds 30.3 GiB on GPU 0"
        assert [(one["run"], one["does"]) for one in view["waiting"]] == [(second_run, reason)]
        assert [one["words"] for one in view["gpus"][0]["outside"]] == ["kernel train.ipynb"]
        assert [one["run"] for one in view["gpus"][1]["users"]] == [first_run]
        row = json.loads(smi_home.cli("get", "action", second_run, "-o", "json").stdout)[0]
        assert (row["phase"], row["reason"]) == ("waiting_for_resources", reason)

        # The kernel lets go: its GPU is free for the second, though the first still runs.
        (folder / "gpus").write_text(CARD.format(n=0, free=40000) + CARD.format(n=1, free=40000))
        (folder / "apps").write_text("")
        gates[1].touch()
        assert second.communicate(timeout=60)[0].strip() == "0"
        gates[0].touch()
        assert first.communicate(timeout=60)[0].strip() == "1"
    finally:
        kernel.kill()
        kernel.communicate()


def test_the_wait_and_its_end_are_told_live(gpu_home: Home) -> None:
    gpu_home.env["FLYTENB_GPUS"] = "T4:1"
    told = told_by_script(
        gpu_home,
        "live.py",
        """
        import asyncio, threading
        from flytenb.client.session import session

        env = flyte.TaskEnvironment(name="live", resources=flyte.Resources(cpu=0.1, gpu=1))

        @env.task
        async def nap(seconds: float) -> int:
            await asyncio.sleep(seconds)
            return 1

        def reasons():
            first = flyte.run(nap, seconds=2.0)
            second = flyte.run(nap, seconds=0.0)
            told, done = [], threading.Event()

            def hear(snapshot):
                if snapshot is None:
                    done.set()
                    return
                told.extend(row.reason.replace(first.name, "FIRST") for row in snapshot.actions if row.reason)

            session().watch(second.name, hear)
            second.wait()
            done.wait(60)
            return list(dict.fromkeys(told))

        if __name__ == "__main__":
            tell(reasons)
        """,
    )
    assert "waiting for GPU 0: held by run FIRST" in told[0]["value"], told


def test_status_and_resources_name_the_gpus(gpu_home: Home) -> None:
    gpu_home.cli("engine", "start")
    text = gpu_home.cli("get", "resources").stdout
    assert "A100" in text
    assert "GPU 3" in text
    assert "FLYTENB_GPUS='A100:4'" in text
    assert "4 A100 (GPU 0, 1, 2, 3)" in gpu_home.cli("engine", "status").stdout
