"""What an action leaves for its next attempt: traced calls and checkpoints, after retries, crashes, in other runs."""

from __future__ import annotations

import pytest

from tests.integration.conftest import Home
from tests.integration.telling import told_by_script

pytestmark = pytest.mark.engine

#: `ran(what)` leaves a line; `die()` kills the worker, `die("engine")` the engine, each once.
_PRELUDE = """
    import asyncio, json, os, pathlib, signal, sys, time
    HERE = pathlib.Path(__file__).parent
    env = flyte.TaskEnvironment(name="left")

    def ran(what):
        with open(HERE / "ran", "a") as f:
            f.write(f"{what}\\n")

    def executed():
        lines = (HERE / "ran").read_text().splitlines()
        (HERE / "ran").unlink()
        return lines

    def once(name):
        if (HERE / name).exists():
            return False
        (HERE / name).touch()
        return True

    def kill_engine():
        home = pathlib.Path(os.environ["FLYTENB_HOME"])
        os.kill(json.loads((home / "engine.json").read_text())["pid"], signal.SIGKILL)
"""

_TRACES = """
    @flyte.trace
    async def ask(q: str) -> str:
        ran(f"ask {q}")
        return q.upper()

    @flyte.trace
    def compute(x: int) -> int:
        ran(f"compute {x}")
        return x * x

    @flyte.trace
    async def stream(n: int):
        for i in range(n):
            ran(f"stream {i}")
            yield i

    @flyte.trace
    def numbers(n: int):
        for i in range(n):
            ran(f"number {i}")
            yield i

    @flyte.trace
    def final(x: int) -> int:
        ran("final")
        raise flyte.errors.NonRecoverableError("never again")

    @flyte.trace
    def flaky(x: int) -> int:
        ran("flaky")
        raise ValueError("once more")

    async def traced() -> str:
        told = [await ask("a"), await ask("a"), str(compute(3)), str([i async for i in stream(2)])]
        told.append(str(list(numbers(2))))
        for call in (final, flaky):
            try:
                call(1)
            except Exception as error:
                told.append(f"{type(error).__name__} {error}")
        return " ".join(told)
"""

_TOLD = "A A 9 [0, 1] [0, 1] NonRecoverableError never again ValueError once more"
_FIRST = ["ask a", "ask a", "compute 3", "stream 0", "stream 1", "number 0", "number 1", "final", "flaky"]


@pytest.mark.parametrize("how", ["retry", "worker", "engine"])
def test_traced_calls_are_not_made_twice(home: Home, how: str) -> None:
    told = told_by_script(
        home,
        "traces.py",
        _PRELUDE
        + _TRACES
        + """
    @env.task(retries=1)
    async def inner(how: str) -> str:
        found = await traced()
        ran("through")
        if once("failed"):
            if how == "retry":
                raise ValueError("first attempt")
            await asyncio.sleep(0.3)  # what was told is committed by now
            if how == "worker":
                os.kill(os.getpid(), signal.SIGKILL)
            kill_engine()
            await asyncio.sleep(2)
        return found

    @env.task
    async def outer(how: str) -> str:
        return await inner(how)

    if __name__ == "__main__":
        run = flyte.run(outer, sys.argv[1])
        tell(run.value)
        tell(executed)
    """,
        how,
    )
    assert told[0]["value"] == repr(_TOLD), told[0]
    ran = eval(told[1]["value"])
    # A recoverable error is tried again, all else is not. An engine that is new may find the worker still at it.
    whole = [*_FIRST, "through", "flaky", "through"]
    assert ran in (whole, whole[:-2]) if how == "engine" else ran == whole


def test_a_recovering_run_replays_what_an_unchanged_action_traced(home: Home) -> None:
    told = told_by_script(
        home,
        "traces.py",
        _PRELUDE
        + _TRACES
        + """
    @env.task
    async def inner(x: int) -> str:
        found = await traced()
        if not (HERE / "mended").exists():
            raise ValueError("the world is not ready")
        return found

    @env.task
    async def outer(x: int) -> str:
        compute(5)
        return await inner(x)

    if __name__ == "__main__":
        run = flyte.run(outer, 1)
        tell(run.value)
        executed()
        again = run.recover()
        tell(again.value)
        tell(executed)
        (HERE / "mended").touch()
        third = again.recover()      # what the second run replayed is its own
        tell(third.value)
        tell(executed)
    """,
    )
    assert told[0]["code"] == "ValueError"
    assert told[1]["code"] == "ValueError"
    assert eval(told[2]["value"]) == ["flaky"]
    assert told[3]["value"] == repr(_TOLD)
    assert eval(told[4]["value"]) == ["flaky"]


@pytest.mark.parametrize("how", ["retry", "worker", "engine", "recover"])
def test_a_checkpoint_is_there_for_the_next_attempt(home: Home, how: str) -> None:
    told = told_by_script(
        home,
        "training.py",
        _PRELUDE
        + """
    @env.task
    def train(epochs: int, how: str) -> list[int]:
        checkpoint = flyte.ctx().checkpoint
        before = checkpoint.load_sync()
        done = json.loads(before.read_text()) if before else []
        for epoch in range(len(done), epochs):
            ran(f"epoch {epoch}")
            done.append(epoch)
            state = HERE / "state.json"
            state.write_text(json.dumps(done))
            checkpoint.save_sync(state if epoch % 2 else state.read_bytes())
            if epoch == 3 and once("failed"):
                if how in ("retry", "recover"):
                    raise ValueError("out of luck")
                time.sleep(0.3)
                if how == "worker":
                    os.kill(os.getpid(), signal.SIGKILL)
                kill_engine()
                time.sleep(2)
        return done

    @env.task
    async def outer(how: str) -> list[int]:
        return await train.override(retries=3 if how == "retry" else 0).aio(8, how)

    def kept():
        objects = pathlib.Path(os.environ["FLYTENB_HOME"]) / "objects"
        files = [path for path in objects.rglob("*") if path.is_file() and path.stat().st_size < 100]
        return sum(b"[0, 1" in path.read_bytes() for path in files)

    if __name__ == "__main__":
        run = flyte.run(outer, sys.argv[1])
        if sys.argv[1] == "recover":
            tell(run.value)
            tell(kept)
            run = run.recover()
        tell(run.value)
        tell(executed)
        tell(kept)
    """,
        how,
    )
    if how == "recover":
        assert told.pop(0)["code"] == "ValueError"
        assert told.pop(0)["value"] == "2"
    assert told[0]["value"] == str(list(range(8)))
    assert eval(told[1]["value"]) == [f"epoch {i}" for i in range(8)]
    # The failed run's last two stay with it; what a successful action saved is gone.
    assert told[2]["value"] == ("2" if how == "recover" else "0"), told


def test_directories_are_checkpoints_too(home: Home) -> None:
    told = told_by_script(
        home,
        "folders.py",
        _PRELUDE
        + """
    @env.task(retries=1)
    async def work(x: int) -> list[str]:
        checkpoint = flyte.ctx().checkpoint
        found = await checkpoint.load()
        paths = flyte.ctx().checkpoint_paths
        if found is None:
            assert paths.prev_checkpoint_path is None, paths
            assert not checkpoint.prev_exists()
            for wrong in (HERE / "nothing", 5):
                try:
                    await checkpoint.save(wrong)
                except Exception as error:
                    ran(f"{type(error).__name__}: {error}")
            folder = checkpoint.path / "model"
            folder.mkdir()
            (folder / "a.txt").write_text("A")
            await checkpoint.save(folder)
            raise ValueError("again")
        assert paths.prev_checkpoint_path.endswith("/1"), paths
        assert paths.checkpoint_path.endswith("/2"), paths
        assert checkpoint.prev_exists()
        return sorted(str(p.relative_to(found)) for p in found.rglob("*.txt"))

    if __name__ == "__main__":
        tell(flyte.run(work, 1).value)
        tell(executed)
        tell(lambda: flyte.ctx().checkpoint)
    """,
    )
    assert told[0]["value"] == "['a.txt']", told[0]
    first, second = eval(told[1]["value"])
    assert first.startswith("FileNotFoundError: checkpoint: ")
    assert first.endswith("does not exist; save a file, a directory or bytes")
    assert second == "TypeError: checkpoint: cannot save a int; save a file, a directory or bytes"
    assert told[2]["value"] == "None"
