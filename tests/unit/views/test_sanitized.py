"""The twin where a page takes away styles, unknown elements and pictures: GitHub, nbviewer, mail."""

import re
from datetime import timezone
from html import unescape

import bleach
import msgspec
import pytest
from view_samples import T0, VALUE_ERROR, Builder, Value, failed, fan_out, running, success

from flytenb.model.snapshot import LogLine, TraceRow
from flytenb.views import facts, tree, twin


def listed(words: str) -> list[str]:
    return words.split()


# What GitHub leaves in rendered notebooks and Markdown (github/html-pipeline's allow-list): no `section`, no `style`,
# no `role`, and pictures from http(s) only.
ELEMENTS = listed("""
    h1 h2 h3 h4 h5 h6 br b i strong em a pre code img tt div ins del sup sub p picture ol ul table thead tbody tfoot
    blockquote dl dt dd kbd q samp var hr ruby rt rp li tr td th s strike summary details caption figure figcaption
    abbr bdo cite dfn mark small source span time wbr
""")
COMMON = listed("""
    abbr align alt aria-describedby aria-hidden aria-label aria-labelledby axis border cellpadding cellspacing char
    clear cols colspan compact coords datetime dir headers height hspace id ismap label lang name nohref open rows
    rowspan scope size span start summary tabindex title type valign value vspace width itemprop
""")
ATTRIBUTES = {"*": COMMON, "a": ["href", *COMMON], "img": ["src", "longdesc", "loading", "alt", *COMMON]}
VALUES = {"a0": {"outputs": [Value("best", "float", "0.93", 8)], "inputs": [Value("cs", "list", "[1, 2]", 8)]}}


def github(page: str) -> str:
    """The page as such a site shows it."""
    return bleach.clean(page, tags=ELEMENTS, attributes=ATTRIBUTES, protocols={"http", "https"}, strip=True)


def words_of(page: str) -> list[str]:
    """What a reader can read, with what stands for pictures."""
    shown = re.sub(r'<img[^>]*?alt="([^"]*)"[^>]*>', r" \1 ", page)
    return unescape(re.sub(r"<[^>]*>", " ", shown)).split()


def nested() -> tree.RunSnapshot:
    b = Builder("outer", "failed", 12.0)
    b.add("mid", "failed", failure=VALUE_ERROR, start=1)
    b.add("leaf", "failed", parent="a1", failure=VALUE_ERROR, start=2, attempt=3)
    for i in range(6):
        b.add("fit", parent="a1", start=i)
    b.logs.append(LogLine(action="a2", attempt=1, stream="stdout", time=T0, text="reading <b>row</b> 12\n"))
    trace = TraceRow(action="a1", name="clean", n=0, started_at=T0, duration_s=0.01, ok=True)
    return msgspec.structs.replace(b.snapshot(), traces=(trace,))


RUNS = {"success": success, "failed": failed, "running": running, "wide": fan_out, "nested": nested}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_no_word_is_lost(run):
    page = twin.render(tree.view(run(), VALUES), zone=timezone.utc)
    shown = github(page)
    assert words_of(shown) == words_of(page)
    assert "style=" not in shown
    assert "data:" not in shown


def test_a_failure_is_told_whole():
    shown = " ".join(words_of(github(twin.render(tree.view(failed(), VALUES), zone=timezone.utc))))
    for told in (
        "✖ search k8b4 Failed",
        "1 of 27 actions",
        "ValueError: C must be positive, got -0.1",
        "Cell In[4], line 12, in svc",
        'raise ValueError(f"C must be positive, got {p.C}")',
        "kernel=rbf C=-0.1",
        "cs list [1, 2]",
        "%flyte_logs k8b4 a12",
        "fit ×24 failed, 28.8 s from 2.0 s on",
    ):
        assert told in shown


def test_who_called_whom_is_seen_without_styles():
    shown = github(twin.render(tree.view(nested(), VALUES), zone=timezone.utc))
    tree_table = unescape(shown[shown.index("<table") : shown.index("</table>")])
    cells = [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<tr><td>(.*?)</td>", tree_table)]
    depths = {cell.split()[1]: len(cell) - len(cell.lstrip("\xa0")) for cell in cells}
    assert depths["mid"] < depths["leaf"] == depths["fit"]


def test_objects_of_cells_lose_no_word():
    task = facts.TaskFacts(
        name="digits.fit", inputs=(("c", "float", ""),), outputs=(("o0", "Score"),), settings=(("cache", "auto"),),
        source="Cell In[4], line 2", doc="Fits <one>.",
    )  # fmt: skip
    runs = [failed().run, running().run]
    for page in (
        facts.task_html(task),
        facts.environment_html(facts.EnvironmentFacts(name="digits", settings=(("cpu", "1"),), tasks=(task,))),
        facts.action_html(failed().actions[12], "fit[9]", [Value("c", "float", "-0.1", 3)]),
        facts.runs_html(runs, T0 + 60),
    ):
        assert words_of(github(page)) == words_of(page)


def test_in_markdown_it_stays_html_to_its_end():
    """nbconvert and GitHub's notebooks: a blank line ends HTML in Markdown, and what follows would be markup."""
    b = Builder("top", "failed", 9.0, origin={"notes": ["one\n\n# two"]})
    b.add("fit", "failed", failure=VALUE_ERROR)
    b.logs.append(LogLine(action="a1", attempt=1, stream="stdout", time=T0, text="a\n\n# b\n \n\t\n\n- c\n\n"))
    page = twin.render(tree.view(b.snapshot(), VALUES), zone=timezone.utc)
    assert all(line.strip() for line in page.split("\n"))
    lines = re.search(r"<pre[^>]*>(a.*?)</pre>", page, re.DOTALL)
    assert unescape(lines[1]).expandtabs(4).split("\n") == ["a", "", "# b", " ", "    ", "", "- c"]
