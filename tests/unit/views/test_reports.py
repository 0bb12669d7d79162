from pathlib import Path

import pytest

from flytenb.codec.current import set_objects
from flytenb.codec.objects import ObjectStore
from flytenb.model.snapshot import ActionRow
from flytenb.sdk.report import Report
from flytenb.views import default_report, reports, tree, twin
from tests.unit.views.view_samples import Value, success


@pytest.fixture
def store(tmp_path: Path):
    made = ObjectStore(tmp_path / "objects", is_durable=False)
    set_objects(made)
    yield made
    set_objects(None)


def test_a_page_of_plotly_is_stored_without_its_script_and_read_with_it(store):
    graphs = pytest.importorskip("plotly.graph_objects")
    report = Report("e.train")
    for y in (1, 2):
        report.tabs["main"].log(graphs.Figure(graphs.Bar(y=[y])))
    stored = report.stored_page()
    assert len(stored) < 30_000
    assert not reports.is_inline(stored)
    page = reports.assembled(stored, lambda digest: store.get(digest).decode())
    assert 4_000_000 < len(page) < 6_000_000
    assert page.count("Plotly.newPlot(  ") == 2
    assert "flytenb-script" not in page
    gone = reports.assembled(stored, {}.__getitem__)
    assert "not in the store any more" in gone


def test_only_the_head_of_a_page_names_scripts():
    page = Report("e.t")
    page.tabs["main"].log('<meta name="flytenb-script" content="0123456789abcdef0123456789abcdef">')
    loaded = []
    reports.assembled(page.stored_page(), loaded.append)
    assert loaded == []


def test_the_policy_comes_first_whatever_the_page_is():
    for page in ("<b>x</b>", Report("t").stored_page(), "<!doctype html><html><head>"):
        guarded = reports.assembled(page, {}.__getitem__)
        before, policy, _ = guarded.partition('<meta http-equiv="Content-Security-Policy"')
        assert policy
        assert before == '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        assert reports.guarded(guarded) == guarded


def test_a_frame_cannot_be_left():
    frame = reports.frame('</iframe><script>1</script>"><b>', 'a"b<c>')
    assert frame.count("<") == 2
    assert 'sandbox="allow-scripts"' in frame
    assert 'title="a&quot;b&lt;c&gt;"' in frame


def test_the_readable_text_of_a_page():
    page = (
        "<style>p{}</style><h1>Loss &amp; more</h1><p>fell to\n 0.1</p><script>var hidden</script>"
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table><img src='data:x'>"
    )
    assert reports.excerpt(page) == ["Loss & more", "fell to 0.1", "a | b", "1 | 2", "[picture]"]
    assert reports.excerpt("<p>x</p>" * 50, 3) == ["x", "x", "x", "… and 47 more lines"]


def test_a_run_shows_small_reports_in_frames_and_as_text():
    snapshot = success()
    pages = {"a0": "<p>small</p>", "a1": "x" * 200_000}
    view = tree.view(snapshot, pages=pages)
    frames = twin.frames(view)
    assert frames.count("<iframe") == 1
    assert "flyte.remote.Run.get(&#x27;k7p2&#x27;).report(&#x27;a1&#x27;)" in frames
    assert "as text</summary>" in twin.render(view)
    assert "<iframe" not in twin.render(view)
    assert twin.frames(tree.view(snapshot)) == ""


def test_the_default_report():
    action = ActionRow(
        id=1, name="a1", task="e.<fit>", short_name="<fit>", phase="succeeded", accepted_at=10, started_at=11,
        ended_at=13, source="Cell In[4], line 2",
    )  # fmt: skip
    told = default_report.ActionFacts(
        run="k7p2", action=action, inputs=[Value("x", "int", "3", 1)], outputs=[Value("o0", "float", "0.5", 9)],
        resources=[("cpu", "2")], code="def fit(x):\n    return '<b>'", logs=["one"], log_count=70,
    )  # fmt: skip
    page = default_report.page(told)
    text = reports.excerpt(page, 100)
    for line in ("x | int | 3 | 1 B", "waited | 1.0 s", "took | 2.0 s", "defined in | Cell In[4], line 2", "cpu | 2"):
        assert line in text
    assert "Output (the last 1 of 70 lines)" in text
    assert "return '<b>'" in text
    assert "<fit>" not in page.replace("&lt;fit&gt;", "")
    assert "<script" not in page


def test_frames_are_as_high_as_what_they_show():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, _ = plt.subplots(figsize=(5, 2))
    report = Report("t")
    report.tabs["main"].log(figure)
    plt.close(figure)
    alone = height(report)
    assert 160 < alone < 260
    report.get_tab("rows").log("<table>" + "<tr><td>1</td></tr>" * 3 + "</table>")
    assert height(report) == alone + 70
    report.get_tab("rows").log("<p>x</p>" * 500)
    assert height(report) == 640


def height(report):
    return int(reports.frame(report.stored_page(), "t").partition("height:")[2].partition("px")[0])
