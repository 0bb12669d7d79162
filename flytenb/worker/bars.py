"""Progress bars in what bodies write: tqdm's lines become `PROGRESS`, without touching tqdm.

tqdm (also `tqdm.auto`, and whatever draws bars in its format) rewrites a line on stderr with carriage returns. Reading
that needs no change of the library, no import hook, and works for subprocesses too.
"""

from __future__ import annotations

import re
from time import perf_counter

#: `train:  34%|███▍      | 340/1000 [00:10<00:20, 33.0it/s, loss=0.2]`
_BAR = re.compile(
    r"(?:^|\r)(?P<text>[^\r\n]*?)\s*\d{1,3}%\|[^|\r\n]*\|\s*(?P<done>[\d.]+)(?P<done_unit>[kMGTPE]?)/"
    r"(?P<total>[\d.]+)(?P<total_unit>[kMGTPE]?)[A-Za-z]*\s*\[(?P<spent>[\d:]+)<"
)
#: A bar below another one: down, its line, up again.
_NESTED = re.compile(r"\n+\r[^\n]*(?:\x1b\[A)+")
#: `340it [00:10, 33.0it/s]`
_COUNT = re.compile(
    r"(?:^|\r)(?:(?P<text>[^\r\n]*?): )?(?P<done>[\d.]+)(?P<done_unit>[kMGTPE]?)[A-Za-z]+\s*\[(?P<spent>[\d:]+), "
)
_UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
#: Bars of one action that are told apart; a body with more of them at once is not followed.
_MAX_BARS = 64

#: (done, total, text, elapsed_s)
Reading = tuple[float, float, str, float]


class Bars:
    """The bars of one attempt. Of nested ones the outermost that has not ended is how far the body is."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        #: total → what it said last, and the moment of its first word; outermost first.
        self._known: dict[float, tuple[Reading, float]] = {}

    def read(self, text: str) -> Reading | None:
        """What a piece of output says; None when there is no bar in it."""
        found = list(_BAR.finditer(text)) or list(_COUNT.finditer(text))
        if not found:
            return None
        parts = found[-1].groupdict()
        total = _number(parts["total"], parts["total_unit"]) if "total" in parts else 0.0
        done = _number(parts["done"], parts["done_unit"])
        words = (parts["text"] or "").strip().rstrip(":")
        now = perf_counter()
        known = self._known
        _, began = known.get(total, (None, now - _seconds(parts["spent"])))
        reading = (done, total, words, now - began)
        for other, (last, _) in list(known.items()):
            if other != total and last[1] and last[0] >= last[1]:
                del known[other]  # one after another, not one in another
        if total in known or len(known) < _MAX_BARS:
            known[total] = (reading, began)
        if total and done >= total:
            for inner in list(known)[list(known).index(total) + 1 :] if total in known else ():
                del known[inner]
        return next((said for said, _ in known.values() if not said[1] or said[0] < said[1]), reading)


def unnested(text: str) -> str:
    """Output without the bars that are drawn below others: in a log they would be a line for each of their steps."""
    return _NESTED.sub("", text) if "\x1b[A" in text else text


def held_from(text: str) -> int:
    """Where a line begins whose end may be a step down to a nested bar; the length of the text where none does."""
    end = text.rfind("\n")
    if end < 0 or (text[end + 1 :] and text[end + 1] != "\r"):
        return len(text)
    start = text.rfind("\n", 0, end) + 1
    return start if "\r" in text[start:end] else len(text)


def _number(digits: str, unit: str) -> float:
    try:
        return float(digits) * _UNITS[unit]
    except ValueError:
        return 0.0


def _seconds(clock: str) -> float:
    spent = 0
    for part in clock.split(":"):
        spent = spent * 60 + int(part or 0)
    return float(spent)
