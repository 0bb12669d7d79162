import asyncio
import threading

import pytest

from flytenb.context import current_action
from flytenb.sdk import report, report_widgets
from flytenb.sdk.group import group


def test_outside_tasks_nothing_happens():
    report.log("x")
    report.replace("y", do_flush=True)
    report.flush()
    assert not report.current_report().has_content()


def test_one_tab_is_a_plain_page(port):
    report.log("<b>one</b>")
    report.log("two", do_flush=True)
    (page,) = port.pages
    assert page.startswith("<!doctype html>")
    assert "<main><b>one</b>\ntwo</main>" in page
    assert "<nav>" not in page
    assert "<script" not in page
    report.replace("three")
    assert report.current_report().get_tab("main").get_html() == "three"


def test_tabs(port):
    report.get_tab("<Loss & more>").log("<i>curve</i>")
    page = report.current_report().get_final_report()
    assert "<main><i>curve</i></main>" in page  # the empty main tab is not shown
    report.log("text")
    page = report.current_report().get_final_report()
    assert '<label for="tab1">&lt;Loss &amp; more&gt;</label>' in page
    assert page.count('class="tab"') == 2
    with pytest.raises(ValueError, match='has no tab "other"'):
        report.get_tab("other", create_if_missing=False)


def test_it_is_the_same_report_in_every_scope(port):
    with group("g"):
        report.log("inside")
    assert "inside" in report.final_html(current_action.get())


def test_awaitable_forms(port, monkeypatch):
    monkeypatch.setattr(report, "INTERVAL_S", 0)

    async def body():
        await report.log.aio("a")
        await report.replace.aio("b", do_flush=True)
        await report.flush.aio()

    asyncio.run(body())
    assert len(port.pages) == 2


def test_what_is_flushed_too_fast_is_published_a_moment_later(port):
    arrived = threading.Semaphore(0)
    port.report = lambda page: (port.pages.append(page), arrived.release())
    for number in range(100):
        report.log(f"line {number}", do_flush=True)
    assert arrived.acquire(timeout=10)
    assert arrived.acquire(timeout=10)
    assert len(port.pages) == 2
    assert "line 99" in port.pages[-1]


def test_a_page_that_is_too_large_is_refused(port, monkeypatch):
    monkeypatch.setattr(report, "MAX_PAGE_BYTES", 3 << 20)
    report.log("x" * (4 << 20))
    with pytest.raises(
        ValueError, match=r'the report of "env.main" has 4 MB \(at most 3 MiB\): show fewer or smaller figures'
    ):
        report.flush()


def test_nothing_written_is_nothing_to_publish(port):
    assert report.final_html(current_action.get()) is None
    report.current_report()
    assert report.final_html(current_action.get()) is None


def test_what_can_be_written(port):
    class Frame:
        def _repr_html_(self):
            return "<table></table>"

    report.log(Frame())
    assert report.get_tab("main").content == ["<table></table>"]
    with pytest.raises(TypeError, match="cannot show an object of type int"):
        report.log(3)


def test_widgets(port):
    timeline = report_widgets.Timeline("steps")
    timeline.heading("<Plan>")
    timeline.row(icon="✓", label="a<b", meta="1 s", detail="<i>d</i>", error="bad")
    html = report.get_tab("steps").get_html()
    assert "&lt;Plan&gt;" in html
    assert "a&lt;b" in html
    assert "<i>d</i>" in html
    assert "⚠ bad" in html
    assert report_widgets.abbreviate("<" * 10) == "&lt;" * 10
    assert report_widgets.abbreviate(None) == ""
    assert "<details" in report_widgets.abbreviate("x" * 400)
    assert "(+5 more)" in report_widgets.abbreviate("x" * 20_005)
    assert report_widgets.duration_ms("2025-01-01T00:00:00Z", "2025-01-01T00:00:01.5+00:00") == "1500 ms"
    assert report_widgets.duration_ms(None, "x") == ""
