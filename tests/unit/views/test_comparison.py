"""Two runs beside each other, as text and HTML."""

import pytest

from flytenb.client.explain.comparing import Compared, Comparison

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


def found(*rows):
    return Comparison(before="k7p2x9", after="m3x9ab", rows=rows)


def test_differences_by_part_and_what_is_the_same_folded():
    shown = found(
        Compared(part="inputs", name="lr", before="0.1", after="0.2", change="+0.1"),
        Compared(part="inputs", name="n", before="3", after="3", is_same=True),
        Compared(part="code", name="fit", before="", after="function `clean` changed", diff="-a\n+b"),
        Compared(part="outputs", name="result", before="", after="1.5"),
    )
    assert str(shown).split("\n") == [
        "k7p2x9 → m3x9ab: 3 differences (inputs, code, outputs)",
        "  Inputs",
        "    lr: 0.1 → 0.2 (+0.1)",
        "  Code",
        "    fit: function `clean` changed",
        "        -a",
        "        +b",
        "  Outputs",
        "    result: – → 1.5",
    ]
    page = shown._repr_html_()
    assert "The same in both: 1" in page
    assert [row.name for row in shown["inputs"]] == ["lr", "n"]
    with pytest.raises(KeyError, match='no part "input"; there are inputs, code'):
        shown["input"]


def test_equal_runs_say_so():
    assert str(found(Compared(part="run", name="state", before="a", after="a", is_same=True))) == (
        "k7p2x9 → m3x9ab: no differences"
    )


@pytest.mark.parametrize("part", ["inputs", "code", "environment", "tasks", "run", "outputs"])
def test_hostile_words_are_text(part):
    shown = found(Compared(part=part, name=HOSTILE, before=HOSTILE, after=HOSTILE, change=HOSTILE, diff=HOSTILE))
    for form in (shown._repr_html_(), str(shown)):
        assert "\x1b" not in form
        assert "\u202e" not in form
    assert "<script" not in shown._repr_html_()


def test_long_comparisons_are_cut():
    rows = [Compared(part="inputs", name=f"x{n}", before="a" * 10_000, after="b") for n in range(500)]
    shown = found(*rows)
    assert len(shown._repr_html_()) < 60_000
    assert str(shown).endswith("    … 440 more")
