import flyte

env = flyte.TaskEnvironment(name="hello")


@env.task
async def hello(x: int) -> int:
    return x + 1


if __name__ == "__main__":
    flyte.init()
    print("result", flyte.with_runcontext(mode="local").run(hello, 41).outputs()[0], flush=True)
