"""Hello, three times: `flytenb run hello.py hello_all --names '["Ada", "Grace"]'`, or `python hello.py`."""

import asyncio

import flytenb as flyte

env = flyte.TaskEnvironment(name="hello")


@env.task
async def hello(name: str) -> str:
    """Greet one person."""
    return f"Hello, {name}!"


@env.task
async def hello_all(names: list[str]) -> list[str]:
    """Greet everybody at once."""
    return list(await asyncio.gather(*(hello(name) for name in names)))


if __name__ == "__main__":
    run = flyte.run(hello_all, names=["Ada", "Grace", "Katherine"])
    print(run)
