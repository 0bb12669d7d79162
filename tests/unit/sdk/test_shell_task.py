"""Scripts of shell tasks, rendered and run by a real shell on this machine."""

from __future__ import annotations

import pickle
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flytenb as flyte
from flytenb.codec.file import File
from flytenb.codec.folder import Dir
from flytenb.extras import shell
from flytenb.extras.shell import FlagSpec, Glob, Stderr, Stdout, create

ANYTHING = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


def tool(script="true", **given):
    return create("tool", image="debian", script=script, **given)


def words(script, inputs, values, **given):
    """What a program gets that a script calls with these words."""
    made = tool(f"for each in {script}; do printf '%s\\0' \"$each\"; done", inputs=inputs, **given)
    text = made.job(values).files[".script"]
    done = subprocess.run(["sh", "-s"], input=text.replace(b"set -o pipefail\n", b""), capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


@settings(max_examples=60, deadline=None)
@given(ANYTHING, ANYTHING)
def test_any_text_stays_one_word_and_is_never_run(text, other):
    inputs = {"text": str, "extra": dict[str, str]}
    got = words("{inputs.text} {flags.text} {inputs.extra}", inputs, {"text": text, "extra": {text: other}})
    assert got == [text, *(["-text", text] if text else []), text, other]


def test_quotes_of_a_script_let_nothing_run():
    assert "x" not in words('"{inputs.text}"', {"text": str}, {"text": "$(echo x)`echo x`"})


FILES = [File(path="/d/a 1.bam"), File(path="/d/b.bam")]
A, B = "/var/inputs/x/a 1.bam", "/var/inputs/x/b.bam"


@pytest.mark.parametrize(
    ("kind", "value", "alias", "expected"),
    [
        (bool, True, None, ["-x"]),
        (bool, False, "--on", []),
        (int, 3, None, ["-x", "3"]),
        (int, 3, FlagSpec("--level", separator="="), ["--level=3"]),
        (str | None, None, None, []),
        (str, "", None, []),
        (File, FILES[0], "-i", ["-i", A]),
        (File | None, None, "-i", []),
        (Dir, Dir(path="/d"), None, ["-x", "/var/inputs/x"]),
        (list[File], FILES, "-b", ["-b", A, B]),
        (list[File], FILES, ("-b", "repeat"), ["-b", A, "-b", B]),
        (list[File], FILES, ("-b", "comma"), ["-b", f"{A},{B}"]),
        (list[File], [], ("-b", "repeat"), []),
        (dict[str, str], {"K": "v w", "L": ""}, None, ["K", "v w", "L", ""]),
        (dict[str, str], {"K": "v w"}, ("-o", "equals"), ["-oK=v w"]),
        (dict[str, str] | None, None, None, []),
    ],
)
def test_inputs_as_options(kind, value, alias, expected):
    aliases = {"x": alias} if alias is not None else None
    assert words("{flags.x}", {"x": kind}, {"x": value}, flag_aliases=aliases) == expected


def test_outputs_and_streams():
    made = tool(
        "echo > {outputs.parts}/1; echo > {outputs.n}",
        outputs={"parts": Glob("*.txt"), "n": int, "tree": Dir, "out": Stdout(), "err": Stderr(str)},
    )
    job = made.job({})
    assert job.folders == ("parts", "tree")
    assert job.streams == {"stdout": "out", "stderr": "err"}
    assert job.patterns == {"parts": "*.txt"}
    assert (job.entrypoint, job.command) == (["/bin/bash"], ["/var/inputs/.script"])
    assert {**made.outputs, "parts": list} == {"parts": list, "n": int, "tree": Dir, "out": File, "err": str}
    assert made.as_task().outputs["parts"] is Dir
    assert list(made.env.tasks) == ["tool"]


def test_defaults():
    made = tool(inputs={"a": int, "b": str | None, "c": str}, defaults={"c": "x"})
    assert made.interface.bind((), {"a": 1}) == (1, None, "x")
    parameters = {one.name: one.default for one in made.interface.parameters if one.has_default}
    assert parameters == {"b": None, "c": "x"}


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"script": "{inputs.y}", "inputs": {"x": int}}, ValueError, r"\{inputs\.y\}.*\(x\)"),
        ({"script": "{flags.y}"}, ValueError, "no such input"),
        ({"script": "{outputs.y}"}, ValueError, "no such output"),
        ({"script": "{outputs.y}", "outputs": {"y": Stdout()}}, ValueError, "taken from a stream"),
        ({"script": "{other.y}"}, ValueError, "means nothing"),
        ({"inputs": {"x": list[int]}}, TypeError, 'input "x" cannot be'),
        ({"outputs": {"x": list[int]}}, TypeError, 'output "x" cannot be'),
        ({"flag_aliases": {"y": "-y"}}, ValueError, "no input"),
        ({"flag_aliases": {"x": ("-x", "both")}, "inputs": {"x": int}}, TypeError, "an option and a mode"),
        ({"defaults": {"x": None}, "inputs": {"x": int | None}}, ValueError, "says nothing"),
        ({"defaults": {"x": True}, "inputs": {"x": int}}, TypeError, "is no"),
        ({"defaults": {"y": 1}}, ValueError, "no input"),
    ],
)
def test_bad_declarations_are_refused_at_once(given, kind, said):
    with pytest.raises(kind, match=said):
        tool(**given)


def test_streams_have_few_types():
    with pytest.raises(TypeError, match="must be File"):
        Stdout(list)


def test_it_travels_whole_and_its_key_knows_the_script():
    made = tool("echo {inputs.x}", inputs={"x": int}, outputs={"n": Stdout(int)}, flag_aliases={"x": "-n"})
    again = pickle.loads(made.to_bytes())
    assert again.job({"x": 1}) == made.job({"x": 1})
    assert again.code_key == made.code_key
    assert made.override(resources=flyte.Resources(cpu=2)).code_key == made.code_key
    other = tool("echo {inputs.x} ", inputs={"x": int}, outputs={"n": Stdout(int)}, flag_aliases={"x": "-n"})
    assert other.code_key != made.code_key


def test_braces_of_shells_and_programs_are_left_alone():
    script = "awk '{print $1}' ${HOME} {a,b} {}"
    assert tool(script).job({}).files[".script"].decode().endswith(script)


def test_flytes_names():
    assert {"create", "Glob", "Stdout", "Stderr", "FlagSpec", "OutputSpec", "listMode", "DictMode"} <= {*shell.__all__}
