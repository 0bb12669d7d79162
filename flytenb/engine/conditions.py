"""Conditions at the engine's desk: who waits for an answer, who gives one, who is told that one waits."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import threading
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from flytenb.engine.condition_rows import live_condition, stored_condition
from flytenb.engine.refused import QueryError
from flytenb.model.condition import KINDS, NotAnAnswer, answer_of, encode_answer
from flytenb.model.events import AskedBefore, Log, Signal
from flytenb.model.ids import action_name, run_of
from flytenb.model.snapshot import ConditionRow
from flytenb.rules.conditions import spec_of

if TYPE_CHECKING:
    from flytenb.engine.core import Engine
    from flytenb.model.condition import Webhook

#: Seconds that the receiver of a webhook has for its answer, and that the API's port may take to be there.
WEBHOOK_S = 10.0
_TOLD = "webhook"
#: Characters of a name that anybody may give over HTTP.
MOST_WHO = 100


class ConditionDesk:
    """The conditions of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        #: Answers on their way to the disk.
        self._being_answered: set[int] = set()

    def take_up(self) -> None:
        """Questions of unfinished runs stay open: they may be answered before their run comes to them again.

        Other actions may be aborted before that.
        """
        state = self._engine.state
        for number, task, accepted_at in self._engine.reader.open_actions():
            is_question = state.tasks_by_id[task].declaration.condition is not None
            (state.unasked if is_question else state.uncalled)[number] = accepted_at

    # ---- reading ------------------------------------------------------------------------------------------------

    async def listed(self, run: int | None, *, is_open: bool) -> list[ConditionRow]:
        """Conditions of a run (of all runs: those that wait), in order of acceptance."""
        if run is None:
            return [row for one in sorted(self._runs_that_wait()) for row in await self._of_run(one, is_open=True)]
        return await self._of_run(run, is_open=is_open)

    def _runs_that_wait(self) -> set[int]:
        state = self._engine.state
        return {run_of(number) for number in (*state.paused, *state.unasked)}

    async def _of_run(self, run: int, *, is_open: bool) -> list[ConditionRow]:
        told = self.over(await asyncio.to_thread(self.stored, run)).values()
        return [row for row in told if row.is_open or not is_open]

    def stored(self, run: int, used: set[int] | None = None) -> dict[int, ConditionRow]:
        """The conditions of a run on disk, by action; `used` are the tasks of its actions, if known. Any thread."""
        reader, tasks = self._engine.reader, self._engine.state.tasks_by_id
        numbers = used if used is not None else list(tasks)
        asking = [number for number in numbers if tasks[number].declaration.condition is not None]
        if not asking:
            return {}
        name, answers = reader.run_name(run), reader.answers(run)
        found = {
            row[0]: stored_condition(row, tasks[row[2]], name, answers.get(row[0]))
            for row in reader.actions_of_tasks(run, asking)
        }
        return {number: row for number, row in found.items() if row is not None}

    def over(self, stored: dict[int, ConditionRow]) -> dict[int, ConditionRow]:
        """The same with what memory knows of those that wait."""
        paused = self._engine.state.paused
        live = {number: live_condition(paused[number]) for number in stored.keys() & paused.keys()}
        return {**stored, **live}

    # ---- answering ----------------------------------------------------------------------------------------------

    async def signal(self, run: tuple[Any, ...], name: str, value: Any, who: str, origin: str) -> ConditionRow:
        """Give the answer; returns when it is on disk.

        Raises:
            QueryError: no such condition, one that does not wait, or no answer of its type.
        """
        engine = self._engine
        found = self._chosen(await self._of_run(run[0], is_open=False), run[1], name)
        number = (run[0] << 32) | int(found.action[1:])
        try:
            answer = answer_of(found.data_type, value)
        except NotAnAnswer as error:
            raise QueryError("BadAnswer", f"condition {found.name!r} takes {KINDS[found.data_type]}: {error}") from None
        if number in self._being_answered:
            raise QueryError("ConditionAnswered", f"condition {found.name!r} is being answered by somebody else now")
        if number not in engine.state.paused and number not in engine.state.unasked:
            raise self._not_open(found)
        self._being_answered.add(number)
        try:
            engine.happen(Signal(number, encode_answer(answer), who[:MOST_WHO], origin))
            await asyncio.sleep(0)  # the turn that hears it
            await engine.committed()
        finally:
            self._being_answered.discard(number)
        ended = next(row for row in await self._of_run(run[0], is_open=False) if row.action == found.action)
        if ended.phase != "succeeded" or ended.value != answer:
            raise self._not_open(ended)
        return ended

    def _chosen(self, known: list[ConditionRow], run: str, name: str) -> ConditionRow:
        """The one that is meant: by its action, by its name, or the only one that waits."""
        for row in known:
            if row.action == name:
                return row
        named = [row for row in known if row.name == name] if name else known
        waiting = [row for row in named if row.is_open]
        if len(waiting) == 1 or (waiting and len({row.action for row in waiting}) == 1):
            return waiting[0]
        if len(waiting) > 1:
            which = ", ".join(f"{row.action} ({row.name})" for row in waiting[:6])
            raise QueryError("BadQuery", f"several conditions of run {run!r} wait: {which}; name one by its action")
        if named and name:
            return named[-1]
        there = ", ".join(sorted({f"{row.action} ({row.name})" for row in known}))
        what = f"no condition {name!r}" if name else "no condition that waits for an answer"
        raise QueryError("ConditionNotFoundError", f"run {run!r} has {what}; it has: {there or 'none'}")

    def _not_open(self, row: ConditionRow) -> QueryError:
        if row.answered_at:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.answered_at))
            who = f" by {row.answered_by}" if row.answered_by else ""
            text = f"was answered with {row.value!r}{who} ({row.answered_from}) at {when}"
        else:
            text = f"waits no longer: it {'timed out' if row.phase == 'timed_out' else f'is {row.phase}'}"
        return QueryError("ConditionAnswered", f"condition {row.name!r} of run {row.run!r} {text}")

    # ---- telling ------------------------------------------------------------------------------------------------

    async def asked(self, number: int, *, is_new: bool) -> None:
        """A condition waits, and its row is on disk."""
        engine = self._engine
        question = engine.state.paused.get(number)
        if question is None:
            return
        if not is_new:
            row = await asyncio.to_thread(engine.reader.action, number)
            if row is not None:
                engine.happen(AskedBefore(number, row[7]))
        webhook = spec_of(question).webhook
        if webhook is None or (not is_new and await asyncio.to_thread(self._was_told, number)):
            return
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(engine.is_served.wait(), WEBHOOK_S)
        uri = self.callback_uri(question.run.name, action_name(number))
        threading.Thread(target=self._call, args=(number, webhook, uri), name="flytenb-webhook", daemon=True).start()

    def _was_told(self, number: int) -> bool:
        return any(_TOLD in line[5] for line in self._engine.reader.logs(number, number))

    def callback_uri(self, run: str, action: str) -> str:
        """Where this one condition can be answered on this machine; who has the address may answer it, nothing else."""
        key = self.callback_key(run, action)
        return f"http://127.0.0.1:{self._engine.port}/api/v1/runs/{run}/conditions/{action}/signal?key={key}"

    def callback_key(self, run: str, action: str) -> str:
        """What proves that a caller was told of this condition."""
        said = f"flytenb.condition/1\0{run}\0{action}".encode()
        return hmac.new(self._engine.token.encode(), said, sha256).hexdigest()[:32]

    def _call(self, number: int, webhook: Webhook, uri: str) -> None:
        """In a thread of its own: whoever is called may take his time."""
        from urllib.parse import urlsplit  # few conditions have a webhook

        place = urlsplit(webhook.url).netloc.rpartition("@")[2]  # an address may hold a secret: only the host is told
        try:
            status = _post(webhook.url, filled(webhook.payload, uri))
            words = f"{_TOLD}: {place} was told that an answer is awaited (status {status})"
        except Exception as error:
            said = str(error).replace(webhook.url, place)
            words = (
                f"{_TOLD}: {place} could not be told that an answer is awaited ({said}); the condition waits all the "
                "same: answer it with 'flytenb signal condition'"
            )
        log = Log(number, 1, "log", time.time(), words + "\n")
        self._engine.loop.call_soon_threadsafe(self._engine.happen, log)


def filled(payload: bytes, uri: str) -> bytes:
    """The JSON payload with the address in its strings."""

    def put(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("{callback_uri}", uri)
        if isinstance(value, dict):
            return {put(key): put(one) for key, one in value.items()}
        return [put(one) for one in value] if isinstance(value, list) else value

    import json

    return json.dumps(put(json.loads(payload))).encode()


def _post(url: str, body: bytes) -> int:
    from urllib.request import Request, urlopen  # few conditions have a webhook

    request = Request(url, data=body, headers={"content-type": "application/json"}, method="POST")
    with urlopen(request, timeout=WEBHOOK_S) as answer:
        return int(answer.status)
