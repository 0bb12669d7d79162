"""The static twin: budgets, sanitizers, hostile strings, contrast."""

import base64
import re
from datetime import timezone
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace
from view_samples import T0, Builder, Value, failed, fan_out, running, success

from flytenb.model.outcome import Failure, Frame
from flytenb.model.snapshot import LogLine, TraceRow
from flytenb.views import facts, post_mortem, timeline, tree, twin
from flytenb.views.marks import _MARKS

ALLOWED = {
    "section", "p", "span", "b", "code", "br", "pre", "details", "summary", "img",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg/onload=1>\x00\x1b[31m\u202e\ud800</pre>&amp;"


class Seen(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.open = set(), set(), []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def shown(snapshot, previews=None):
    return twin.render(tree.view(snapshot, previews), zone=timezone.utc)


def checked(html):
    """Only elements and attributes that survive sanitizers, all closed; SVG inside images well formed."""
    seen = Seen(html)
    assert seen.open == []
    assert seen.tags <= ALLOWED
    assert seen.attributes <= {"style", "role", "aria-label", "scope", "open", "src", "alt", "width"}
    html.encode("utf-8")
    for svg in re.findall(r"base64,([^\"]+)", html):
        ElementTree.fromstring(base64.b64decode(svg))
    return html


@pytest.mark.parametrize("snapshot", [success(), failed(), running(), fan_out()])
def test_only_what_survives_sanitizers(snapshot):
    checked(shown(snapshot))


def test_head_tells_state_and_facts():
    html = checked(shown(success()))
    assert "28 actions · 41 s · 11 cached (saved 6 m 12 s) · 21 Nov 2026, 14:02" in html
    assert 'aria-label="Run search, k7p2, succeeded, 28 actions' in html


def test_failure_shows_frames_log_and_failed_row_first():
    html = checked(shown(failed()))
    assert "Cell In[4], line 12, in svc" in html
    assert "Last log line of fit[9]" in html
    assert html.index("fit ×24") < html.index("load")


def evil_run(actions):
    b = Builder(EVIL * 30, "failed", 9.0, origin={"notes": [EVIL * 100]})
    failure = Failure(
        code=EVIL * 9, message=EVIL * 999, frames=tuple(Frame(EVIL * 9, 1, EVIL * 9, EVIL * 99) for _ in range(40))
    )
    for i in range(actions - 1):
        b.add(f"{EVIL * 20}{i}", "failed", failure=failure, reason=EVIL * 50)
    b.logs += [LogLine(action="a1", attempt=1, stream="stdout", time=T0, text=EVIL * 99) for _ in range(99)]
    values = [Value(EVIL * 50, EVIL * 50, EVIL * 500, 10**12) for _ in range(50)]
    previews = {a.name: {"inputs": values, "outputs": values} for a in b.actions}
    return shown(b.snapshot(), previews)


def test_hostile_strings_stay_text():
    html = checked(evil_run(12))
    assert "<script" not in html
    assert not re.search("[\x00\x1b\u202e\ud800-\udfff]", html)


@pytest.mark.parametrize(("actions", "limit"), [(1, 15_000), (12, 15_000), (300, 60_000)])
def test_budget_holds_for_hostile_runs(actions, limit):
    assert len(evil_run(actions).encode()) <= limit


def test_budget_holds_for_small_and_huge_runs():
    b = Builder("search", "succeeded", 20.0)
    for i in range(8):
        b.add("fit", start=i)
    values = [Value("c", "float", "1.0", 9)]
    assert (
        len(shown(b.add("load").add("split").add("evaluate").snapshot(), {"a0": {"outputs": values}}).encode())
        <= 15_000
    )
    assert len(checked(shown(fan_out(10_000))).encode()) <= 60_000
    mixed = Builder("mixed", "failed", 20.0)
    for i in range(10_000):  # the worst for the raster: every neighbour differs
        mixed.add(f"t{i % 8}", ["succeeded", "failed", "aborted"][i // 8 % 3], start=i / 100)
    assert len(checked(shown(mixed.snapshot())).encode()) <= 60_000


@pytest.mark.parametrize(("actions", "limit"), [(12, 15_000), (10_000, 60_000)])
@pytest.mark.parametrize("is_one_task", [True, False], ids=["one task", "a task each"])
def test_budget_holds_for_long_names_of_many_bytes(actions, limit, is_one_task):
    name = "𝒻𝒾𝓉🧪漢字ﷺ" * 40
    b = Builder(name, "failed", 20.0, origin={"notes": [name]})
    for i in range(actions - 1):
        failure = Failure(code="ValueError", message=f"{i} {name * 20}", frames=(Frame("In[5]", 7, name, name * 3),))
        phase, said = ("failed", failure) if i % 2 == 0 else ("succeeded", None)
        b.add(name if is_one_task else f"{i} {name}", phase, start=i / 100, group=name, reason=name, failure=said)
    b.logs += [LogLine(action=f"a{i}", attempt=1, stream="stdout", time=T0, text=name * 9) for i in range(1, 99)]
    values = [Value(name, name, name * 9, 10**6)] * 30
    view = tree.view(b.snapshot(), {a.name: {"inputs": values, "outputs": values} for a in b.actions[:60]})
    html = checked(twin.render(view, zone=timezone.utc))
    assert len(html.encode()) <= limit
    assert "ValueError: 0 𝒻𝒾𝓉🧪漢字ﷺ" in html
    if not is_one_task:
        assert re.search(r"and [\d,]+ more causes", html)


def test_a_run_that_goes_on_is_small_because_it_is_sent_again_and_again():
    b = Builder("score_all", "running", 30.0)
    for i in range(10_000):
        b.add("score_page", ["succeeded", "running", "queued"][min(2, i // 4_000)], start=i / 500)
    assert len(checked(shown(b.snapshot())).encode()) <= 20_000
    assert len(checked(shown(running())).encode()) <= 20_000


def test_the_timeline_of_one_action_is_told_in_words():
    assert 'alt="Timeline: alone succeeded, 3.0 s"' in shown(Builder("alone", "succeeded", 3.0).snapshot())


def test_traces_are_rows():
    b = Builder("top", "succeeded", 5.0).add("fit")
    traces = tuple(TraceRow(action="a1", name="clean", n=i, started_at=T0, duration_s=0.01, ok=i > 0) for i in range(3))
    snapshot = b.snapshot()
    import msgspec

    html = checked(shown(msgspec.structs.replace(snapshot, traces=traces)))
    assert "clean ×3" in html
    assert "Traced, 1 failed" in html


def test_empty_run_has_a_view():
    b = Builder("top", "queued", 0.0)
    b.actions.clear()
    checked(shown(b.snapshot()))
    assert timeline.svg(tree.view(b.snapshot())) == ""


def _contrast(one, two):
    def luminance(color):
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mark", _MARKS.values(), ids=lambda m: m.key)
def test_marks_are_readable_on_light_and_dark(mark):
    assert _contrast(mark.color, "#ffffff") >= 3.3
    assert _contrast(mark.color, "#212121") >= 3.9


def test_tasks_environments_actions_and_runs_have_views():
    task = facts.TaskFacts(
        name="digits.fit", inputs=(("c", "float", ""), ("n", "int", "3")), outputs=(("o0", "Score"),),
        settings=(("cache", "auto"),), source="Cell In[4], line 2", doc=EVIL,
    )  # fmt: skip
    assert facts.task_text(task) == (
        "task digits.fit\n  async fit(c: float, n: int = 3) -> Score\n"
        "  cache        auto\n  source       Cell In[4], line 2"
    )
    checked(facts.task_html(task))
    environment = facts.EnvironmentFacts(name="digits", settings=(("cpu", "1"),), tasks=(task,) * 12)
    assert "and 4 more" in facts.environment_text(environment)
    checked(facts.environment_html(environment))
    action = failed().actions[12]
    assert facts.action_text(action, "fit[9]").startswith("✖ fit[9] a12  Failed  5.8 s, attempt 2\n  ValueError")
    checked(facts.action_html(action, "fit[9]", [Value("c", "float", EVIL, 3)]))
    runs = [failed().run, running().run]
    assert facts.runs_text(runs, T0 + 60).split("\n")[0].startswith("✖ k8b4")
    checked(facts.runs_html(runs, T0 + 60))


def test_long_words_stay_in_their_column():
    """Where a page gives all columns one width, a long value would be written over its neighbour."""
    cell = twin.table(("Preview",), [("x" * 200,)])
    assert "overflow-wrap:anywhere" in cell.partition("<td")[2]


def test_variables_of_a_failure_are_folded_and_escaped() -> None:
    failure = Failure(
        code="ValueError",
        message="<img src=x onerror=alert(1)>",
        frames=(Frame("Cell In[1]", 3, "<lambda>", "x = '</code><script>'"), Frame("Cell In[2]", 4, "fit", "y")),
        locals=((("a</td><script>", "<script>alert(1)</script>\u202e"),), (("words", "x" * 5000), ("b", "<b>"))),
    )
    snapshot = failed()
    actions = [replace(one, failure=failure) if one.failure is not None else one for one in snapshot.actions]
    page = checked(shown(replace(snapshot, actions=tuple(actions))))
    for markup in (page, post_mortem.page(failure, "<script>")):
        assert "<script" not in markup
        assert "<img src=x" not in markup
        assert "\u202e" not in markup
    assert '<summary style="cursor:pointer">Variables of Cell In[2], line 4, in fit</summary>' in page
    assert "<code>&lt;b&gt;</code>" in page
    assert len(page) < len(shown(snapshot)) + 4_000
    assert "> Cell In[2], line 4, in fit" in post_mortem.text(failure, "fit", 1)
