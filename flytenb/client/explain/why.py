"""Why one action, or a whole run, was taken from the cache or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from flytenb.capture.ingredients import Ingredients, Part, ingredients_of, located, read_program, text_of
from flytenb.client import handle
from flytenb.client.explain.differences import (
    Difference,
    code_differences,
    input_differences,
    scope_differences,
    setting_differences,
    type_differences,
)
from flytenb.client.session import Session
from flytenb.codec.objects import ObjectStore
from flytenb.errors import FlytenbError
from flytenb.model.declaration import TaskDeclaration, decode_declaration
from flytenb.model.history import Entry, History, PastCall
from flytenb.model.snapshot import ActionRow
from flytenb.views import why as drawn
from flytenb.views import words as views_words

#: Tasks of a run whose first miss is explained.
MOST_TASKS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why an action was taken from the cache ("hit"), ran ("miss"), or did not ask ("off", "forced", "doubt")."""

    run: str
    action: str
    task: str
    verdict: str
    #: One sentence.
    headline: str
    differences: tuple[Difference, ...] = ()
    #: "run/action" that it was taken from, or that is nearest.
    nearest: str = ""
    #: Seconds that a hit saved.
    saved_s: float = 0.0
    #: Three words for a badge.
    short: str = ""

    def __str__(self) -> str:
        return drawn.why_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.why_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `flytenb why -o json` prints it."""
        data: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__ if name != "differences"}
        data["differences"] = [{name: getattr(one, name) for name in one.__slots__} for one in self.differences]
        return data


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWhy:
    """The same for all tasks of a run: counts, and the first miss of each task."""

    run: str
    hit_count: int
    #: Actions that asked the cache.
    asked_count: int
    action_count: int
    tasks: tuple[Why, ...]
    saved_s: float = 0.0
    #: Task → (hits, all) of those that asked.
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def badge(self) -> str:
        """`1 of 3 cached; clean changed`, "" when no action asked the cache."""
        if not self.asked_count:
            return ""
        return "; ".join([f"{self.hit_count} of {self.asked_count} cached", *([self.reason] if self.reason else [])])

    @property
    def reason(self) -> str:
        """`clean changed`: why the first task that asked was not taken from the cache, "" when all were."""
        return next((one.short for one in self.tasks if one.verdict not in ("hit", "off") and one.short), "")

    @property
    def change(self) -> str:
        """The same when something differs from an earlier call: nothing new to tell of a first one."""
        return next((one.short for one in self.tasks if one.differences), "")

    def __str__(self) -> str:
        return drawn.run_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.run_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `flytenb why -o json` prints it."""
        return {
            "run": self.run,
            "hit_count": self.hit_count,
            "asked_count": self.asked_count,
            "action_count": self.action_count,
            "saved_s": self.saved_s,
            "badge": self.badge,
            "tasks": [one.to_dict() for one in self.tasks],
        }


def explain_run(link: Session, store: ObjectStore, run: str) -> RunWhy:
    """Every task of a run: its hits, and why its first miss was one."""
    by_task: dict[str, list[ActionRow]] = {}
    rows = handle.read_actions(link, run)
    for row in rows:
        by_task.setdefault(row.task, []).append(row)
    told: list[Why] = []
    hits = asked = 0
    counts = {}
    for task, members in by_task.items():
        cached = sum(row.is_cached for row in members)
        first = next((row for row in members if not row.is_cached), members[0])
        is_off = False
        if len(told) < MOST_TASKS:
            told.append(explain(link, store, run, first.name))
            is_off = told[-1].verdict == "off"
        hits += cached
        if not is_off:
            asked += len(members)
            counts[task] = (cached, len(members))
    saved_s = sum(row.saved_s for row in rows if row.is_cached)
    return RunWhy(
        run=run, hit_count=hits, asked_count=asked, action_count=len(rows), tasks=tuple(told), saved_s=saved_s,
        counts=counts,
    )  # fmt: skip


def explain(link: Session, store: ObjectStore, run: str, action: str = "a0") -> Why:
    """One action of a run."""
    history: History = link.query("history", History, run=run, action=action)
    return _Case(history, store).why()


class _Case:
    """One action with its past."""

    def __init__(self, history: History, store: ObjectStore) -> None:
        self._history, self._store = history, store
        self._call = history.call
        self._tasks = {number: decode_declaration(body) for number, body in history.tasks.items()}
        self._now = self._tasks[self._call.task]
        self._programs: dict[str, dict[str, Any]] = {}

    def why(self) -> Why:
        if self._call.is_cached:
            return self._hit()
        return self._off() or self._forced() or self._equal() or self._miss()

    def _told(self, verdict: str, headline: str, short: str = "", **more: Any) -> Why:
        call = self._call
        return Why(
            run=call.run,
            action=call.action,
            task=self._now.name,
            verdict=verdict,
            headline=headline,
            short=short,
            **more,
        )

    def _hit(self) -> Why:
        call = self._call
        made = next((one for one in self._history.earlier if one.key == call.key and not one.is_cached), None)
        entry: Entry | PastCall | None = made
        when = made.ended_at if made is not None else 0.0
        if made is None and self._history.entry is not None and self._history.entry.created_at <= call.ended_at:
            entry, when = self._history.entry, self._history.entry.created_at
        origin = f"{entry.run}/{entry.action}" if entry is not None and entry.run else ""
        words = drawn.hit_words(origin, when, call.saved_s)
        return self._told("hit", words, "cached", nearest=origin, saved_s=call.saved_s)

    def _off(self) -> Why | None:
        short = self._now.short_name
        if self._now.cache == "disable":
            words = f'the cache is off for task {short}: write cache="auto" at @env.task or at its environment'
            return self._told("off", words, "cache off")
        if self._history.is_disabling:
            return self._told("off", "the cache was switched off for this run (disable_run_cache)", "cache off")
        if not self._now.key:
            why = "; ".join(self._now.key_doubts[:2]) or "it runs in this process (mode local), uncaptured"
            return self._told("off", f"the code of task {short} has no key: {why}", "no key")
        if not self._call.key:
            return self._told("off", "this call did not ask the cache: a rerun always runs what it begins with", "")
        return None

    def _forced(self) -> Why | None:
        if self._now.key_doubts:
            words = (
                f"the key may be incomplete: {'; '.join(self._now.key_doubts[:2])}; "
                'give the code a version yourself with flyte.Cache("auto", version_override="1")'
            )
            return self._told("doubt", words, "key in doubt")
        if self._history.is_overwriting:
            words = "overwrite_cache was asked for this run: it always runs and writes its result anew"
            return self._told("forced", words, "overwritten")
        if self._now.cache == "override":
            words = 'cache="override" always runs and writes its result anew; cache="auto" uses results'
            return self._told("forced", words, "overwritten")
        return None

    def _equal(self) -> Why | None:
        """An equal call before that was not used."""
        same = [one for one in self._history.earlier if one.key and one.key == self._call.key]
        good = next((one for one in same if one.phase == "succeeded"), None)
        if good is not None:
            at = f"{good.run}/{good.action}"
            if good.ended_at > self._call.accepted_at:
                words = f"an equal call, {at}, ended only after this one had begun"
                return self._told("miss", words, "began before its result", nearest=at)
            limit = self._now.cache_max_age_s
            if limit and self._call.accepted_at - good.ended_at > limit:
                words = f"the result of {at} was {views_words.duration(self._call.accepted_at - good.ended_at)} old, "
                words += f"and max_age is {views_words.duration(limit)}"
                return self._told("miss", words, "too old", nearest=at)
            words = f"an equal result was there, of {at}, but its entry was pruned or its values are gone"
            return self._told("miss", words, "no longer cached", nearest=at)
        if same:
            at = f"{same[0].run}/{same[0].action}"
            words = f"an equal call, {at}, {same[0].phase.replace('_', ' ')}: only results are kept"
            return self._told("miss", words, f"{same[0].phase} before", nearest=at)
        return None

    def _miss(self) -> Why:
        done = [one for one in self._history.earlier if one.phase in ("succeeded", "recovered")]
        short = self._now.short_name
        if not self._history.earlier:
            return self._told("miss", f"task {short} never ran before", "never run before")
        if not done:
            last = self._history.earlier[0]
            words = f"task {short} never succeeded before; the last try was {last.run}/{last.action}"
            return self._told("miss", words, "never succeeded", nearest=f"{last.run}/{last.action}")
        keyed = [one for one in done if one.key]
        if not keyed:
            last = done[0]
            words = f"no earlier result of task {short} was kept: its cache was off ({last.run}/{last.action})"
            return self._told("miss", words, "not cached before", nearest=f"{last.run}/{last.action}")
        nearest, found = self._nearest(keyed)
        at = f"{nearest.run}/{nearest.action}"
        if not found:
            words = f"its key differs from that of {at}, but nothing that is recorded does"
            return self._told("miss", words, "other key", nearest=at)
        count = "" if len(found) == 1 else f"{len(found)} things differ from {at}: "
        words = f"{count}{found[0].words}" + (f", since {at}" if not count else f", and {len(found) - 1} more")
        return self._told("miss", words, found[0].short, nearest=at, differences=tuple(found))

    def _nearest(self, calls: Sequence[PastCall]) -> tuple[PastCall, list[Difference]]:
        """The earlier call with the fewest differences; of equals the newest."""
        ignored = self._now.cache_settings.ignored if self._now.cache_settings is not None else ()
        code: dict[int, list[Difference]] = {}
        best: tuple[int, PastCall, list[Difference]] | None = None
        for call in calls:
            if call.task not in code:
                if len(code) >= MOST_TASKS:
                    continue
                code[call.task] = self._code(self._tasks[call.task])
            found = [*code[call.task], *input_differences(call.inputs, self._call.inputs, ignored)]
            scopes = self._history.scopes
            found += scope_differences(scopes.get(call.run, ""), scopes.get(self._call.run, ""))
            if best is None or len(found) < best[0]:
                best = (len(found), call, found)
        assert best is not None
        return best[1], best[2]

    def _code(self, before: TaskDeclaration) -> list[Difference]:
        found = type_differences(before, self._now)
        if before.key == self._now.key:
            return found
        found += setting_differences(before, self._now)
        try:
            old, new = self._ingredients(before), self._ingredients(self._now)
        except (FlytenbError, LookupError, ValueError):  # its program is gone or damaged
            old = new = None
        if old is None or new is None:
            gone = Difference(kind="code", name=self._now.short_name, words="its code changed", short="code changed")
            return found or [gone]
        if old.key != new.key and not (before.cache_settings and before.cache_settings.version):
            new = located(self._program(self._now), old, new, self._now.source, self._store.get)
            # Types stand in the code too: what changed there is told first.
            found = code_differences(old, new, self._text(before), self._text(self._now)) + found
        return found

    def _ingredients(self, declaration: TaskDeclaration) -> Ingredients | None:
        return ingredients_of(self._program(declaration), declaration.entry)

    def _program(self, declaration: TaskDeclaration) -> dict[str, Any]:
        digest = declaration.program
        if digest not in self._programs:
            self._programs[digest] = read_program(self._store.get(digest)) if digest else {}
        return self._programs[digest]

    def _text(self, declaration: TaskDeclaration) -> Any:
        return partial(text_in, self._program(declaration), self._store)


def text_in(program: dict[str, Any], store: ObjectStore, part: Part) -> str:
    """The source of a part of a program; "" when it has none."""
    try:
        return text_of(program, part, store.get)
    except (FlytenbError, LookupError, ValueError):
        return ""
