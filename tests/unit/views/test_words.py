import pytest

from flytenb.views import escape, words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0921, "92 ms"),
        (1.24, "1.2 s"),
        (28.5, "28.5 s"),
        (59.97, "1 m 00 s"),
        (121, "2 m 01 s"),
        (3900, "1 h 05 m"),
        (97200, "1 d 03 h"),
    ],
)
def test_duration(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0.2 s"), (0.01, "10 ms"), (6.4, "6.4 s"), (41.2, "41 s"), (372, "6 m 12 s")]
)
def test_total(seconds, text):
    assert words.total(seconds) == text


def test_clock_size_count_ago():
    assert [words.clock(s) for s in (37, 725, 3723)] == ["0:37", "12:05", "1:02:03"]
    assert [words.size(n) for n in (96, 3100, 1_200_000, 5 * 10**12)] == ["96 B", "3 KiB", "1.1 MiB", "4.5 TiB"]
    assert [words.count(1, "action"), words.count(5000, "action"), words.count(5000)] == [
        "1 action",
        "5,000 actions",
        "5,000",
    ]
    assert [words.ago(s) for s in (3, 60, 7200, 200_000)] == ["just now", "1 m ago", "2 h ago", "2 d ago"]


def test_indices_fold_stretches():
    assert words.indices([610, 611, 612, 1904, 2207, 2208, 2209, 2210]) == "610, 611, 612, 1904, 2207 to 2210"
    assert words.indices([1, 3, 5, 7], at_most=2) == "1, 3 and 2 more"


def test_escape_removes_what_deceives():
    assert escape.one_line("a\x1b[31mb\u202ec\n\td") == "ab�c d"
    assert escape.html('<b a="\'">') == "&lt;b a=&quot;&#x27;&quot;&gt;"
    assert len(escape.one_line("x" * 10_000, 50)) == 50
