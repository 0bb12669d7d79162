"""What a kernel tells a front end of its tasks and variables."""

from __future__ import annotations

import json
from typing import Literal

import flytenb as flyte
from flytenb.notebook.listing import Listing, told

env = flyte.TaskEnvironment(name="told", description="for this test")


@env.task
async def fit(n: int, kind: Literal["a", "b"] = "a", share: float = 0.5) -> int:
    """Fits."""
    return n


def test_tasks_come_with_their_schemas_and_the_names_that_hold_them() -> None:
    found = told({"flyte": flyte, "sk": env, "fit": fit, "frame": [1], "_hidden": 1, "print": print})
    assert found["alias"] == "flyte"
    assert found["environments"] == [{"name": "told", "variable": "sk", "text": "for this test"}]
    assert found["variables"] == [{"name": "frame", "type": "list"}]
    (task,) = found["tasks"]
    assert (task["variable"], task["name"], task["environment"], task["doc"]) == ("fit", "told.fit", "told", "Fits.")
    assert task["schema"]["required"] == ["n"]
    assert task["schema"]["properties"]["kind"] == {"enum": ["a", "b"], "default": "a"}
    assert task["inputs"][2] == {"name": "share", "type": "float", "default": "0.5"}
    json.dumps(found)


def test_it_is_shown_as_data() -> None:
    shown = Listing(told({"fit": fit}))._repr_mimebundle_()
    assert shown["text/plain"] == "1 tasks"
    assert shown["application/vnd.flytenb.tasks+json"]["alias"] == ""
