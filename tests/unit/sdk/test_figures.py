import base64
import io

import pytest

from flytenb.sdk.figures import MAX_PART_BYTES, part_of

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Shown:
    def __init__(self, **forms):
        for name, value in forms.items():
            setattr(self, name, lambda value=value: value)


def test_text_is_html():
    assert part_of("<b>x</b>").html == "<b>x</b>"


def test_matplotlib():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(4, 2))
    axes.plot([1, 2])
    html = part_of(figure).html
    assert html.startswith('<img width="')
    assert 150 < int(html.split('"')[1]) < 320
    assert part_of(axes).html == html
    plt.close(figure)


def test_plotly_needs_its_script_once():
    graphs = pytest.importorskip("plotly.graph_objects")
    part = part_of(graphs.Figure(graphs.Bar(y=[1])))
    assert part.script_name.startswith("plotly ")
    assert "cdn.plot.ly" not in part.html
    assert len(part.html) < 20_000


def test_frames_are_tables_with_a_limit():
    pd = pytest.importorskip("pandas")
    html = part_of(pd.DataFrame({"<a>": range(1000), "b": ["<i>"] * 1000})).html
    assert html.count("<tr") == 51
    assert "the first 50 of 1,000 rows" in html
    assert "&lt;a&gt;" in html
    assert "<i>" not in html
    assert part_of(pd.Series([1, 2], name="s")).html.count("<tr") == 3
    assert "30 of 40 columns" in part_of(pd.DataFrame([range(40)])).html


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_frames_of_other_libraries(library):
    module = pytest.importorskip(library)
    frame = getattr(module, "DataFrame", None) or module.table
    html = part_of(frame({"<a>": list(range(60)), "b": [None] * 60})).html
    assert html.count("<tr>") == 51
    assert "<th>&lt;a&gt;</th>" in html
    assert "<td>0</td><td></td>" in html


def test_pictures():
    assert part_of(PNG).html.startswith('<img alt="" src="data:image/png;base64,iVBOR')
    pillow = pytest.importorskip("PIL.Image")
    assert "image/png" in part_of(pillow.new("RGB", (2, 2))).html
    buffer = io.BytesIO()
    pillow.new("RGB", (2, 2)).save(buffer, format="JPEG")
    assert "image/jpeg" in part_of(buffer.getvalue()).html


def test_what_shows_itself_in_notebooks():
    assert part_of(Shown(_repr_html_="<u>1</u>")).html == "<u>1</u>"
    assert part_of(Shown(_repr_svg_="<svg/>")).html == "<svg/>"
    assert "image/png" in part_of(Shown(_repr_png_=PNG)).html
    page = part_of(Shown(to_html="<!DOCTYPE html><b>")).html
    assert page.startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;&lt;b&gt;"')


def test_what_cannot_be_shown():
    with pytest.raises(
        TypeError, match="cannot show an object of type int; write HTML text, a figure, a DataFrame or a picture"
    ):
        part_of(3)
    with pytest.raises(TypeError, match="these 3 bytes are no PNG"):
        part_of(b"abc")
    with pytest.raises(ValueError, match=r"a picture of 34 MB is too large for a report \(at most 32 MiB\); show less"):
        part_of(PNG + b"\0" * MAX_PART_BYTES)
