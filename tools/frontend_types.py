"""Writes what the front end shares with the engine: types of the API, marks of phases, numbers in words.

python tools/frontend_types.py            # say which files are out of date
python tools/frontend_types.py --write    # write them

The TypeScript is derived and never edited by hand; a test compares it with the structs.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from flytenb.codec import plain
from flytenb.codec.objects import ObjectStore
from flytenb.codec.payload import encode_values
from flytenb.engine.http import ROUTES, openapi
from flytenb.model.phases import FIRST_TERMINAL, ActionPhase
from flytenb.model.recovery import REASONS
from flytenb.views import marks, reports, tree, words

FOLDER = Path(__file__).resolve().parent.parent / "labextension"
_HEAD = "// Derived by tools/frontend_types.py from the Python sources: change those, then run `make frontend-types`.\n"
#: Queries that the front end asks; others are no part of the build.
ASKED = (
    "status", "runs", "snapshot", "io", "attempts", "usage", "logs", "page", "code", "why", "run_why",
    "post_mortem", "signal", "resources", "pools", "containers", "builds", "build_logs", "cached", "pin",
    "prune_cached", "prune_runs", "mark_run", "delete_run", "remove_containers", "abort",
)  # fmt: skip
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def files() -> dict[Path, str]:
    """Path → content of everything that is derived."""
    return {
        FOLDER / "src" / "generated" / "model.ts": model(),
        FOLDER / "src" / "generated" / "routes.ts": routes(),
        FOLDER / "src" / "generated" / "marks.ts": tables(),
        FOLDER / "test" / "fixtures" / "words.json": json.dumps(samples(), indent=1, ensure_ascii=False) + "\n",
        FOLDER / "test" / "fixtures" / "previews.json": json.dumps(encoded(), indent=1, ensure_ascii=True) + "\n",
    }


def model() -> str:
    """The API's structs as interfaces. Nothing of it is in the build, which is not made anew when it changes."""
    described = openapi()
    parts = [_HEAD]
    for name, schema in sorted(described["components"]["schemas"].items()):
        parts.append("\n".join(_interface(name, schema)))
    return "\n\n".join(parts) + "\n"


def routes() -> str:
    """The paths that the front end asks, by the query's name."""
    known = {query: (method, path) for method, path, query, *_ in ROUTES}
    rows = [f"  {query}: {{ method: '{known[query][0]}', path: '{known[query][1][1:]}' }}" for query in ASKED]
    return f"{_HEAD}\nexport const ROUTES = {{\n" + ",\n".join(rows) + "\n} as const;\n"


def _interface(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    text = " ".join(schema.get("description", "").split())
    if text:
        yield f"/** {text} */"
    yield f"export interface {name} {{"
    required = set(schema.get("required", ()))
    for field, kind in schema["properties"].items():
        yield f"  {field}{'' if field in required else '?'}: {_type(kind)};"
    yield "}"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " | ".join(_type(each) for each in schema["anyOf"])
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(_type(each) for each in schema['prefixItems'])}]"
        inner = _type(schema.get("items") or {})
        return f"{inner}[]" if " " not in inner else f"({inner})[]"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"Record<string, {_type(inner) if isinstance(inner, dict) and inner else 'unknown'}>"
    return _PLAIN.get(str(kind), "unknown")


def tables() -> str:
    """Words, signs and colours of phases, and the limits that both sides keep."""
    phases = list(ActionPhase)
    known = {phase.value: marks.mark_of(phase.value) for phase in phases}
    known |= {mark.key: mark for mark in (marks.CACHED, marks.NOT_STARTED)}
    rows = [
        f"  {key}: {{ key: '{mark.key}', word: '{mark.word}', glyph: '{mark.glyph}', color: '{mark.color}', "
        f"isLoud: {json.dumps(mark.is_loud)} }}"
        for key, mark in known.items()
    ]
    constants = {
        "PHASES": [phase.value for phase in phases],
        "TERMINAL": [phase.value for phase in phases if phase.code >= FIRST_TERMINAL],
        "SEVERITY": list(marks.SEVERITY),
        "OPEN_ORDER": list(tree._OPEN),
        "CLOSED_ORDER": list(tree._CLOSED),
        "WORD_ORDER": list(tree._ORDER),
        "WIDE": tree.WIDE,
        "MAX_DEPTH": tree.MAX_DEPTH,
        "REPORT_POLICY": reports.POLICY,
        "RECOVERY_REASONS": REASONS,
    }
    kinds = {"RECOVERY_REASONS": ": Readonly<Record<string, string>>"}
    lines = [f"export const {name}{kinds.get(name, '')} = {_literal(value)};" for name, value in constants.items()]
    shape = (
        "/** How one phase is shown. */\nexport interface Mark {\n  key: string;\n  word: string;\n  glyph: string;\n"
        "  color: string;\n  isLoud: boolean;\n}\n"
    )
    table = "export const MARKS: Readonly<Record<string, Mark>> = {\n" + ",\n".join(rows) + "\n};\n"
    return "\n".join([_HEAD, shape, table, *lines]) + "\n"


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return "[\n" + "".join(f"  {_literal(each)},\n" for each in value)[:-2] + "\n]"
    if isinstance(value, dict):
        return "{\n" + "".join(f"  {key}: {_literal(each)},\n" for key, each in value.items())[:-2] + "\n}"
    if isinstance(value, str):
        quote = '"' if "'" in value else "'"
        return quote + value + quote
    return json.dumps(value)


def samples() -> dict[str, list[list[Any]]]:
    """What `words` makes of numbers: the front end must say the same."""
    seconds = [0, 0.0004, 0.05, 0.092, 0.9994, 0.9996, 1.25, 9.94, 9.96, 28.5, 59.4, 59.94, 59.96, 61, 121, 3599.4]
    seconds += [3600, 3905, 86399, 86400, 183600]
    counts = [0, 1, 999, 1000, 5000, 1234567]
    sizes = [
        0,
        96,
        999,
        1000,
        3100,
        99949,
        99960,
        742_000,
        999_499,
        999_500,
        1_200_000,
        5_100_000_000,
        2_000_000_000_000,
    ]
    lists = [[], [3], [1, 2, 3], [1, 2, 3, 4], [610, 611, 612, 1904, 2207, 2208, 2209, 2210, 5, 7, 9, 11, 13, 15]]
    return {
        "duration": [[each, words.duration(each)] for each in seconds],
        "total": [[each, words.total(each)] for each in seconds],
        "clock": [[each, words.clock(each)] for each in seconds],
        "ago": [[each, words.ago(each)] for each in seconds],
        "count": [[each, words.count(each, "action")] for each in counts],
        "size": [[each, words.size(each)] for each in sizes],
        "indices": [[each, words.indices(each)] for each in lists],
    }


class _Color(Enum):
    RED = 1


@dataclass
class _Params:
    c: float
    kernel: str = "rbf"


def encoded() -> list[dict[str, Any]]:
    """Payloads with what `plain.preview` shows of them: the front end must show the same."""
    values: list[Any] = [None, True, 0, -1, 2**53 + 1, 2**70, -(2**70), 1.0, -0.0, 0.1, 1e16, 1.5e-7, 1e-4, 123456.789]
    values += [
        "digits",
        "it's",
        "a \"b\" 'c'",
        "tab\tnew\nline\0\x1b[31m",
        "\u202eevil\u00e9\U0001f600 \u00a0",
        "x" * 400,
    ]
    values += [
        b"bytes'\n\xff",
        [],
        [1, 2],
        list(range(20)),
        (1,),
        (1, "a"),
        {"a": 1, "b": [1.5, {"c": None}]},
        {
            1,
        },
    ]
    values += [{i: i for i in range(12)}, [[[[[[[[1]]]]]]]], dt.date(2026, 11, 21), dt.time(14, 2), 3 + 4j, -2j]
    values += [dt.datetime(2026, 11, 21, 14, 2, 3, 5), dt.timedelta(days=2, seconds=3905), dt.timedelta(microseconds=7)]
    values += [_Params(0.5), _Color.RED, [_Params(1.0)], "<img src=x onerror=alert(1)>", frozenset(), ({},)]
    store = _Kept("nowhere")
    values += ["y" * 100_000, b"z" * 100_000, list(range(100_000)), {"k": "v" * 100_000}]
    rows = []
    for value in values:
        payload = encode_values([value], ["value"], store)
        shown = plain.preview(payload)[0]
        rows.append({"payload": base64.b64encode(payload).decode(), **asdict(shown)})
    return rows


class _Kept(ObjectStore):
    """Gives the digest and keeps nothing: previews open no object."""

    def put(self, data: Any) -> str:
        return "0" * 64


def main(arguments: list[str]) -> int:
    """Write, or say what is out of date."""
    stale = [path for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        if "--write" in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files()[path], "utf-8")
        print(path.relative_to(FOLDER.parent))
    return 0 if "--write" in arguments else int(bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
