"""A failed action after its end: frames, source lines, and what their variables held when it failed."""

from __future__ import annotations

import cmd
from typing import Any, TextIO

import msgspec

from flytenb.client.session import Session
from flytenb.errors import RuntimeUserError
from flytenb.model.outcome import Failure, Frame
from flytenb.views import post_mortem as drawn
from flytenb.views import variables


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine tells of a failure."""

    failure: Failure | None
    attempt: int
    action: str
    task: str


class PostMortem:
    """The frames of a failure, one of them chosen. Nothing runs and nothing is unpickled.

    Example:
        run.post_mortem("a8")          # shows the frames; the innermost one with its variables
        run.post_mortem().locals["i"]  # "17", as text
    """

    def __init__(self, run: str, told: Told, failure: Failure) -> None:
        self.run, self.action, self.task, self.attempt = run, told.action, told.task, told.attempt
        #: The error as data: code, message, frames, traceback.
        self.failure = failure
        chosen = variables.innermost(failure)
        #: Number of the chosen frame, 0 = outermost.
        self.index = chosen if chosen >= 0 else max(0, len(failure.frames) - 1)

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The user's frames, outermost first."""
        return self.failure.frames

    @property
    def frame(self) -> Frame | None:
        """The chosen one."""
        return self.frames[self.index] if self.frames else None

    @property
    def locals(self) -> dict[str, str]:
        """What its variables held, as texts."""
        return dict(variables.variables(self.failure, self.index)) if self.frames else {}

    def up(self) -> PostMortem:
        """Choose the caller's frame."""
        self.index = max(0, self.index - 1)
        return self

    def down(self) -> PostMortem:
        """Choose the frame that this one called."""
        self.index = min(max(0, len(self.frames) - 1), self.index + 1)
        return self

    def interact(self, stdin: TextIO | None = None, stdout: TextIO | None = None) -> None:
        """Move through the frames by typing: u(p), d(own), p NAME, w(here), q(uit)."""
        _Prompt(self, stdin, stdout).cmdloop()

    @property
    def _head(self) -> str:
        again = f", attempt {self.attempt}" if self.attempt > 1 else ""
        return f"{self.task} {self.run}/{self.action}{again}"

    def __repr__(self) -> str:
        return drawn.text(self.failure, self._head, self.index)

    def _repr_html_(self) -> str:
        return drawn.page(self.failure, self._head)


class _Prompt(cmd.Cmd):
    prompt = "(flyte) "

    def __init__(self, story: PostMortem, stdin: TextIO | None, stdout: TextIO | None) -> None:
        super().__init__(stdin=stdin, stdout=stdout)
        self.use_rawinput = stdin is None
        self._story = story
        self.intro = f"{story!r}\n(u)p, (d)own, (p) NAME, (w)here, (q)uit"

    def _say(self, text: str) -> None:
        print(text, file=self.stdout)

    def do_u(self, line: str) -> None:
        """The caller's frame."""
        self._say(drawn.frame_text(self._story.up().failure, self._story.index, ">"))

    def do_d(self, line: str) -> None:
        """The frame that this one called."""
        self._say(drawn.frame_text(self._story.down().failure, self._story.index, ">"))

    def do_p(self, name: str) -> None:
        """What a variable held."""
        held = self._story.locals.get(name.strip())
        known = ", ".join(self._story.locals) or "nothing that was kept"
        self._say(held if held is not None else f"no variable {name.strip()!r} here; there is {known}")

    def do_w(self, line: str) -> None:
        """All frames."""
        self._say(repr(self._story))

    def do_q(self, line: str) -> bool:
        """Leave."""
        return True

    do_up, do_down, do_print, do_where, do_quit, do_exit, do_EOF = do_u, do_d, do_p, do_w, do_q, do_q, do_q

    def emptyline(self) -> bool:
        return False

    def default(self, line: str) -> None:
        self.do_p(line)


def post_mortem(link: Session, run: str, action: str = "", attempt: int | None = None) -> PostMortem:
    """The failure of an action; without one, that of the action which failed first.

    Raises:
        RuntimeUserError: code NotFailed: it did not fail, or nothing of the run did.
    """
    name = action or first_failure(link, run)
    asked: dict[str, Any] = {"run": run, "action": name}
    if attempt is not None:
        asked["attempt"] = attempt
    told: Told = link.query("post_mortem", Told, **asked)
    if told.failure is None:
        which = f", attempt {attempt}," if attempt is not None else ""
        raise RuntimeUserError(
            "NotFailed", f"{run}/{name}{which} did not fail; flytenb get action {run} lists what did"
        )
    return PostMortem(run, told, told.failure)


def first_failure(link: Session, run: str) -> str:
    """The action that failed first, a child rather than its parent.

    Raises:
        RuntimeUserError: code NotFailed: nothing failed.
    """
    from flytenb.client.handle import read_actions

    failed = [row for row in read_actions(link, run) if row.failure is not None and row.phase != "aborted"]
    parents = {row.parent for row in failed}
    failed.sort(key=lambda row: (row.name in parents, row.ended_at))
    if not failed:
        raise RuntimeUserError("NotFailed", f"nothing failed in run {run}; flytenb get run {run} shows it")
    return failed[0].name
