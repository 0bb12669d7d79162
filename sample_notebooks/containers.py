"""Two environments whose packages exclude each other: `flytenb run containers.py compare`, or `python containers.py`.

In containers where a Docker engine answers, in virtual environments where none does; `FLYTENB_EXECUTOR=process` or
`docker` says which.
"""

import asyncio

import flytenb as flyte

debian = flyte.Image.from_debian_base()
old = flyte.TaskEnvironment(name="old", image=debian.with_pip_packages("semver==2.13.0"))
new = flyte.TaskEnvironment(name="new", image=debian.with_pip_packages("semver==3.0.2"))
main = flyte.TaskEnvironment(name="main", depends_on=[old, new])

VERSIONS = ["1.9.0", "1.10.0-rc.1", "1.10.0", "0.99.9"]


@old.task
async def newest_old(versions: list[str]) -> str:
    """The newest version, with the functions of semver 2."""
    import semver

    best = versions[0]
    for one in versions:
        assert semver.parse(one)["major"] >= 0
        best = semver.max_ver(best, one)
    return best


@new.task
async def newest_new(versions: list[str]) -> str:
    """The newest version, with the classes of semver 3."""
    import semver

    return str(max(map(semver.Version.parse, versions)))


@main.task
async def compare(versions: list[str] = VERSIONS) -> list[str]:
    """Both answers."""
    return list(await asyncio.gather(newest_old(versions), newest_new(versions)))


if __name__ == "__main__":
    run = flyte.run(compare)
    print(run)
    for action in run.actions:
        print(action.task_name, action.placement.executor, action.placement.distributions)
