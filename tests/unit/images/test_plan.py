"""Steps, Dockerfile text and identity of images."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytenb.errors import ImageBuildError
from flytenb.images.dockerfile import dockerfile
from flytenb.images.manifests import pixi_manifest, poetry_requirements, script_header
from flytenb.images.plan import WORK, WORKDIR, make_plan
from flytenb.model.image import FileSpec, ImageSpec, LayerSpec, SecretSpec, debian_base, image_digest

FILES = {
    "1": b"pandas==2.2\n",
    "2": b'# /// script\n# requires-python = ">=3.10"\n# dependencies = ["six", "attrs>=22"]\n# ///\nprint(1)\n',
    "3": b"x = 1\n",
}


def spec_of(*layers: LayerSpec, **fields: object) -> ImageSpec:
    return ImageSpec(base="python:3.11-slim", python=(3, 11), is_debian=True, layers=layers, **fields)


def plan_of(*layers: LayerSpec, workdir: str = ""):
    return make_plan(spec_of(*layers), FILES.__getitem__, workdir=workdir)


def test_every_kind_of_layer_becomes_a_step():
    plan = plan_of(
        LayerSpec(kind="pip", values=("six", "attrs>=22"), options=(("pre", "True"), ("extra_args", "--no-deps -q"))),
        LayerSpec(kind="requirements", files=(FileSpec(path="requirements.txt", digest="1"),)),
        LayerSpec(kind="uv-script", files=(FileSpec(path="a.py", digest="2"),)),
        LayerSpec(kind="apt", values=("git", "curl")),
        LayerSpec(kind="run", values=("echo a", "echo b")),
        LayerSpec(kind="env", options=(("A", "1"),)),
        LayerSpec(kind="workdir", dst="/app"),
        LayerSpec(kind="copy", files=(FileSpec(path="x.py", digest="3"),), dst="."),
        LayerSpec(kind="wheels", values=("mine",), files=(FileSpec(path="mine.whl", digest="3"),)),
    )
    assert [step.title for step in plan.steps] == [
        "pip install six attrs>=22",
        "pip install -r requirements.txt",
        "dependencies of a.py",
        "apt-get install git curl",
        "run echo a and 1 more",
        "env A",
        "workdir /app",
        "copy to .",
        "install mine from wheels",
    ]
    pip, requirements, script, apt, run, env, workdir, copy, wheels = plan.steps
    assert "set -- --pre --no-deps -q six 'attrs>=22'" in pip.commands[0]
    assert "-r requirements.txt" in requirements.commands[0]
    assert [one.path for one in requirements.files] == ["requirements.txt"]
    assert "set -- six 'attrs>=22'" in script.commands[0]
    assert "apt-get install -y --no-install-recommends git curl" in apt.commands[0]
    assert run.commands == ("echo a", "echo b")
    assert env.is_setting
    assert workdir.is_setting
    assert [one.path for one in copy.copies] == ["/app/x.py"]
    assert copy.env == (("A", "1"),)
    assert f"--find-links {WORK}/wheels mine" in wheels.commands[0]
    assert plan.workdir == "/app"


def test_relative_copies_go_to_a_folder_that_everybody_may_read():
    copy = LayerSpec(kind="copy", files=(FileSpec(path="sub/x.py", digest="3"),), dst="./data")
    assert plan_of(copy).steps[0].copies[0].path == f"{WORKDIR}/data/sub/x.py"
    assert plan_of(copy, workdir="/srv").steps[0].copies[0].path == "/srv/data/sub/x.py"


def test_one_file_may_be_renamed_by_its_target():
    copy = LayerSpec(kind="copy", files=(FileSpec(path="a.yml", digest="3"),), dst="/etc/b.yml")
    assert plan_of(copy).steps[0].copies[0].path == "/etc/b.yml"


def test_an_index_with_a_password_is_in_no_command_and_no_title():
    layer = LayerSpec(kind="pip", values=("six",), options=(("index_url", "https://me:secret@index.example/simple"),))
    (step,) = plan_of(layer).steps
    assert "secret" not in step.title + "".join(step.commands) + "".join(step.said)
    assert dict(step.variables)["PIP_INDEX_URL"].startswith("https://me:secret@")
    assert "secret" not in dockerfile(spec_of(layer), FILES.__getitem__)


def test_unknown_layers_and_headers_are_refused_by_name():
    with pytest.raises(ImageBuildError, match='layer "dance" is not known; there are apt, copy'):
        plan_of(LayerSpec(kind="dance"))
    with pytest.raises(ImageBuildError, match=r'script "a\.py" has no header; write "# /// script"'):
        plan_of(LayerSpec(kind="uv-script", files=(FileSpec(path="a.py", digest="3"),)))


def test_the_text_of_a_dockerfile():
    text = dockerfile(
        spec_of(
            LayerSpec(kind="env", options=(("A", "b c"),)),
            LayerSpec(kind="workdir", dst="/app"),
            LayerSpec(kind="copy", files=(FileSpec(path="x.py", digest="3"),), dst="."),
            LayerSpec(kind="run", values=("make all",), secrets=(SecretSpec(key="tok", variable="TOK"),)),
        ),
        FILES.__getitem__,
    )
    assert text.splitlines()[2:] == [
        "FROM python:3.11-slim",
        "USER 0",
        "",
        "# env A",
        'ENV A="b c"',
        "",
        "# workdir /app",
        "WORKDIR /app",
        "",
        "# copy to .",
        "COPY 3/app/x.py /app/x.py",
        "",
        "# run make all",
        "RUN --mount=type=secret,id=tok,env=TOK make all",
    ]


_LAYERS = st.builds(
    LayerSpec,
    kind=st.sampled_from(["pip", "apt", "run", "env", "workdir"]),
    values=st.tuples(st.text("abc=1", min_size=1, max_size=5)),
    options=st.just(()) | st.just((("A", "1"),)),
    dst=st.sampled_from(["", "/a", "b"]),
)


@given(st.lists(_LAYERS, max_size=4), st.lists(_LAYERS, max_size=4))
def test_equal_specs_are_one_image_and_others_are_not(first, second):
    one, other = spec_of(*first), spec_of(*second)
    assert (image_digest(one) == image_digest(other)) == (first == second)
    assert dockerfile(one, FILES.__getitem__) == dockerfile(spec_of(*first), FILES.__getitem__)
    keys = [step.digest for step in make_plan(one, FILES.__getitem__).steps]
    assert len(set(keys)) == len(keys)
    assert [step.digest for step in make_plan(spec_of(*first, *second), FILES.__getitem__).steps][: len(keys)] == keys


def test_a_name_or_a_wording_is_no_other_image():
    assert image_digest(spec_of(name="a", text="b", registry="c")) == image_digest(spec_of())


def test_hashing_a_spec_takes_less_than_a_millisecond():
    spec = spec_of(*(LayerSpec(kind="pip", values=tuple(f"p{n}=={n}" for n in range(50))) for _ in range(10)))
    took = []
    for _ in range(20):
        begun = time.perf_counter()
        image_digest(spec)
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.001


def test_bases_come_from_a_mirror_or_this_machine():
    assert debian_base((3, 12)) == "python:3.12-slim-bookworm"
    assert debian_base((3, 12), "mirror.example/python:{version}-slim") == "mirror.example/python:3.12-slim"
    assert debian_base((3, 12), "mine:latest") == "mine:latest"


# ---- manifests ---------------------------------------------------------------------------------------------------


def test_headers_of_scripts():
    header = script_header("a.py", FILES["2"])
    assert (header.requirements, header.requires_python) == (("six", "attrs>=22"), ">=3.10")
    text = b'# /// script\n# dependencies = []\n# [[tool.uv.index]]\n# url = "https://i.example"\n# ///\n'
    assert script_header("a.py", text).options == ("--extra-index-url", "https://i.example")
    with pytest.raises(ImageBuildError, match="more than one header"):
        script_header("a.py", FILES["2"] * 2)
    with pytest.raises(ImageBuildError, match="cannot be read"):
        script_header("a.py", b"# /// script\n# dependencies = [\n# ///\n")


def test_a_pixi_manifest_of_a_script():
    assert 'python = ">=3.10"' in pixi_manifest("a.py", FILES["2"])
    assert 'attrs = ">=22"' in pixi_manifest("a.py", FILES["2"])


POETRY = b"""
[tool.poetry.dependencies]
python = "^3.10"
requests = {version = "^2", extras = ["socks"]}
[tool.poetry.group.dev.dependencies]
pytest = "*"
"""
POETRY_LOCK = b"""
[[package]]
name = "requests"
version = "2.32.0"
files = [{file = "r.whl", hash = "sha256:aa"}]
[package.dependencies]
idna = ">=2"
win-only = {version = "*", markers = "sys_platform == 'win32'"}
PySocks = {version = ">=1.5", optional = true}
[package.extras]
socks = ["PySocks (>=1.5)"]
[[package]]
name = "idna"
version = "3.7"
files = [{file = "i.whl", hash = "sha256:bb"}]
[[package]]
name = "win-only"
version = "1.0"
files = []
[[package]]
name = "PySocks"
version = "1.7.1"
files = [{file = "p.whl", hash = "sha256:cc"}]
[[package]]
name = "pytest"
version = "8.0"
files = []
"""


def test_a_poetry_lock_is_followed_from_its_main_group():
    text = poetry_requirements({"pyproject.toml": POETRY, "poetry.lock": POETRY_LOCK}, (3, 11))
    assert text.splitlines() == [
        "idna==3.7 --hash=sha256:bb",
        "PySocks==1.7.1 --hash=sha256:cc",
        "requests==2.32.0 --hash=sha256:aa",
    ]
