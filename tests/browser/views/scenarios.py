"""Runs that the front end is looked at with: made by a real engine, each in a few seconds.

python -m tests.browser.views.record FOLDER
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import flytenb as flyte

env = flyte.TaskEnvironment(name="digits", resources=flyte.Resources(cpu=1))
cached = flyte.TaskEnvironment(name="stored", resources=flyte.Resources(cpu=1), cache="auto")


@dataclass
class Params:
    """One setting."""

    C: float
    gamma: float
    kernel: str = "rbf"


@dataclass
class Score:
    """How well it did."""

    params: Params
    accuracy: float


@cached.task
async def load(name: str) -> list[int]:
    await asyncio.sleep(0.4)
    return list(range(200))


@env.task
async def split(rows: list[int], share: float) -> tuple[list[int], list[int]]:
    await asyncio.sleep(0.25)
    at = int(len(rows) * share)
    return rows[:at], rows[at:]


@env.task(retries=1)
async def fit(train: list[int], params: Params) -> Score:
    print(f"kernel={params.kernel} C={params.C} gamma={params.gamma}")
    if params.C <= 0 and params.gamma < 0.005:
        raise ValueError(f"C must be positive, got {params.C}")
    for fold in range(5):
        print(f"\rfold {fold + 1}/5", end="")
        await asyncio.sleep(0.05 + 0.02 * (len(params.kernel) % 3))
    print()
    print(f"\x1b[32maccuracy {0.95 + params.gamma:.3f}\x1b[0m")
    return Score(params, 0.95 + params.gamma)


@env.task
async def evaluate(scores: list[Score], test: list[int]) -> Score:
    await asyncio.sleep(0.3)
    return max(scores, key=lambda score: score.accuracy)


@env.task(report=True)
async def search(name: str, cs: list[float]) -> Score:
    rows = await load(name)
    train, test = await split(rows, 0.8)
    settings = [Params(c, gamma) for c in cs for gamma in (0.001, 0.01)]
    with flyte.group("search"):
        scores = await asyncio.gather(*(fit(train, each) for each in settings))
    best = await evaluate(list(scores), test)
    await flyte.report.replace.aio(
        "<h2>Best of the search</h2><table><tr><th>accuracy</th><td>0.96</td></tr></table>"
        "<script>document.body.append('script ran')</script>"
    )
    await flyte.report.flush.aio()
    return best


@env.task
async def step(fold: int, n: int) -> int:
    await asyncio.sleep(0.05)
    return fold * n


@env.task
async def fold(number: int) -> int:
    return sum(await asyncio.gather(*(step(number, n) for n in range(3))))


@env.task
async def nested(folds: int) -> int:
    with flyte.group("folds"):
        found = await asyncio.gather(*(fold(number) for number in range(folds)))
    with flyte.group("again"):
        return sum(found) + await step(1, 2)


@env.task
async def score_page(page: int) -> int:
    if page % 450 == 7:
        raise ValueError("page has no text layer")
    if page % 1700 == 12:
        raise TimeoutError("OCR took longer than 10 s")
    return page * 2


@env.task
async def score_all(pages: int) -> int:
    found = await asyncio.gather(*(score_page(page) for page in range(pages)), return_exceptions=True)
    return sum(each for each in found if isinstance(each, int))


@flyte.trace
async def llm(prompt: str) -> str:
    await asyncio.sleep(0.2)
    return f"ToolCall('search_docs', q={prompt[:12]!r})"


@flyte.trace
async def search_docs(query: str) -> list[str]:
    await asyncio.sleep(0.12)
    return [f"{query} 1", f"{query} 2"]


@env.task
async def run_sql(statement: str) -> int:
    await asyncio.sleep(0.3)
    if "drop" in statement:
        raise PermissionError("this role may not drop tables")
    return 42


@env.task
async def triage(ticket: int) -> str:
    await llm(f"Ticket {ticket}: export fails")
    await search_docs("export quota")
    rows = await run_sql("select count(*) from exports")
    await llm(f"{rows} rows")
    try:
        await run_sql("drop table exports")
    except Exception as error:
        await llm(str(error))
    return "answered"


@env.task
async def epoch(number: int) -> float:
    for step in flyte.progress(range(8), text="batches"):
        await asyncio.sleep(0.25 if number else 0.01)
        _ = step
    return 1 / (number + 1)


@env.task
async def train(epochs: int) -> float:
    losses = await asyncio.gather(*(epoch(number) for number in range(epochs)))
    return min(losses)


@env.task
async def quick(n: int) -> int:
    return n + 1


EVIL = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>\u202e\x00\x1b[31mred\x1b]8;;http://evil\x07"


@env.task
async def hostile(text: str) -> str:
    print(EVIL)
    print("\x1b[2J\x1b[1;31mbold red\x1b[0m and \x1b[38;5;208morange\x1b[48;2;0;60;0m on green\x1b[0m plain")
    print("x" * 200_000)
    print("אבג שלום 😀 \u2067rtl\u2069")
    with flyte.group(EVIL[:60]):
        await quick(1)
    raise RuntimeError(EVIL)
