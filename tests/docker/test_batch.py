"""A notebook whose kernel runs in a container of an environment's image, with its resources."""

from __future__ import annotations

import json

import nbformat

from tests.batches.conftest import write
from tests.docker.conftest import DockerHome
from tests.integration.conftest import until
from tests.notebooks.conftest import texts

PLACE = """
    import flytenb as flyte

    IMAGE = flyte.Image.from_base("flytenb-test/python:3.11").clone(name="batch", extendable=True)
    resources = flyte.Resources(cpu=1, memory="1Gi", gpu={gpu})
    boxed = flyte.TaskEnvironment(name="boxed", image={image}, resources=resources, env_vars={{"WHERE": "box"}})
"""
READY = 'IMAGE.with_pip_packages("ipykernel", "msgspec", "packaging", "pathspec", "fsspec")'
LOAD = "%load_ext flytenb\nimport flytenb as flyte, os\nenv = flyte.TaskEnvironment(name='nb')"
#: What is in a container, and how much of it there is.
SEEN = (
    "limit = next(p for p in ('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes')"
    " if os.path.exists(p))\n"
    "(os.environ['WHERE'], os.path.exists('/.dockerenv'), int(open(limit).read()) >> 20,"
    " os.environ.get('NVIDIA_VISIBLE_DEVICES', ''))"
)
TASK = "@env.task\nasync def double(n: int) -> int:\n    return 2 * n"


def place(home: DockerHome, *, gpu: object = None, image: str = READY) -> str:
    return f"{home.script('places.py', PLACE.format(gpu=repr(gpu), image=image))}:boxed"


def notebook(home: DockerHome, *cells: str) -> str:
    (home.path.parent / "work").mkdir(exist_ok=True)
    return write(home.path.parent / "work" / "a.ipynb", *cells)


def shown(path: str) -> list[list[str]]:
    return [texts(cell) for cell in nbformat.read(path.replace(".ipynb", "-out.ipynb"), 4).cells]


def test_a_notebook_in_a_container(docker_home: DockerHome):
    source = notebook(
        docker_home, LOAD, TASK, SEEN, "flyte.run(double, n=4).value()", "run = flyte.run(double, n=5)\nrun"
    )
    words = ["batch", source, "--env", place(docker_home), "--name", "boxed", "--output-format", "json"]
    done = json.loads(docker_home.cli(*words, timeout=500).stdout)
    assert [told["run"] for told in done["runs"]] == ["boxed.4.1", "boxed.5.1"]
    cells = shown(source)
    assert cells[2][-1] == "('box', True, 1024, '')"
    assert cells[3][-1] == "8"
    kernel = json.loads(docker_home.cli("get", "run", "boxed.kernel", "--output-format", "json").stdout)
    assert kernel["phase"] == "succeeded"
    assert "container of" in docker_home.cli("get", "run", "boxed.kernel").stdout


def test_the_gpus_of_its_resources_are_the_kernels(docker_home: DockerHome):
    docker_home.env |= {"FLYTENB_GPUS": "A100:2", "FLYTENB_CPUS": "4"}
    source = notebook(docker_home, LOAD, SEEN)
    docker_home.cli("batch", source, "--env", place(docker_home, gpu=1), timeout=500)
    assert shown(source)[1][-1] in ("('box', True, 1024, '0')", "('box', True, 1024, '1')")


def test_an_image_without_a_kernel_gets_one(docker_home: DockerHome):
    source = notebook(docker_home, "import os", SEEN)
    done = docker_home.cli("batch", source, "--env", place(docker_home, image="IMAGE"), timeout=500)
    assert "has no ipykernel, msgspec" in done.stderr
    assert shown(source)[1][-1] == "('box', True, 1024, '')"


def test_an_abort_leaves_no_container_and_it_resumes(docker_home: DockerHome):
    flag = docker_home.path / "objects" / "flag"  # seen inside
    wait = f"import time\nwhile not os.path.exists({str(flag)!r}):\n    time.sleep(0.1)"
    source = notebook(docker_home, LOAD, TASK, "flyte.run(double, n=4).value()", wait)
    where = place(docker_home)
    words = ["-m", "flytenb.cli", "batch", source, "--env", where]
    process = docker_home.popen(*words, "--name", "stopped")
    for line in process.stderr:
        if line.startswith("cell 4/"):
            break
    docker_home.cli("abort", "run", "stopped")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "was aborted" in errors
    until(lambda: not docker_home.containers(), "the kernel's container to go", 60)
    flag.parent.mkdir(exist_ok=True)
    flag.touch()
    done = docker_home.cli("batch", source, "--env", where, "--resume", timeout=300)
    assert "stopped.3.1" in done.stdout


def test_a_killed_container_is_a_dead_kernel(docker_home: DockerHome):
    source = notebook(docker_home, "1", "import time; time.sleep(600)")
    process = docker_home.popen("-m", "flytenb.cli", "batch", source, "--env", place(docker_home), "--name", "dead")
    for line in process.stderr:
        if line.startswith("cell 2/"):
            break
    for one in docker_home.containers():
        docker_home.docker.api.kill(one["Id"])
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "died in cell 2" in errors
