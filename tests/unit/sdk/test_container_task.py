"""Container tasks as they are declared: templates, types, keys, travelling. Nothing is started."""

from __future__ import annotations

import datetime as dt
import pickle
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flytenb as flyte
from flytenb import errors
from flytenb.codec.file import File
from flytenb.codec.folder import Dir
from flytenb.extras import ContainerTask
from flytenb.model import Launch
from flytenb.sdk import container_template as template
from flytenb.sdk.container_inputs import Inputs, text_of

NAMES = st.from_regex(r"[A-Za-z_]\w{0,5}", fullmatch=True).filter(str.isascii)
TEXTS = st.text(max_size=20)
LAUNCH = Launch(python="python3", cwd="/")


def task(command=("true",), **settings):
    return ContainerTask(settings.pop("name", "tool"), settings.pop("image", "alpine:3.20"), list(command), **settings)


# ---- the grammar of commands -----------------------------------------------------------------------------------------


@given(st.lists(st.one_of(TEXTS.filter(lambda text: "{" not in text), NAMES.map(lambda name: (name,))), max_size=6))
def test_inputs_are_replaced_and_all_else_is_kept(parts):
    text = "".join(part if isinstance(part, str) else f"{{{{.inputs.{part[0]}}}}}" for part in parts)
    expected = "".join(part if isinstance(part, str) else f"<{part[0]}>" for part in parts)
    assert template.render(text, lambda name: f"<{name}>") == expected
    assert template.names_in(text) == [part[0] for part in parts if not isinstance(part, str)]


@given(TEXTS, NAMES)
def test_what_a_value_holds_is_not_looked_into(value, name):
    placeholder = f"{{{{.inputs.{name}}}}}"
    assert template.render(placeholder, lambda _: value + placeholder) == value + placeholder


@given(st.text(alphabet="{}.$ inputsx", max_size=30))
def test_any_text_is_a_command(text):
    template.render(text, lambda name: "")


@pytest.mark.parametrize("text", ["{{.inputs.x}}", "{{ .inputs.x }}", "{{$inputs.x}}", "{{.Inputs.x}}"])
def test_spellings_of_an_input(text):
    assert template.names_in(text) == ["x"]


@pytest.mark.parametrize("text", ["{{.State}}", "{{inputs.x}}", "{.inputs.x}", "{{.inputs.}}", "{{ x }}"])
def test_other_templates_are_left_alone(text):
    assert template.render(text, lambda name: "no") == text


# ---- values as text and files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (3, "3"),
        (0.5, "0.5"),
        (None, ""),
        ("a b", "a b"),
        (b"x", "x"),
        (dt.datetime(2026, 1, 31, 9, 30), "2026-01-31T09:30:00"),
        (dt.date(2026, 1, 31), "2026-01-31"),
        (dt.timedelta(days=1, seconds=3), "1 day, 0:00:03"),
        ([1, "a", None, True], '[1, "a", null, true]'),
        ({"a": dt.date(2026, 1, 31)}, '{"a": "2026-01-31"}'),
    ],
)
def test_text_of_values(value, text):
    assert text_of(value) == text


def file(name):
    return File(path=f"/data/{name}", name=name)


@pytest.mark.parametrize(
    ("kind", "value", "direct", "named"),
    [
        (File, file("a.bam"), ["in"], ["in/a.bam"]),
        (Dir, Dir(path="/data/d"), ["in"], ["in"]),
        (list[File], [file("a"), file("b")], ["in/0", "in/1"], ["in/a", "in/b"]),
        (list[File], [file("a"), file("a"), file("a")], ["in/0", "in/1", "in/2"], ["in/a", "in/1_a", "in/2_a"]),
        (dict[str, File], {"k": file("a")}, ["in/k"], ["in/k"]),
        (File | None, None, [], []),
        (list[File], [], [], []),
    ],
)
def test_where_files_are(kind, value, direct, named):
    for layout, expected in (("DIRECT", direct), ("NAMED_DIR", named)):
        assert Inputs({"in": kind}, "/i", layout).paths("in", value) == [f"/i/{path}" for path in expected]


def test_a_command_for_values():
    made = task(
        ["run", "--n={{.inputs.n}}", "{{.inputs.on}}"],
        arguments=["{{.inputs.data}}", "/var/inputs/data", "{{.inputs.name}}{{.inputs.name}}"],
        inputs={"n": int, "on": bool, "data": File, "name": str},
    )
    job = made.job({"n": 3, "on": False, "data": file("x"), "name": "{{.inputs.n}}"})
    assert job.command == ["run", "--n=3", "false", "/var/inputs/data", "/var/inputs/data", "{{.inputs.n}}" * 2]
    assert job.entrypoint is None
    assert ContainerTask("one", "alpine", "sh -c 'echo 1'").command == ["sh", "-c", "echo 1"]


# ---- declarations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"command": ["{{.inputs.y}}"], "inputs": {"x": int}}, ValueError, 'names the input "y", .* \\(x\\)'),
        ({"command": [1]}, ValueError, "must be text"),
        ({"inputs": {"x": object}}, TypeError, 'input "x": a object cannot go into a container'),
        ({"inputs": {"x": dict[int, str]}}, TypeError, "has str for its keys"),
        ({"inputs": {"a-b": int}}, ValueError, "name of a variable"),
        ({"outputs": {"../x": int}}, ValueError, "name of a file"),
        ({"outputs": {"x": complex}}, TypeError, "cannot come from a container"),
        ({"metadata_format": "PROTO"}, ValueError, "must be JSON or YAML"),
        ({"file_input_layout": "FLAT"}, ValueError, "must be DIRECT or NAMED_DIR"),
        ({"input_data_dir": "inputs"}, ValueError, "a whole path"),
        ({"input_data_dir": "/x", "output_data_dir": "/x"}, ValueError, "must be two folders"),
        ({"user": "a b"}, ValueError, '"caller", "image" or "UID:GID"'),
        ({"image": 3}, TypeError, "name of an image"),
        ({"colour": 1}, TypeError, "has no setting colour="),
        ({"resources": "1Gi"}, TypeError, r"flyte\.Resources"),
    ],
)
def test_bad_declarations_are_refused_at_once(settings, kind, words):
    with pytest.raises(kind, match=words):
        task(**settings)


def test_types_that_may_go_in_and_out():
    task(
        inputs={"a": int | None, "b": list[float], "c": dict[str, File], "d": Literal["x"], "e": dt.datetime},
        outputs={"a": list[File], "b": Dir, "c": dict[str, list[int]], "d": bytes, "e": str | None},
    )


def test_it_is_a_task_like_others():
    made = task(inputs={"x": int}, outputs={"a": int, "b": str}, retries=2, timeout=5, cache="auto")
    assert made.native_interface.required_inputs() == ["x"]
    assert list(made.native_interface.outputs) == ["a", "b"]
    assert made.place[0].endswith("test_container_task.py")
    with pytest.raises(errors.NotInTaskContextError, match=r"flyte\.run\(tool"):
        made(x=1)
    env = flyte.TaskEnvironment.from_task("tools", made)
    assert env.tasks == {"tool": made}
    assert made.environment_name == "tools"
    with pytest.raises(ValueError, match="belongs to environment"):
        flyte.TaskEnvironment.from_task("others", made)


def test_override_changes_a_copy():
    made = task(inputs={"x": int}, resources=flyte.Resources(cpu=1))
    more = made.override(resources=flyte.Resources(cpu=2), retries=3)
    assert (made.resources.cpu, more.resources.cpu, more.retries.count) == (1, 2, 3)
    assert more.code_key == made.code_key
    with pytest.raises(ValueError, match="image cannot be overridden"):
        made.override(image="other")


def test_it_travels_whole():
    image = flyte.Image.from_base("alpine").clone(name="x", extendable=True).with_commands(["true"])
    made = task(image=image, inputs={"x": File}, outputs={"a": int}, secrets="key", env_vars={"A": "1"})
    flyte.TaskEnvironment.from_task("travellers", made)
    again = pickle.loads(made.to_bytes())
    assert again.declaration(LAUNCH, "p") == made.declaration(LAUNCH, "p")
    assert again.to_bytes() == made.to_bytes()


def test_its_worker_is_a_process_that_holds_nothing_of_it():
    declared = task(env_vars={"A": "1"}, executor="process", reusable=None).declaration(LAUNCH, "p")
    assert declared.launch.is_contained
    assert declared.launch.image.base == "alpine:3.20"
    assert declared.launch.env_vars == {"A": "1"}
    assert task(image="auto").declaration(LAUNCH, "p").launch.image.base.startswith("python:3")


CHANGES = [
    {"command": ["false"]},
    {"arguments": ["x"]},
    {"image": "alpine:3.21"},
    {"inputs": {"x": int}},
    {"outputs": {"x": int}},
    {"output_data_dir": "/out"},
    {"file_input_layout": "NAMED_DIR"},
    {"user": "image"},
]


def test_the_key_knows_what_is_run_and_nothing_else():
    keys = [task(cache="auto", **change).declaration(LAUNCH, "p").key for change in ({}, *CHANGES)]
    assert len({*keys}) == len(keys)
    assert all(keys)
    same = task(cache="auto", env_vars={"A": "1"}, resources=flyte.Resources(cpu=2), retries=1)
    assert same.declaration(LAUNCH, "p").key == keys[0]
    salted = task(cache=flyte.Cache("auto", salt="s")).declaration(LAUNCH, "p").key
    assert salted != keys[0]
    fixed = [task(cmd, cache=flyte.Cache("auto", version_override="1")).declaration(LAUNCH, "p").key for cmd in "ab"]
    assert fixed[0] == fixed[1]


class Mine:
    def get_version(self, salt, params):
        return "mine"


def test_a_policy_of_ones_own_adds_to_the_key():
    keys = {task([cmd], cache=flyte.Cache("auto", policies=[Mine()])).declaration(LAUNCH, "p").key for cmd in "ab"}
    assert len(keys) == 2
