"""Which support vector machine reads digits best? A search over 24 settings on scikit-learn's bundled data.

    flytenb run digits_search.py search --cs '[0.1, 1, 10]' --gammas '[0.001, 0.01]'
    python digits_search.py
"""

import asyncio
from dataclasses import dataclass

import numpy as np

import flytenb as flyte

env = flyte.TaskEnvironment(name="digits", resources=flyte.Resources(cpu=1, memory="1Gi"), cache="auto")


@dataclass
class Dataset:
    """Pictures of digits, 8 × 8 pixels in a row, and what they show."""

    images: np.ndarray
    labels: np.ndarray


@dataclass
class Split:
    """What is learnt from, chosen by, and judged by."""

    train: Dataset
    validation: Dataset
    test: Dataset


@dataclass
class Score:
    """How well one setting reads the validation pictures."""

    c: float
    gamma: float
    accuracy: float


@dataclass
class Result:
    """The best setting, and how well it reads pictures that nothing has seen."""

    best: Score
    test_accuracy: float


@env.task
async def load() -> Dataset:
    """1,797 pictures that come with scikit-learn."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Dataset(digits.data / 16.0, digits.target)


@env.task
async def split(data: Dataset, seed: int = 7) -> Split:
    """Sixty, twenty and twenty of a hundred."""
    from sklearn.model_selection import train_test_split

    rest, test, rest_labels, test_labels = train_test_split(
        data.images, data.labels, test_size=0.2, random_state=seed, stratify=data.labels
    )
    train, validation, train_labels, validation_labels = train_test_split(
        rest, rest_labels, test_size=0.25, random_state=seed, stratify=rest_labels
    )
    return Split(Dataset(train, train_labels), Dataset(validation, validation_labels), Dataset(test, test_labels))


@env.task
def fit(c: float, gamma: float, parts: Split) -> Score:
    """Learn with one setting."""
    from sklearn.svm import SVC

    model = SVC(C=c, gamma=gamma).fit(parts.train.images, parts.train.labels)
    accuracy = float(model.score(parts.validation.images, parts.validation.labels))
    print(f"C={c:g} gamma={gamma:g}: {accuracy:.1%}")
    return Score(c, gamma, accuracy)


@env.task
def evaluate(best: Score, parts: Split) -> float:
    """Learn with the chosen setting from everything but the test pictures, and read these."""
    from sklearn.svm import SVC

    images = np.concatenate([parts.train.images, parts.validation.images])
    labels = np.concatenate([parts.train.labels, parts.validation.labels])
    model = SVC(C=best.c, gamma=best.gamma).fit(images, labels)
    return float(model.score(parts.test.images, parts.test.labels))


def table(scores: list[Score]) -> str:
    """The scores as HTML, the best first."""
    rows = "".join(
        f"<tr><td>{s.c:g}</td><td>{s.gamma:g}</td><td>{s.accuracy:.1%}</td></tr>"
        for s in sorted(scores, key=lambda s: -s.accuracy)
    )
    return f"<table><tr><th>C</th><th>gamma</th><th>accuracy</th></tr>{rows}</table>"


@env.task(report=True, cache="disable")
async def search(cs: list[float], gammas: list[float]) -> Result:
    """Try all settings at once, keep the best, judge it."""
    parts = await split(await load())
    scores = await asyncio.gather(*(fit.aio(c, gamma, parts) for c in cs for gamma in gammas))
    best = max(scores, key=lambda score: score.accuracy)
    accuracy = await evaluate.aio(best, parts)
    await flyte.report.replace.aio(f"<h2>{len(scores)} settings</h2>{table(list(scores))}", do_flush=True)
    return Result(best, accuracy)


if __name__ == "__main__":
    run = flyte.run(search, cs=[0.1, 0.3, 1.0, 3.0, 10.0, 30.0], gammas=[0.003, 0.01, 0.03, 0.1])
    print(run)
