"""The API describes itself, and the wire's two layouts are the same."""

from __future__ import annotations

import msgspec

from flytenb.engine.http import ROUTES, openapi
from flytenb.engine.queries import Queries
from flytenb.model import events, tags


def test_every_route_is_described_and_answered() -> None:
    described = openapi()
    methods = Queries(None).methods  # type: ignore[arg-type]
    for method, path, query, *_ in ROUTES:
        operation = described["paths"][path][method.lower()]
        assert operation["operationId"] == query
        assert query in methods
    assert set(described["components"]["schemas"]) >= {"RunRow", "ActionRow", "RunSnapshot", "LogLine", "Failure"}


def test_structs_and_numbers_of_the_wire_agree() -> None:
    names = {"RunRequest": "RUN"}
    for kind in events.WireEvent.__args__:
        name = names.get(kind.__name__, kind.__name__.upper())
        assert kind.__struct_config__.tag == getattr(tags, name), name
        assert kind.__struct_config__.array_like


def test_a_tuple_is_read_as_its_struct() -> None:
    body = msgspec.msgpack.encode([(tags.FINISHED, 7, 1, True, b"x", 0.5), (tags.FORGET, 7, 3)])
    decoded = msgspec.msgpack.decode(body, type=list[events.WireEvent])
    assert decoded == [events.Finished(7, 1, True, b"x", 0.5), events.Forget(7, 3)]
