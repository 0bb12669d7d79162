"""Tasks without a function travel as values, alone and in the code that calls them."""

from __future__ import annotations

import pytest

from flytenb.codec.current import set_objects
from flytenb.codec.objects import ObjectStore
from flytenb.sdk.container_task import ContainerTask
from tests.unit.capture.kernel import Kernel, load

TOOL = """
from flytenb.extras import ContainerTask
tool = ContainerTask("tool", "alpine:3.20", ["echo", "{WORD}"], inputs={{"x": int}}, outputs={{"y": str}})
"""
CALLER = """
@env.task
def t(x: int):
    return tool, tool.interface.bind((x,), {})
"""


@pytest.fixture(autouse=True)
def _objects(tmp_path):
    set_objects(ObjectStore(tmp_path / "objects"))
    yield
    set_objects(None)


def test_code_that_calls_one_takes_it_along():
    with Kernel() as kernel:
        kernel.run(TOOL.format(WORD="one"))
        kernel.run(CALLER)
        program = kernel.program()
        loaded = load(program)
        tool, values = loaded.get("t").func(3)
    assert isinstance(tool, ContainerTask)
    assert (tool.command, values) == (["echo", "one"], (3,))
    assert tool.place[1] == 3
    assert program.root.doubts == ()


def test_the_key_of_code_knows_what_its_tool_runs():
    keys = []
    for word in ("one", "one", "two"):
        with Kernel() as kernel:
            kernel.run(TOOL.format(WORD=word))
            kernel.run(CALLER)
            keys.append(kernel.key().hex)
            kernel.run("tool = tool.override(retries=3)")
            keys.append(kernel.key().hex)
    assert keys[:4] == [keys[0]] * 4
    assert keys[4] != keys[0]


def test_alone_it_is_a_program():
    with Kernel() as kernel:
        kernel.run(TOOL.format(WORD="one"))
        program = kernel.program("tool")
        task = load(program).get(program.entry)
    assert (program.kind, program.files) == ("whole", "")
    assert task.command == ["echo", "one"]
    assert program.root.key == task.code_key
