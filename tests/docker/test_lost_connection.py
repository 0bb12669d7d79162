"""The connection to the engine is lost, or only the one that tells of ends."""

from __future__ import annotations

import time

from tests.docker.cable import Cable
from tests.docker.conftest import DockerHome
from tests.docker.scripts import HEAD, begun, in_thread
from tests.integration.conftest import until

LIST, EVENTS = r"GET \S+/containers/json", r"GET \S+/events"
#: Of a worker; there are others, which make bytecode or fill a volume.
CREATE = r"POST \S+/containers/create\?name=flytenb-\w+-w\d"
ATTACH = r"POST \S+/containers/\w+/attach"
QUICK = """
    env = flyte.TaskEnvironment(name="box", image=IMAGE)

    @env.task
    async def answer() -> int:
        return 42

    if __name__ == "__main__":
        flyte.init()
        run = flyte.run(answer)
        try:
            run.wait()
            print(run.outputs()[0])
        except Exception as error:
            print(type(error).__name__, error)
"""


#: Longer than a container's report is waited for.
LONG = """await asyncio.sleep(8)
        return 42"""


def test_a_lost_connection_loses_the_attempt_and_nothing_hangs(far_home: DockerHome) -> None:
    cable = Cable(far_home.docker.host)
    far_home.env["DOCKER_HOST"] = cable.host
    thread, printed = begun(far_home)
    cable.cut()
    time.sleep(3)
    cable.is_cut = False
    thread.join(120)
    assert printed == ["42\n"], far_home.engine_log()
    until(lambda: len(far_home.containers()) <= 2, "what was cut off to be removed")


def look_again(cable: Cable, times: int = 1) -> None:
    """Events are missed, so that all containers are looked at; it returns when they have been."""
    for _ in range(times):
        before = cable.answered(LIST)
        cable.cut(EVENTS)
        until(lambda before=before: cable.answered(LIST) > before, "the containers to be looked at")


def test_a_container_that_is_being_made_is_not_taken_for_ended(far_home: DockerHome) -> None:
    """It exists and does not run yet."""
    cable = Cable(far_home.docker.host)
    far_home.env["DOCKER_HOST"] = cable.host
    attach = cable.gate(ATTACH)
    thread, printed = in_thread(far_home, QUICK)
    attach.wait()
    look_again(cable, 2)
    attach.open()
    thread.join(120)
    assert printed == ["42\n"], far_home.engine_log()


def test_a_container_that_was_asked_for_meanwhile_is_not_taken_for_left(far_home: DockerHome) -> None:
    """It exists when the containers are listed, and did not when they were about to be."""
    cable = Cable(far_home.docker.host)
    far_home.env["DOCKER_HOST"] = cable.host
    assert far_home.run(HEAD + QUICK) == "42\n"
    listing, attach = cable.gate(LIST), cable.gate(ATTACH)
    cable.cut(EVENTS)
    listing.wait()
    thread, printed = in_thread(far_home, QUICK.replace('name="box"', 'name="other", env_vars={"A": "1"}'))
    attach.wait()
    before = cable.answered(LIST)
    listing.open()
    until(lambda: cable.answered(LIST) > before, "the containers to be looked at")
    look_again(cable)
    attach.open()
    thread.join(120)
    assert printed == ["42\n"], far_home.engine_log()


def test_a_start_whose_answer_is_lost_is_made_again_and_the_first_is_no_end(far_home: DockerHome) -> None:
    """The engine has started a container and nobody knows: it is removed, and its end is not its successor's."""
    cable = Cable(far_home.docker.host)
    far_home.env["DOCKER_HOST"] = cable.host
    pool = QUICK.replace(
        "image=IMAGE", "image=IMAGE, reusable=flyte.ReusePolicy(replicas=1, concurrency=1)"
    )  # no spare
    assert far_home.run(HEAD + pool) == "42\n"  # the image is known
    before = cable.answered(CREATE)
    cable.lose_answer(r"POST \S+/containers/\w+/start")
    assert far_home.run(HEAD + pool.replace('"box"', '"other"').replace("return 42", LONG)) == "42\n"
    assert cable.answered(CREATE) == before + 2, "no third container"
