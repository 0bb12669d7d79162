"""A store in a fresh folder, and a round trip through an interface."""

from __future__ import annotations

from typing import Any

import pytest

from flytenb.codec import Interface, ObjectStore, current
from flytenb.codec.plain import decode_plain, jsonable, preview


def interface_of(annotation: Any) -> Interface:
    def task(x):
        return x

    task.__annotations__ = {"x": annotation, "return": annotation}
    return Interface.of(task, task_name="env.task")


@pytest.fixture(scope="session", name="interface_of")
def _interface_of():
    return interface_of


@pytest.fixture(scope="session")
def objects(tmp_path_factory):
    return ObjectStore(tmp_path_factory.mktemp("home") / "objects", is_durable=False)


@pytest.fixture(autouse=True)
def _current(objects):
    current.set_objects(objects)
    yield
    current.set_objects(None)


@pytest.fixture(scope="session")
def round_trip(objects):
    """Value → payload → value, and every reader that must not fail on the way."""

    def trip(annotation: Any, value: Any) -> Any:
        interface = interface_of(annotation)
        payload = interface.encode_inputs(interface.bind((value,), {}), objects)
        assert interface.encode_inputs((value,), objects) == payload
        (seen,) = preview(payload)
        assert seen.name == "x"
        assert seen.type != "unreadable", seen.text
        assert len(seen.text) <= 160
        jsonable(decode_plain(payload, objects))
        assert len(interface.digest_inputs(payload)) == 16
        (result,) = interface.decode_inputs(payload, objects)
        return result

    return trip
