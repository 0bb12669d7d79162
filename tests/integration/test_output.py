"""Everything that a task writes is in its log, whichever way it leaves the process."""

from __future__ import annotations

import pytest

from tests.integration.conftest import Home
from tests.integration.telling import check_sentence, told_by_script

pytestmark = pytest.mark.engine

PRELUDE = """
    import asyncio, ctypes, json, multiprocessing, os, subprocess, sys, threading, time
    env = flyte.TaskEnvironment(name="output")
    native = ctypes.CDLL(None)

    def written(task, *args):
        run = flyte.run(task, *args)
        run.wait()
        lines = subprocess.run(
            [sys.executable, "-m", "flytenb.cli", "get", "logs", run.name, "-o", "json"], capture_output=True, text=True
        )
        found = {}
        for line in json.loads(lines.stdout):
            key = f"{line['action']} {line['stream']}"
            found[key] = found.get(key, "") + line["text"]
        return found
"""


def _written(home: Home, body: str, *calls: str) -> list[dict[str, str]]:
    tells = "\n".join(f"        tell(lambda: written({call}))" for call in calls)
    told = told_by_script(home, "output.py", f"{PRELUDE}{body}\n    if __name__ == '__main__':\n{tells}\n")
    assert not [one["error"] for one in told if one["error"]], told
    return [eval(one["value"]) for one in told]


def test_every_way_out_of_a_process(home: Home) -> None:
    sync, plain = _written(
        home,
        """
    def write():
        print("print")
        os.write(1, b"write\\n")
        subprocess.run(["sh", "-c", "echo child; echo complaint >&2; echo device > /dev/stderr"])
        native.printf(b"native\\n")
        os.system("echo system")
        thread = threading.Thread(target=print, args=("thread",))
        thread.start()
        thread.join()
        forked = multiprocessing.get_context("fork").Process(target=print, args=("forked",))
        forked.start()
        forked.join()
        time.sleep(0.1)
        print("print again")
        native.printf(b"unfinished")

    @env.task
    def sync() -> None:
        write()

    @env.task
    async def plain() -> None:
        write()
        """,
        "sync",
        "plain",
    )
    words = ["print", "write", "child", "native", "system", "thread", "forked", "print again", "unfinished"]
    for found in (sync, plain):
        assert sorted(found["a0 stdout"].split("\n")) == sorted(["", *words]), found
        assert found["a0 stderr"] == "complaint\ndevice\n"


def test_a_flood_that_nobody_reads_meanwhile(home: Home) -> None:
    """The loop is blocked, the pipe is full, and native code keeps the GIL: the action ends nevertheless."""
    blocked, held = _written(
        home,
        """
    @env.task
    async def blocked(size: int) -> None:
        subprocess.run(["sh", "-c", f"yes 0123456 | head -c {size}"])
        os.write(1, b"0123456\\n" * (size // 8))

    @env.task
    async def held(size: int) -> None:
        ctypes.PyDLL(None).write(1, b"0123456\\n" * (size // 8), size)
        """,
        "blocked, 4_000_000",
        "held, 600_000",
    )
    assert blocked["a0 stdout"] == "0123456\n" * 1_000_000
    log = home.engine_log()
    assert held.get("a0 stdout", "").count("0") + log.count("0123456\n") >= 600_000 // 8 - 2


def test_children_keep_their_own_output(home: Home) -> None:
    (found,) = _written(
        home,
        """
    @env.task
    async def child(n: int) -> int:
        os.write(1, f"child {n}\\n".encode())
        return n

    @env.task
    async def parent(count: int) -> int:
        os.write(1, b"begin\\n")
        await asyncio.gather(*(child(n) for n in range(count)))
        os.write(1, b"end\\n")
        return count
        """,
        "parent, 20",
    )
    assert found.pop("a0 stdout") == "begin\nend\n"
    assert found == {f"a{n + 1} stdout": f"child {n}\n" for n in range(20)}


def test_last_words_of_a_worker_that_native_code_ends(home: Home) -> None:
    (told,) = told_by_script(
        home,
        "dies.py",
        f"""{PRELUDE}
    @env.task
    def dies() -> None:
        ctypes.PyDLL(None).write(2, b"free(): invalid pointer\\n", 24)
        ctypes.PyDLL(None).abort()

    if __name__ == "__main__":
        tell(lambda: outputs(dies))
        """,
    )
    assert told["code"] == "WorkerLost"
    check_sentence(told["message"], "output.dies", "killed by signal 6; its last words: free(): invalid pointer")
    assert "free(): invalid pointer" in home.engine_log()
