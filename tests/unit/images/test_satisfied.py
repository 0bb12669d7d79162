"""Does an environment have what layers ask for? Compared with what pip and packaging themselves say."""

import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from flytenb.errors import ImageBuildError
from flytenb.images.interpreter import canonical, look_at, made
from flytenb.images.requirements import asked, included, lines_of
from flytenb.images.satisfied import lacks
from flytenb.model.image import FileSpec, ImageSpec, LayerSpec

MARKERS = {
    "implementation_name": "cpython", "implementation_version": "3.11.7", "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython", "platform_release": "6", "platform_system": "Linux",
    "platform_version": "1", "python_full_version": "3.11.7", "python_version": "3.11", "sys_platform": "linux",
}  # fmt: skip


def caller(**distributions):
    """An environment: name = version, or (version, [what it needs])."""
    told = {name.replace("_", "-"): (one, []) if isinstance(one, str) else one for name, one in distributions.items()}
    return made(sys.executable, {"version": [3, 11, 7], "path": [], "distributions": told, "markers": MARKERS})


def missing(layer, environment, contents=None, python=(3, 11)):
    spec = ImageSpec(base="python:3.11-slim", python=python, is_debian=True, layers=(layer,))
    return lacks(spec, environment, lambda digest: (contents or {})[digest].encode())


def pip(*values, **options):
    return LayerSpec(kind="pip", values=values, options=tuple(options.items()))


def files(kind, **contents):
    """A layer with files, digest = path; and the contents."""
    named = {name.replace("__", "/").replace("_", "."): text for name, text in contents.items()}
    return LayerSpec(kind=kind, files=tuple(FileSpec(path=one, digest=one) for one in named)), named


ENVIRONMENT = caller(
    pandas="2.2.3",
    Typing_Extensions="4.12.0",
    torch="2.3.1+cu121",
    early="1.0rc1",
    rich=("13.9.0", ["pygments>=2.13", 'ipywidgets>=7; extra == "jupyter"']),
    pygments="2.15",
    requests=("2.31.0", ['PySocks!=1.5.7,>=1.5.6; extra == "socks"', "idna<4"]),
    PySocks="1.7.1",
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("pandas", ()),
        ("Pandas >= 2.2, < 3", ()),
        ("typing.extensions~=4.8", ()),
        ("torch==2.3.1", ()),
        ("early>=1.0rc1", ()),
        ("requests[socks]>=2", ()),
        ('nowhere; sys_platform == "win32"', ()),
        ('pandas<2; python_version < "3.9"', ()),
        ("pandas==2.2.2", ("pandas==2.2.2 (2.2.3 is installed)",)),
        ("nowhere>=1", ("nowhere>=1 (not installed)",)),
        ("rich[jupyter]", ("ipywidgets>=7 (not installed)",)),
        ("git+https://host/x.git", ("git+https://host/x.git, which cannot be compared",)),
        ("x @ https://host/x.whl", ("x @ https://host/x.whl, which cannot be compared",)),
        ("./here", ("./here, which cannot be compared",)),
        ("x-1.0-py3-none-any.whl", ("x-1.0-py3-none-any.whl, which cannot be compared",)),
    ],
)
def test_pip(wanted, found):
    assert missing(pip(wanted), ENVIRONMENT) == found


def test_nonsense_is_missing_with_a_reason():
    (text,) = missing(pip("pandas=>2"), ENVIRONMENT)
    assert text.startswith("pandas=>2, which is no requirement (")


def test_another_python_is_missing():
    assert missing(pip("pandas"), ENVIRONMENT, python=(3, 12)) == ("Python 3.12 (3.11 runs)",)
    assert missing(pip("pandas"), ENVIRONMENT, python=()) == ()


def test_requirements_with_all_that_they_allow():
    layer, contents = files(
        "requirements",
        requirements_txt="""\
        # what we need
        --index-url https://user:secret@host/simple
        pandas>=2 \\
            --hash=sha256:00 \\
            --hash=sha256:01   # twice
        -r more/dev.txt
        -c limits.txt
        """,
        more__dev_txt="requests ; python_version >= '3.8'\n-r ../base.txt\n",
        base_txt="rich # colours\n",
        limits_txt="pygments>=3\nrequests<2.31\n",
    )
    assert missing(layer, ENVIRONMENT, contents) == (
        "requests<2.31 (2.31.0 is installed)",
        "pygments>=3 (2.15 is installed)",
    )


def test_requirements_that_include_themselves_or_nothing():
    layer, contents = files("requirements", a_txt="-r b.txt", b_txt="-ra.txt")
    with pytest.raises(ImageBuildError, match=r'"a.txt" includes itself \(a.txt > b.txt > a.txt\)'):
        missing(layer, ENVIRONMENT, contents)
    layer, contents = files("requirements", a_txt="--requirement=elsewhere.txt")
    with pytest.raises(ImageBuildError, match=r'"a\.txt" includes "elsewhere\.txt", which is not beside it'):
        missing(layer, ENVIRONMENT, contents)


def test_script():
    script = '#!/usr/bin/env python\n# /// script\n# requires-python = ">=3.12"\n# dependencies = ["pandas>3"]\n# ///\n'
    layer, contents = files("uv-script", job_py=script)
    assert missing(layer, ENVIRONMENT, contents) == ("Python >=3.12 (3.11.7 runs)", "pandas>3 (2.2.3 is installed)")


def test_poetry():
    layer, contents = files(
        "poetry-project",
        pyproject_toml="""
[tool.poetry.dependencies]
python = "^3.10"
requests = {version = "^2", extras = ["socks"]}
""",
        poetry_lock="""
[[package]]
name = "requests"
version = "2.31.0"
[package.dependencies]
idna = ">=2"
PySocks = {version = ">=1.5.6", optional = true}
[package.extras]
socks = ["PySocks (>=1.5.6)"]
[[package]]
name = "idna"
version = "3.4"
[[package]]
name = "pysocks"
version = "1.7.1"
[[package]]
name = "pytest"
version = "8.0"
""",
    )
    assert missing(layer, ENVIRONMENT, contents) == ("idna==3.4 (not installed)",)


def test_projects_that_are_installed_are_never_here():
    layer, contents = files("uv-project", pyproject_toml="[project]\nname = 'x'\ndependencies = ['pandas']\n")
    layer = LayerSpec(kind=layer.kind, files=layer.files, options=(("install_mode", "install_project"),))
    assert missing(layer, ENVIRONMENT, contents) == ("the project itself, which cannot be compared",)


VERSIONS = st.builds(
    lambda parts, tail: ".".join(map(str, parts)) + tail,
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
    st.sampled_from(["", "rc1", ".dev3", ".post1", "a2"]),
)
CLAUSES = st.builds(
    lambda sign, version: f"{sign}{version}", st.sampled_from([">=", "<=", "==", "!=", ">", "<"]), VERSIONS
)


@given(VERSIONS, st.lists(CLAUSES, max_size=3))
def test_versions_are_compared_as_packaging_does(installed, clauses):
    specifier = ",".join(clauses)
    fits = SpecifierSet(specifier).contains(Version(installed), prereleases=True)
    assert (missing(pip(f"thing{specifier}"), caller(thing=installed)) == ()) is fits


NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,10}[A-Za-z0-9])?", fullmatch=True)


@given(NAMES, st.sampled_from(["-", "_", ".", "--"]))
def test_names_are_one_in_every_spelling(name, dash):
    from packaging.utils import canonicalize_name

    assert canonical(name) == canonicalize_name(name)
    other = name.replace("-", dash).swapcase()
    if canonicalize_name(other) == canonicalize_name(name):
        environment = made(
            "python", {"version": [3, 11, 7], "path": [], "distributions": {name: ("1", [])}, "markers": MARKERS}
        )
        assert missing(pip(other), environment) == ()


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    layer, contents = files("requirements", a_txt=text)
    with suppress(ImageBuildError):
        missing(layer, ENVIRONMENT, contents)
    for line in lines_of(text):
        included(line)


def test_arguments_of_pip_itself():
    assert asked(pip("a", "-e", "--pre"), lambda _: b"").unclear == ["-e", "--pre"]


def test_a_real_interpreter_agrees_with_pip():
    here = look_at(sys.executable)
    done = subprocess.run(
        [sys.executable, "-c", "from importlib.metadata import version; print(version('packaging'))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert here.distributions["packaging"][0] == done.stdout.strip()
    assert here.version == sys.version_info[:3]
    assert f"packaging=={done.stdout.strip()}" in here.lock
    assert look_at(sys.executable) is here


def test_an_interpreter_that_cannot_tell(tmp_path):
    with pytest.raises(ImageBuildError, match="does not tell its distributions"):
        look_at(str(tmp_path / "python"))
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'no encodings' >&2; exit 1\n")
    broken.chmod(0o755)
    with pytest.raises(ImageBuildError, match="no encodings"):
        look_at(str(broken))
