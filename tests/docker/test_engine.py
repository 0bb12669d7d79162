"""The tests' own engine is one: it runs Python, limits, and GPU requests."""

from __future__ import annotations

from tests.docker.engine import DockerEngine


def _run(engine: DockerEngine, *command: str, **host: object) -> tuple[int, str]:
    api = engine.api
    config = api.create_host_config(network_mode="none", **host)
    made = api.create_container(engine.image, list(command), host_config=config)["Id"]
    try:
        api.start(made)
        status = api.wait(made)["StatusCode"]
        return status, api.logs(made).decode()
    finally:
        api.remove_container(made, force=True, v=True)


def test_runs_python(docker_engine: DockerEngine) -> None:
    assert _run(docker_engine, "python3", "-c", "import sys; print(sys.version_info[:2])") == (0, "(3, 11)\n")


def test_hands_on_gpu_ids(docker_engine: DockerEngine) -> None:
    if not docker_engine.is_own:
        return  # a user's engine has the GPUs it has
    import docker

    request = docker.types.DeviceRequest(device_ids=["0", "2"], capabilities=[["gpu"]])
    command = ("python3", "-c", "import os; print(os.environ['NVIDIA_VISIBLE_DEVICES'])")
    assert _run(docker_engine, *command, device_requests=[request]) == (0, "0,2\n")
