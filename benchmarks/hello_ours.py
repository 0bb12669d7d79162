import flytenb as flyte

env = flyte.TaskEnvironment(name="hello")


@env.task
async def hello(x: int) -> int:
    return x + 1


if __name__ == "__main__":
    print("result", flyte.run(hello, x=41).outputs()[0], flush=True)
