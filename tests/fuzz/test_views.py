"""What people see: every text in a run may be hostile, and none becomes markup, a script or a terminal's command."""

from __future__ import annotations

import base64
import random
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec

from flytenb.codec.plain import Preview
from flytenb.model.snapshot import RunSnapshot, TraceRow
from flytenb.views import default_report, post_mortem, reports, text, tree, twin
from tests.fuzz.trying import try_all, word

sys.path.insert(0, str(Path(__file__).parent.parent / "unit" / "views"))
from view_samples import VALUE_ERROR, failed, running, success

#: Fields whose words are the engine's own, never a user's.
_OWN = frozenset(("phase", "kind", "status", "prompt_type", "data_type"))
EVIL = [
    '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "'><svg/onload=alert(1)>",
    '</pre></section><iframe>', '</textarea><script>', '<!--', '-->', ']]>', '<?xml ?>', '&lt;script&gt;',
    '&#60;img src=x&#62;', 'javascript:alert(1)', '{{constructor}}', '${7*7}', '\x1b]8;;http://x\x07y\x1b]8;;\x07',
    '\x1b[2J\x1b[1;1H', '\x9b31m', '\u202eevil\u2066', '\r\n\r\n<b>', '\x00<b>\x00', '\ud800<b>', '%3Cscript%3E',
    "a" * 5000 + "<b>", "<" * 3000, "&" * 3000, '`id`', '[x](javascript:1)', '<a href=data:text/html,1>',
    '<style>*{display:none}</style>', '<base href=//x>', '<meta http-equiv=refresh>', '\u2028<i>',
]  # fmt: skip


class Shape(HTMLParser):
    """Tags, attributes and addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("src", "href", "action", "formaction", "srcdoc", "data", "xlink:href"):
                self.addresses.add(value or "")
            if name == "style":
                assert not re.search(r"url\(|expression|@import|javascript", value or "", re.I), value

    def handle_decl(self, decl: str) -> None:
        self.tags.add(f"!{decl.lower()}")

    def handle_comment(self, data: str) -> None:
        self.tags.add("!--")


def hostile(rng: random.Random, item: Any, name: str = "") -> Any:
    """Plain data with hostile words in place of some texts."""
    if isinstance(item, str):
        return (
            item
            if name in _OWN or rng.random() < 0.4
            else rng.choice([rng.choice(EVIL), item + rng.choice(EVIL), word(rng)])
        )
    if isinstance(item, dict):
        return {key: hostile(rng, part, str(key)) for key, part in item.items()}
    if isinstance(item, list):
        return [hostile(rng, part, name) for part in item]
    return item


def snapshot(rng: random.Random) -> RunSnapshot:
    """A run in which somebody chose every name."""
    sample = rng.choice(SAMPLES)
    told = hostile(rng, msgspec.to_builtins(sample))
    for action, own in zip(told["actions"], sample.actions, strict=True):
        action["name"], action["parent"] = own.name, own.parent  # the engine's own numbers
        if "parent" in action and not action["parent"]:
            del action["parent"]
    return msgspec.convert(told, RunSnapshot)


def previews(rng: random.Random, run: RunSnapshot) -> dict[str, dict[str, list[Preview]]]:
    """Values that say what they like of themselves."""

    def one() -> Preview:
        return Preview(
            *(rng.choice(EVIL) for _ in range(3)), rng.randrange(1 << 40), rng.choice(EVIL), rng.random() < 0.5
        )

    return {a.name: {"inputs": [one(), one()], "outputs": [one()]} for a in run.actions[:3]}


def _small(run: RunSnapshot) -> RunSnapshot:
    """With traces, and few enough actions for thousands of pictures."""
    traces = tuple(
        TraceRow(action=run.actions[0].name, name="look", started_at=1.0, duration_s=2.0, ok=n > 0) for n in range(2)
    )
    few = (*run.actions[:5], *(action for action in run.actions[5:] if action.failure is not None))
    return msgspec.structs.replace(run, traces=traces, actions=few)


SAMPLES = [_small(run()) for run in (success, failed, running)]


def _pages(run: RunSnapshot, shown: Any, why: str) -> list[str]:
    view = tree.view(run, shown, why=why)
    return [twin.render(view), twin.line(view), *(_facts(run, shown) if run.actions else ())]


def _facts(run: RunSnapshot, shown: Any) -> list[str]:
    row = run.actions[0]
    values = shown.get(row.name, {"inputs": [], "outputs": []})
    told = default_report.ActionFacts(
        run=run.run.name, action=row, inputs=values["inputs"], outputs=values["outputs"], placement=None,
        resources=(("cpu", row.task),), settings=(("image", row.task),), code=row.task, logs=(row.task,), log_count=1,
        now=1.0,
    )  # fmt: skip
    return [default_report.page(told)]


BASE = [Shape(page) for run in SAMPLES for page in _pages(run, previews(random.Random(0), run), "why")]
TAGS = set().union(*(shape.tags for shape in BASE)) | {
    "details",
    "summary",
    "pre",
    "code",
    "br",
    "img",
    "table",
    "td",
    "tr",
}
ATTRIBUTES = set().union(*(shape.attributes for shape in BASE)) | {
    "open",
    "alt",
    "src",
    "title",
    "aria-label",
    "role",
    "style",
}
_TERMINAL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def _check(page: str) -> None:
    shape = Shape(page)
    assert shape.tags <= TAGS, shape.tags - TAGS
    assert shape.attributes <= ATTRIBUTES, shape.attributes - ATTRIBUTES
    assert not [name for name in shape.attributes if name.startswith("on")]
    for address in shape.addresses:
        assert address.startswith(("data:image/svg+xml;base64,", "data:image/png;base64,")), address[:100]
        if address.startswith("data:image/svg"):
            svg = base64.b64decode(address.partition(",")[2]).decode()
            tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()}
            assert tags <= {
                "svg",
                "g",
                "rect",
                "line",
                "path",
                "text",
                "title",
                "circle",
                "tspan",
                "style",
                "defs",
                "pattern",
            }, tags


def test_runs() -> None:
    def attempt(rng: random.Random) -> None:
        run = snapshot(rng)
        shown = previews(rng, run)
        why = rng.choice(EVIL)
        for page in _pages(run, shown, why):
            _check(page)
        for surface in ("notebook", "shell"):
            said = text.render(tree.view(run, shown, why=why), surface=surface)
            assert not _TERMINAL.search(said), repr(_TERMINAL.search(said))
            said.encode()

    try_all("views", attempt, ())


def test_failures_with_their_variables() -> None:
    def attempt(rng: random.Random) -> None:
        failure = msgspec.convert(hostile(rng, msgspec.to_builtins(VALUE_ERROR)), type(VALUE_ERROR))
        _check_page(post_mortem.page(failure, rng.choice(EVIL)))
        assert not _TERMINAL.search(post_mortem.text(failure, rng.choice(EVIL), 0))

    try_all("failures", attempt, ())


def _check_page(page: str) -> None:
    shape = Shape(page)
    assert not shape.tags & {"script", "iframe", "img", "svg", "base", "style", "a", "object", "embed", "i"}, shape.tags
    assert not [name for name in shape.attributes if name.startswith("on")]


def test_reports_stay_in_their_frame() -> None:
    """A report is anybody's HTML: what surrounds it is ours, whatever it holds."""

    def attempt(rng: random.Random) -> None:
        page = "".join(
            rng.choice([*EVIL, "<p>", "<!doctype html>", '<meta name="flytenb-script" content="' + "0" * 64 + '">'])
            for _ in range(rng.randrange(8))
        )
        if rng.random() < 0.5:
            page = reports._BEGIN + page
        frame = reports.frame(page, rng.choice(EVIL), rng.choice([0, 300]))
        shape = Shape(frame)
        assert shape.tags == {"iframe"}
        assert 'sandbox="allow-scripts"' in frame
        assert shape.attributes == {"sandbox", "referrerpolicy", "title", "style", "srcdoc"}
        (inner,) = shape.addresses
        policy = reports._GUARD
        assert inner.startswith(policy)
        for line in reports.excerpt(page):
            assert not _TERMINAL.search(line)

    try_all("reports", attempt, ())
