"""A report that attacks the notebook, in a real browser: what it may do, and what it can not."""

from __future__ import annotations

import http.server
import re
import subprocess
import threading
from html import unescape

import pytest

from flytenb.views import reports
from tests.browser.chromium import CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

ATTACK = """<p>a report</p></iframe><script>parent.hacked = 1</script><script>
const said = [];
function attempt(name, act) {
  try { const got = act(); said.push(name + ": " + (got === undefined ? "done" : got)); }
  catch (error) { said.push(name + ": refused"); }
}
attempt("own script", () => 1 + 1);
attempt("parent document", () => parent.document.title);
attempt("parent variable", () => parent.secret);
attempt("frame element", () => window.frameElement);
attempt("cookie", () => document.cookie);
attempt("storage", () => localStorage.length);
attempt("session storage", () => sessionStorage.length);
attempt("databases", () => { indexedDB.open("x"); return "opened"; });
attempt("top navigation", () => { top.location = "about:blank"; });
attempt("window", () => window.open("about:blank"));
attempt("dialog", () => alert("x") === undefined ? "nothing" : "shown");
const form = document.createElement("form");
form.action = "SERVER/form"; form.target = "_top"; document.documentElement.append(form);
attempt("form", () => { form.submit(); return "nothing"; });
function loaded(kind, make) {
  return new Promise((done) => {
    const element = make();
    element.onload = () => done(kind + ": loaded");
    element.onerror = () => done(kind + ": refused");
    document.documentElement.append(element);
  });
}
const made = (tag, values) => () => Object.assign(document.createElement(tag), values);
Promise.all([
  fetch("SERVER/fetch", {mode: "no-cors"}).then(() => "fetch: done", () => "fetch: refused"),
  loaded("image", made("img", {src: "SERVER/image"})),
  loaded("script", made("script", {src: "SERVER/script"})),
  loaded("style", made("link", {rel: "stylesheet", href: "SERVER/style"})),
]).then((more) => parent.postMessage([...said, ...more].join("\\n"), "*"));
</script>"""

NOTEBOOK = """<!doctype html><title>notebook</title><pre id="said">nothing</pre><script>
var secret = 42; document.cookie = "a=b"; localStorage.setItem("a", "b");
addEventListener("message", (event) => {
  const more = "\\norigin: " + event.origin + "\\nhacked: " + window.hacked;
  document.getElementById("said").textContent = event.data + more;
});</script>"""


class Server(http.server.ThreadingHTTPServer):
    """Serves the notebook, and remembers who asked for something else."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.page, self.asked = "", []
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path not in ("/", "/favicon.ico"):
            self.server.asked.append(self.path)
        body = self.server.page.encode()
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    made = Server()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def dom(address: str, profile) -> str:
    """The page after its scripts, as Chromium has it."""
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom", address],
        capture_output=True, text=True, timeout=90, check=True,
    )  # fmt: skip
    return done.stdout


def told(page: str) -> dict[str, str]:
    lines = unescape(re.search(r'<pre id="said">(.*?)</pre>', page, re.DOTALL)[1]).splitlines()
    return dict(line.split(": ", 1) for line in lines)


def test_an_attack_reaches_nothing(server, tmp_path):
    server.page = NOTEBOOK + reports.frame(
        ATTACK.replace("SERVER", server.address), 't"><script>parent.hacked=1</script>'
    )
    assert told(dom(server.address, tmp_path)) == {
        "own script": "2",
        "parent document": "refused",
        "parent variable": "refused",
        "frame element": "null",
        "cookie": "refused",
        "storage": "refused",
        "session storage": "refused",
        "databases": "refused",
        "top navigation": "refused",
        "window": "null",
        "dialog": "nothing",
        "form": "nothing",
        "fetch": "refused",
        "image": "refused",
        "script": "refused",
        "style": "refused",
        "origin": "null",
        "hacked": "undefined",
    }
    assert server.asked == []


def test_a_saved_page_reaches_no_network(server, tmp_path):
    attack = f'<p id="x">before</p><img src="{server.address}/image"><script src="{server.address}/script"></script>'
    attack += f'<script>document.getElementById("x").textContent = "ran"; fetch("{server.address}/fetch")</script>'
    saved = tmp_path / "report.html"
    saved.write_text(reports.assembled(attack, dict[str, str]().__getitem__))
    assert '<p id="x">ran</p>' in dom(saved.as_uri(), tmp_path / "profile")
    assert server.asked == []


def test_figures_of_plotly_are_drawn_without_a_network(tmp_path):
    graphs = pytest.importorskip("plotly.graph_objects")
    from flytenb.sdk.report import Report

    report = Report("t")
    report.get_tab("figure").log(graphs.Figure(graphs.Bar(x=["a</script>", "b"], y=[1, 2])))
    saved = tmp_path / "report.html"
    saved.write_text(reports.assembled(report.get_final_report(), dict[str, str]().__getitem__))
    page = dom(saved.as_uri(), tmp_path / "profile")
    assert 'class="main-svg"' in page
    assert "a&lt;/script&gt;" in page


def test_a_page_inside_a_page_runs_and_reaches_nothing_either(server, tmp_path):
    from flytenb.sdk.figures import part_of

    class Chart:
        def to_html(self):
            return f"""<!doctype html><script>
            fetch("{server.address}/nested", {{mode: "no-cors"}}).then(() => "done", () => "refused")
              .then((fetched) => top.postMessage("nested: ran\\nfetch: " + fetched, "*"));
            </script>"""

    server.page = NOTEBOOK + reports.frame(part_of(Chart()).html, "chart")
    assert told(dom(server.address, tmp_path)) == {
        "nested": "ran", "fetch": "refused", "origin": "null", "hacked": "undefined",
    }  # fmt: skip
    assert server.asked == []
