"""The views of recorded runs in a real browser: what is seen, what keys do, what hostile content cannot."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("tornado")

from tests.browser import axe
from tests.browser.views.server import STATIC, ViewServer

TABS = ("tree", "timeline", "graph", "logs", "report", "values", "code", "compare")
pytestmark = [
    pytest.mark.skipif(not (STATIC / "flytenb.js").exists(), reason="needs the built front end"),
    pytest.mark.timeout(600),
]


def rows(page: Any) -> list[str]:
    found = page.locator("[role=treegrid] [data-key]").all_inner_texts()
    return [" ".join(each.split()) for each in found]


def test_a_good_run_is_one_line_and_opens(opened: Callable[..., Any]) -> None:
    page = opened("success")
    line = page.locator("section[data-run]")
    assert line.get_attribute("data-open") == "false"
    assert "search success Succeeded 12 actions" in " ".join(line.inner_text().split()).replace("·", "")
    assert line.get_attribute("aria-label") == "Run search, success, succeeded, 12 actions"
    page.get_by_role("button", name="Expand run success").click()
    assert rows(page)[0].startswith("search Succeeded")


def test_a_failed_run_opens_at_its_failure(opened: Callable[..., Any]) -> None:
    page = opened("failed")
    failure = page.locator("[data-failure]")
    assert failure.locator("h3").inner_text() == "ValueError: C must be positive, got -0.1"
    assert "fit[4]" in failure.inner_text()
    assert "Params(C=-0.1, gamma=0.001, kernel='rbf')" in failure.inner_text()
    failure.get_by_role("button", name="Fix & recover").click()
    assert page.evaluate("window.codes") == ['run = flytenb.remote.Run.get("failed").recover()']
    failure.locator(".fnb-frames button").first.click()
    assert page.evaluate("window.place")[1] > 0


#: When the view is there, and when something is seen in it, by the page's own clock.
SEEN = """
window.seen = {};
new MutationObserver(() => {
  const view = document.querySelector('[data-run="fresh"]');
  if (view) { window.seen.there ??= performance.now(); }
  if (view?.innerText.trim()) { window.seen.shown ??= performance.now(); }
}).observe(document, { attributes: true, childList: true, characterData: true, subtree: true });
"""


def test_nothing_is_shown_before_half_a_second(opened: Callable[..., Any], server: ViewServer) -> None:
    body = json.loads(json.dumps(server.recorded.runs["running"]))
    body["snapshot"]["run"]["created_at"] = body["snapshot"]["taken_at"] = (
        time.time() + 3600
    )  # however slow the page is
    server.recorded.add("fresh", body)
    page = opened("fresh", before=SEEN)
    seen = page.evaluate("window.seen")
    assert seen["shown"] - seen["there"] > 450


def test_changes_are_drawn_and_a_good_end_closes_the_view(opened: Callable[..., Any], server: ViewServer) -> None:
    page = opened("running")
    snapshot = server.recorded.runs["running"]["snapshot"]
    running = next(each for each in snapshot["actions"] if each["phase"] == "running" and each["name"] != "a0")
    page.wait_for_selector(f'[data-row="{running["name"]}"] .fnb-word[data-phase=running]')
    failed = {
        **running,
        "phase": "failed",
        "ended_at": snapshot["taken_at"],
        "failure": {"code": "E", "message": "boom"},
    }
    server.say({"op": "change", "run": "running", "data": {"run": snapshot["run"], "actions": [failed]}})
    page.wait_for_selector(f'[data-row="{running["name"]}"] .fnb-word[data-phase=failed]')
    ended = json.loads(json.dumps(server.recorded.runs["success"]["snapshot"]))
    ended["run"]["name"] = "running"
    server.recorded.runs["running"]["snapshot"] = ended
    server.say({"op": "ended", "run": "running"})
    page.wait_for_selector('[data-run="running"][data-phase-of="succeeded"][data-open="false"]')
    assert page.evaluate("window.ended") == "running"


def test_keys(opened: Callable[..., Any]) -> None:
    page = opened("failed", "running")
    page.locator('[data-run="failed"] [data-key]').first.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function("document.activeElement.dataset.row === 'a1'")
    page.keyboard.press("ArrowUp")
    page.wait_for_function("document.activeElement.dataset.row === 'a0'")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("document.querySelectorAll('[data-run=failed] [data-key]').length === 1")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelectorAll('[data-run=failed] [data-key]').length > 5")
    page.keyboard.press("e")
    page.wait_for_selector("[data-detail]")
    assert "ValueError" in page.locator("[data-detail]").inner_text()
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-detail]", state="detached")
    for key, panel in (("l", "logs"), ("t", "timeline"), ("g", "graph"), ("i", "values")):
        page.keyboard.press(key)
        page.wait_for_selector(f'[data-run="failed"] [data-panel={panel}]')
    page.keyboard.press("i")
    page.wait_for_selector('[data-run="failed"] [data-panel=tree]')
    page.keyboard.press("/")
    page.wait_for_function("document.activeElement.type === 'search'")
    page.keyboard.type("positive")
    page.wait_for_function("document.querySelectorAll('[data-run=failed] [data-key]').length === 2")
    page.keyboard.press("Escape")
    page.wait_for_function("document.querySelectorAll('[data-run=failed] [data-key]').length > 5")
    page.locator('[data-run="failed"] [role=tab]').first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.dataset.tab === 'timeline'")


def test_attempts_one_by_one(opened: Callable[..., Any]) -> None:
    page = opened("failed")
    page.locator('[data-row="a7"]').click()
    page.wait_for_function("document.querySelector('[data-detail]')?.innerText.includes('Attempt 1')")
    page.keyboard.press("[")
    page.wait_for_selector("[data-panel=logs]")
    page.wait_for_selector('button[aria-pressed=true]:has-text("Attempt 2")')
    with page.expect_response(lambda answer: "attempt=1" in answer.url):
        page.keyboard.press("[")
    page.wait_for_selector('button[aria-pressed=true]:has-text("Attempt 1")')


def test_cancel_asks_first_and_other_keys_go_through(opened: Callable[..., Any], server: ViewServer) -> None:
    page = opened("running")
    page.evaluate("window.heard = []; addEventListener('keydown', e => window.heard.push(e.key))")
    page.locator("[data-key]").first.focus()
    page.keyboard.press("c")
    page.wait_for_selector("[role=alertdialog]")
    page.keyboard.press("Escape")
    page.wait_for_selector("[role=alertdialog]", state="detached")
    page.keyboard.press("c")
    page.wait_for_selector("[role=alertdialog]")
    with page.expect_response("**/abort"):
        page.keyboard.press("Enter")
    page.keyboard.press("z")
    assert page.evaluate("window.heard") == ["z"], "what the view handles stops there"
    assert ("POST", "/api/v1/runs/running/abort") in server.asked


def test_five_thousand_actions(opened: Callable[..., Any]) -> None:
    page = opened("fanout", form="open")
    page.wait_for_selector(".fnb-raster path")
    assert page.locator("[data-key]").count() < 40
    page.locator('[role=row]:has-text("4,992 more")').first.dblclick()
    page.wait_for_selector(".fnb-tree.is-virtual")
    assert page.locator("[data-key]").count() < 60, "only rows in sight exist"
    page.locator(".fnb-rows").evaluate("box => { box.scrollTop = box.scrollHeight }")
    page.wait_for_selector('[data-row="a5000"]')
    page.locator('[data-row="a5000"]').click()
    page.keyboard.press("Home")
    page.wait_for_function("document.activeElement.dataset.row === 'a0'")
    page.locator(".fnb-count", has_text="failed").click()
    page.wait_for_function("document.querySelectorAll('[data-key]').length === 15")


def test_ten_thousand_actions_are_painted_soon(opened: Callable[..., Any], server: ViewServer) -> None:
    rows = [{"id": 0, "name": "a0", "task": "d.root", "short_name": "root", "phase": "running", "started_at": 1.0}]
    for n in range(1, 10_001):
        phase = "failed" if n % 400 == 7 else "succeeded" if n < 8000 else "queued"
        rows.append({"id": n, "name": f"a{n}", "parent": "a0", "task": "d.fit", "short_name": "fit", "phase": phase,
                     "accepted_at": 1.0, "started_at": n / 1000, "ended_at": n / 1000 + 1})  # fmt: skip
    run = {"name": "big", "task": "d.root", "phase": "running", "created_at": 0.5, "action_count": 10_001}
    server.recorded.runs["big"] = {"snapshot": {"run": run, "actions": rows, "taken_at": 20.0}}
    page = opened("running", wait=False)
    page.wait_for_selector('[data-run="running"][data-open]')
    spent = page.evaluate(
        """() => new Promise(done => {
            const box = document.createElement('div');
            document.body.append(box);
            const mounted = window.flytenb.mount(box, {base: '/', run: 'big', form: 'open'});
            // From the moment that the data are there: the way over the network is not the view's.
            const store = window.flytenb.connect({base: '/'}).watch('big');
            let at = 0;
            store.subscribe(() => { at ||= performance.now(); });
            new MutationObserver((_, observer) => {
                if (box.querySelector('.fnb-raster path')) {
                    observer.disconnect();
                    requestAnimationFrame(() => done(performance.now() - at));
                }
            }).observe(box, {subtree: true, childList: true});
        })"""
    )
    # Some 100 ms on a machine of its own (at most 300 are wanted); beside other work no limit of time says anything.
    print(f"first paint of 10,000 actions: {spent:.0f} ms")
    assert spent < 10_000


def test_hostile_content_is_text(opened: Callable[..., Any]) -> None:
    page = opened("hostile", form="open")
    for tab in TABS:
        page.locator(f"[data-tab={tab}]").click()
        page.wait_for_selector(f"[data-panel={tab}]")
        page.wait_for_function("!document.body.innerText.includes('Loading …')")
        assert page.locator("section img, section script, section a").count() == 0, tab
    assert page.evaluate("window.hacked") is None
    page.locator("[data-tab=logs]").click()
    page.wait_for_selector(".fnb-logblock")
    text = page.locator(".fnb-log").inner_text()
    assert "<script>window.hacked=1</script>" in text
    assert "more characters" in text, "a line of 200,000 characters is cut"
    assert not set("\u202e\u2067\x1b\x00") & set(page.locator("section").inner_text())
    assert page.locator(".a-bold.a-f1").count() == 1


def test_logs_search_and_choose(opened: Callable[..., Any]) -> None:
    page = opened("success", form="open")
    page.locator("[data-tab=logs]").click()
    page.wait_for_selector(".fnb-logblock")
    page.get_by_label("Search the logs").fill("accuracy")
    page.wait_for_function("document.querySelector('.fnb-bar [aria-live=polite]').innerText === '1 of 8'")
    assert page.locator("mark").count() == 8
    assert page.locator("mark.is-current").count() == 1
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.fnb-bar [aria-live=polite]').innerText === '2 of 8'")
    page.get_by_label("Output of", exact=True).select_option(label="fit[0] · succeeded")
    page.wait_for_function("document.querySelectorAll('.fnb-logblock > div').length === 3")


def test_a_report_runs_in_a_world_of_its_own(opened: Callable[..., Any]) -> None:
    page = opened("success", form="open")
    page.locator("[data-tab=report]").click()
    frame = page.wait_for_selector("iframe")
    assert frame.get_attribute("sandbox") == "allow-scripts"
    inside = frame.content_frame()
    assert inside is not None
    inside.wait_for_function("document.body.innerText.includes('script ran')")
    assert inside.evaluate("origin") == "null"


def test_values_go_to_variables(opened: Callable[..., Any]) -> None:
    page = opened("success", form="open")
    page.locator("[data-tab=values]").click()
    page.wait_for_selector(".fnb-io")
    assert "Score(params=Params(C=0.1, gamma=0.01, kernel='rbf'), accuracy=0.96)" in page.inner_text("section")
    page.get_by_role("button", name="To variable").first.click()
    assert page.evaluate("window.codes") == ['name = flytenb.remote.Run.get("success").inputs().name']


def test_a_question_is_answered_by_a_form_that_checks(opened: Callable[..., Any], server: ViewServer) -> None:
    page = opened("asks")
    page.wait_for_selector("[data-condition]")
    assert "Waiting for you" in page.inner_text(".fnb-head")
    form = page.locator("[data-condition]")
    form.get_by_label("Answer").fill("many")
    form.get_by_role("button", name="Submit").click()
    assert "Write a number" in form.inner_text()
    assert form.get_by_label("Answer").get_attribute("aria-invalid") == "true"
    form.get_by_label("Answer").fill("0.5")
    snapshot = server.recorded.runs["asks"]["snapshot"]
    server.say({"op": "change", "run": "asks", "data": {"run": snapshot["run"], "actions": [snapshot["actions"][1]]}})
    assert form.get_by_label("Answer").input_value() == "0.5", "a draft survives updates"
    server.answers["runs/asks/conditions/a2/signal"] = (200, "{}")
    with page.expect_request("**/signal") as asked:
        form.get_by_role("button", name="Submit").click()
    assert json.loads(asked.value.post_data) == {"value": 0.5}


def test_what_an_action_uses_is_drawn_and_told(opened: Callable[..., Any], server: ViewServer) -> None:
    page = opened("training", form="open")
    page.locator("[data-row=a2]").click()
    shown = page.locator("[data-usage=a2]")
    shown.wait_for()
    names = [each.get_attribute("data-spark") for each in shown.locator("[data-spark]").all()]
    assert names == ["CPU", "Memory", "GPU 0", "GPU 0 memory"]
    assert "peak 5.1 GiB of 8 GiB" in shown.inner_text()
    assert shown.locator("[data-spark=Memory] .is-limit").count() == 1
    # More is told: the lines and words follow.
    snapshot = server.recorded.fresh("training")
    told = {**snapshot["usages"]["a2"], "text": "peak 7.5 GiB of 8 GiB", "hint": "memory came near its limit"}
    change = {"run": snapshot["run"], "usages": {"a2": told}, "taken_at": time.time()}
    server.say({"op": "change", "run": "training", "data": change})
    page.locator("[data-usage=a2] .fnb-hint").wait_for()
    assert "peak 7.5 GiB of 8 GiB" in shown.inner_text()
    # One that has ended.
    page.locator("[data-row=a1]").click()
    page.locator("[data-usage=a1]").wait_for()
    assert "of 2 GiB" in page.locator("[data-usage=a1]").inner_text()
    assert page.locator("[data-usage=a1] .fnb-hint").count() == 1


def test_what_a_snapshot_has_not_is_asked_for(opened: Callable[..., Any], server: ViewServer) -> None:
    snapshot = server.recorded.fresh("training")
    told = snapshot["usages"].pop("a1")
    server.answers["runs/training/actions/a1/usage"] = (200, json.dumps([told]))
    page = opened("training", form="open")
    page.locator("[data-row=a1]").click()
    page.locator("[data-usage=a1]").wait_for()
    assert "of 2 GiB" in page.locator("[data-usage=a1]").inner_text()


def test_why_it_ran_is_told_when_it_is_asked(opened: Callable[..., Any]) -> None:
    page = opened("success", form="open")
    page.locator('[data-row="a1"]').click()
    page.get_by_role("button", name="Why did it run?").click()
    page.wait_for_selector('[data-why="a1"]')
    assert "helper clean changed" in page.inner_text("[data-detail]")
    assert page.locator(".is-add").inner_text() == "+    return x + 2"
    page.locator('[data-row="a0"]').focus()
    page.keyboard.press("w")
    page.wait_for_selector('[data-why="a0"]')


def test_a_lost_connection_comes_back(opened: Callable[..., Any], server: ViewServer) -> None:
    page = opened("running")
    page.wait_for_selector('[data-run="running"][data-link="live"]')
    server.cut()
    page.wait_for_selector('[data-run="running"]:not([data-link="live"])')
    page.wait_for_selector('[data-run="running"][data-link="live"]')


def test_what_cannot_be_shown_says_why(opened: Callable[..., Any], server: ViewServer) -> None:
    page = opened("gone")
    assert "there is no run named 'gone'" in page.inner_text("main")
    server.hello = {"op": "hello", "protocol": 2}
    page = opened("success", wait=False)
    page.wait_for_function("document.body.innerText.includes('reload the page')")


def test_a_page_without_helpers_copies_code(opened: Callable[..., Any]) -> None:
    page = opened("failed", plain="1")
    page.get_by_role("button", name="Fix & recover").click()
    page.wait_for_function("document.body.innerText.includes('recover()')")


@pytest.mark.parametrize(("theme", "width"), [("light", 1200), ("light", 400), ("dark", 1200)])
def test_no_state_has_a_serious_violation(opened: Callable[..., Any], theme: str, width: int) -> None:
    for runs in (
        ("success", "failed", "running"),
        ("fanout", "asks", "waits"),
        ("agent", "progress", "aborted", "hostile"),
    ):
        page = opened(*runs, theme=theme, width=width, form="open")
        page.evaluate(axe.script())  # not a tag: the page's policy refuses scripts from elsewhere
        for tab in TABS:
            page.evaluate("tab => document.querySelectorAll(`[data-tab=${tab}]`).forEach(each => each.click())", tab)
            page.wait_for_function("!document.body.innerText.includes('Loading …')")
            options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "iframes": False}
            found = page.evaluate("options => axe.run('main', options)", options)
            bad = [
                f"{runs} {tab}: {each['id']}: {each['help']}: {each['nodes'][0]['html'][:160]}"
                for each in found["violations"]
                if each["impact"] in ("serious", "critical")
            ]
            assert bad == [], "\n".join(bad)
        page.close()


@pytest.mark.parametrize("width", [400, 620, 1200])
def test_no_view_is_wider_than_its_cell(opened: Callable[..., Any], width: int) -> None:
    page = opened("failed", "running", "fanout", "asks", width=width, form="open")
    for tab in TABS:
        page.evaluate("tab => document.querySelectorAll(`[data-tab=${tab}]`).forEach(each => each.click())", tab)
        page.wait_for_function("!document.body.innerText.includes('Loading …')")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), tab
