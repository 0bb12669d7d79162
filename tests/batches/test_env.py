"""A batch whose kernel runs as an action of an environment, in a process; containers: `tests/docker/test_batch.py`."""

from __future__ import annotations

import nbformat
import pytest

import flytenb as flyte
from flytenb.batches.kernels.environment import EnvironmentNotFound, kernel_task
from flytenb.client.run_handle import Run
from flytenb.errors import RuntimeUserError
from tests.batches.conftest import LOAD, command, write
from tests.notebooks.conftest import texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.timeout(300)]

HERE = "import os\n(os.environ.get('WHERE'), bool(os.environ.get('FLYTENB_WORKER')))"
TASK = "@env.task\nasync def double(n: int) -> int:\n    print('doubling', n)\n    return 2 * n"


def place() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="place", env_vars={"WHERE": "there"}, executor="process")


def test_the_kernel_runs_in_the_environment(home, tmp_path):
    source = write(tmp_path / "a.ipynb", LOAD, TASK, HERE, "flyte.run(double, n=4).value()")
    done = flyte.batch(source, env=place(), name="away")
    cells = nbformat.read(done.output, 4).cells
    assert texts(cells[2])[-1] == "('there', True)"
    assert texts(cells[3])[-1] == "8"
    assert done.runs == [{"run": "away.4.1", "task": "nb.double", "cell": 4, "how": "started"}]
    kernel = Run.get("away.kernel")
    assert kernel.wait() is None
    assert kernel.row.phase == "succeeded"


def test_a_failing_cell_and_its_resumption(home, tmp_path):
    flag = tmp_path / "flag"
    cell = f"import pathlib\nassert pathlib.Path({str(flag)!r}).exists(), 'not yet'"
    source = write(tmp_path / "a.ipynb", LOAD, TASK, "flyte.run(double, n=4).value()", cell)
    with pytest.raises(RuntimeUserError, match="not yet"):
        flyte.batch(source, env=place(), name="first")
    flag.touch()
    assert flyte.batch(source, env=place(), resume=True).reused == ["first.3.1"]


def test_a_kernel_that_dies_is_said(home, tmp_path):
    source = write(tmp_path / "a.ipynb", "1", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(RuntimeUserError, match=r"the kernel of .* died in cell 2"):
        flyte.batch(source, env=place(), name="dead")
    assert Run.get("dead.kernel").ended().result(60)[0] == "failed"


def test_an_abort_ends_the_kernel(home, tmp_path):
    source = write(tmp_path / "a.ipynb", HERE, "import time; time.sleep(600)")
    script = tmp_path / "places.py"
    script.write_text("import flytenb as flyte\nplace = flyte.TaskEnvironment(name='place', executor='process')\n")
    process = command("batch", source, "--env", f"{script}:place", "--name", "stopped")
    for line in process.stderr:
        if line.startswith("cell 2/"):
            break
    Run.get("stopped").abort("enough")
    _, errors = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "was aborted" in errors
    assert Run.get("stopped.kernel").ended().result(60)[0].is_terminal


def test_names_of_environments(home, tmp_path):
    source = write(
        tmp_path / "a.ipynb", "import flytenb as flyte\nplace = flyte.TaskEnvironment(name='gpu-place')", "1"
    )
    process = command("batch", source, "--env", "plaice")
    _, errors = process.communicate(timeout=90)
    assert process.returncode == 1
    assert 'a.ipynb has no environment "plaice"; did you mean place?' in errors
    process = command("batch", source, "--env", "gpu-place", "--output-format", "json")
    _, errors = process.communicate(timeout=90)
    assert process.returncode == 0, errors
    with pytest.raises(EnvironmentNotFound, match='no environment "nowhere"'):
        flyte.batch(source, env="nowhere")
    with pytest.raises(TypeError, match=r"env=3 must be a flyte\.TaskEnvironment"):
        flyte.batch(source, env=3)


def test_an_image_that_cannot_take_packages_is_refused_with_what_to_write(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM python:3.12-slim\n")
    image = flyte.Image.from_dockerfile(tmp_path / "Dockerfile", registry="", name="mine")
    boxed = flyte.TaskEnvironment(name="made-elsewhere", image=image)
    with pytest.raises(EnvironmentNotFound) as caught:
        kernel_task(boxed, ("ipykernel", "msgspec"))
    words = str(caught.value)
    assert words.startswith('the image of environment "made-elsewhere" (')
    assert "has no ipykernel, msgspec, which a kernel needs, and cannot take it: it is made elsewhere" in words
    assert words.endswith("put `pip install ipykernel msgspec` into the image")
