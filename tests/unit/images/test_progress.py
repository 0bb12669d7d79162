"""How far a build is, and what builders say."""

from __future__ import annotations

import base64

from flytenb.containers.builder import _buildkit_events, _classic_events
from flytenb.images.progress import Progress
from flytenb.model.build import BuildRow


def test_rows_words_and_lines():
    changes = []
    progress = Progress(BuildRow(id=1, digest="d", image="flytenb/data:1", started_at=1.0), changes.append)
    progress.add("pull base")
    n = progress.add("pip install https://me:pw@x/six")
    progress.cached(0)
    progress.begin(n)
    assert progress.row.words(progress.row.layers[n].started_at + 12.2) == (
        "builds image data: step 2 of 2, pip install https://***@x/six, 12 s"
    )
    progress.log(n, b"one\ntw")
    progress.log(n, b"o\r\n10%\r100%\n")
    assert progress.lines_since(0) == ([(2, "one"), (2, "two"), (2, "100%")], 3)
    assert progress.lines_since(2) == ([(2, "100%")], 3)
    progress.done(n)
    progress.end(image_id="sha256:1")
    assert [layer.phase for layer in progress.row.layers] == ["cached", "done"]
    assert progress.logs()[1].text == "one\ntwo\n100%"
    assert progress.row.is_over
    assert progress.row.version >= len(changes)


def test_no_line_tells_a_secret_that_the_build_was_given(monkeypatch):
    from flytenb.images import words

    monkeypatch.setattr(words, "hidden", words.Redactor())
    monkeypatch.setattr("flytenb.images.progress.hidden", words.hidden)
    assert words.given("needle/of+gold") == "needle/of+gold"
    progress = Progress(BuildRow(id=1, digest="d", image="flytenb/data:1", started_at=1.0), lambda _: None)
    n = progress.add("RUN login needle/of+gold")
    progress.log(n, b"logged in with needle/of+gold and need")
    progress.log(n, b"le/of+gold\n" + base64.b64encode(b"needle/of+gold") + b"\nneedle/of+gold")
    assert progress.row.layers[n].title == "RUN login ***"
    assert progress.logs()[n].text == "logged in with *** and ***\n***\n***"
    assert progress.last_lines(n) == ["logged in with *** and ***", "***", "***"]
    assert progress.lines_since(0)[0] == [(1, "logged in with *** and ***"), (1, "***")]
    assert words.without_credentials("failed: needle/of+gold") == "failed: ***"


def test_the_classic_builder():
    lines = [
        {"stream": "Step 1/3 : FROM a"},
        {"stream": "\n"},
        {"stream": " ---> abc\n"},
        {"stream": "Step 2/3 : RUN b"},
        {"stream": " ---> Using cache\n"},
        {"stream": " ---> def\n"},
        {"stream": "Step 3/3 : RUN c"},
        {"stream": " ---> Running in 1\n"},
        {"stream": "hallo\n"},
        {"errorDetail": {"message": "returned a non-zero code: 3"}, "error": "returned a non-zero code: 3"},
    ]
    assert [(event.what, event.title, event.text) for event in _classic_events(iter(lines))] == [
        ("begin", "FROM a", ""),
        ("kept", "FROM a", "abc"),
        ("done", "FROM a", ""),
        ("begin", "RUN b", ""),
        ("kept", "RUN b", "def"),
        ("cached", "RUN b", ""),
        ("begin", "RUN c", ""),
        ("log", "RUN c", "hallo\n"),
        ("failed", "RUN c", "returned a non-zero code: 3"),
    ]


def _field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


def test_buildkit():
    vertex = _field(1, b"sha256:1") + _field(3, b"[2/3] RUN b")
    begun, done = vertex + _field(5, b"\x08\x01"), vertex + _field(5, b"\x08\x01") + _field(6, b"\x08\x02")
    log = _field(1, b"sha256:1") + _field(4, b"hallo\n")
    frames = [_field(1, vertex), _field(1, begun), _field(3, log), _field(1, done), _field(1, vertex + _field(4, 1))]
    lines = [{"id": "moby.buildkit.trace", "aux": base64.b64encode(one).decode()} for one in frames]
    lines.append({"id": "moby.image.id", "aux": {"ID": "sha256:2"}})
    assert [(event.what, event.title, event.text) for event in _buildkit_events(iter(lines))] == [
        ("begin", "RUN b", ""),
        ("log", "RUN b", "hallo\n"),
        ("done", "RUN b", ""),
        ("image", "", "sha256:2"),
    ]
