import pickle
import subprocess
import sys

import pytest

from flytenb.sdk.image import Image, image_of
from flytenb.sdk.image_spec import image_spec
from flytenb.sdk.layers import Layer, python_wheels


def test_it_is_made_by_its_constructors():
    with pytest.raises(TypeError, match=r"Image\.from_debian_base"):
        Image()
    with pytest.raises(TypeError):
        Image.from_base(None)
    with pytest.raises(ValueError, match=r"\(3, 12\)"):
        Image.from_debian_base(python_version="3.12")


def test_layers_make_new_images():
    base = Image.from_debian_base(python_version=(3, 12))
    more = base.with_pip_packages("pandas").with_apt_packages("git").with_env_vars({"A": "b"}).with_workdir("/w")
    assert base.layers == ()
    assert [layer.kind for layer in more.layers] == ["pip", "apt", "env", "workdir"]
    assert Image.from_debian_base().is_plain
    assert not Image.from_debian_base(python_version=(3, 99)).is_plain  # nobody's own Python
    assert not more.is_plain
    assert str(base.with_pip_packages("pandas", "polars")) == "python:3.12-slim-bookworm + pip pandas polars"


def test_the_tag_says_what_counts(tmp_path):
    base = Image.from_debian_base(python_version=(3, 12), name="a", registry="ghcr.io/x")
    one = base.with_pip_packages("pandas")
    assert one.uri == base.with_pip_packages("pandas").uri
    assert one.uri.startswith("ghcr.io/x/a:")
    assert len({i.uri for i in (one, base.with_pip_packages("pandas", pre=True), base.with_pip_packages("numpy"))}) == 3
    renamed = one.clone(name="b", registry="r")
    assert renamed.uri.rpartition(":")[2] == one.uri.rpartition(":")[2]
    file = tmp_path / "requirements.txt"
    file.write_text("pandas")
    before = base.with_requirements(file).uri
    file.write_text("polars")
    assert base.with_requirements(str(file)).uri != before


def test_the_tag_is_the_same_in_another_process():
    code = (
        "from flytenb.sdk.image import Image;"
        "print(Image.from_debian_base((3, 12)).with_pip_packages('pandas').with_commands(['ls']).uri)"
    )
    here = Image.from_debian_base((3, 12)).with_pip_packages("pandas").with_commands(["ls"]).uri
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert there == here


def test_bases_are_used_as_they_are():
    image = Image.from_base("python:3.12")
    assert image.uri == "python:3.12"
    with pytest.raises(ValueError, match="extendable=True"):
        image.with_pip_packages("x")
    with pytest.raises(ValueError, match="needs name="):
        image.clone(extendable=True)
    assert image.clone(name="n", extendable=True).with_pip_packages("x").uri.startswith("n:")
    assert Image.from_ref_name("gpu").uri == "gpu"


def test_files_that_count(tmp_path):
    base = Image.from_debian_base()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("1")
    folder = base.with_source_folder(tmp_path / "src")
    assert folder.layers[0].dst == "./src"
    before = folder.uri
    (tmp_path / "src" / "a.py").write_text("2")
    assert base.with_source_folder(tmp_path / "src").uri != before
    missing = base.with_source_file(tmp_path / "no.txt")
    for look in (lambda: missing.uri, missing.validate):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            look()
    with pytest.raises(ValueError, match="copied twice"):
        base.with_source_file([tmp_path / "a" / "x.txt", tmp_path / "b" / "x.txt"])
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM scratch")
    assert Image.from_dockerfile(dockerfile, "r", "n").uri.startswith("r/n:")


def test_projects(tmp_path):
    base = Image.from_debian_base()
    project = tmp_path / "pyproject.toml"
    project.write_text("[project]")
    (tmp_path / "uv.lock").write_text("1")
    assert len(base.with_uv_project(project).layers[0].files) == 2
    assert base.with_uv_project(project, project_install_mode="install_project").layers[0].files == (tmp_path,)
    with pytest.raises(FileNotFoundError):
        base.with_poetry_project(project).validate()
    with pytest.raises(ValueError, match="install_project"):
        base.with_pixi_project(project, project_install_mode="all")
    script = tmp_path / "s.py"
    script.write_text("# /// script")
    assert Image.from_uv_script(script, name="s", pre=True).uri.startswith("s:")
    assert Image.from_pixi_script(script, name="s").uri.startswith("s:")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda i: i.with_pip_packages(["a"]), TypeError),
        (lambda i: i.with_apt_packages(["a"]), TypeError),
        (lambda i: i.with_commands("ls"), TypeError),
        (lambda i: i.with_requirements("r.in"), ValueError),
        (lambda i: i.with_code_bundle("some"), ValueError),
        (lambda i: i.clone(addl_layer="x"), TypeError),
    ],
)
def test_what_is_refused(make, error):
    with pytest.raises(error):
        make(Image.from_debian_base())


def test_other_forms(tmp_path):
    image = Image.from_debian_base().with_pip_packages("a").clone(addl_layer=Layer(kind="run", values=("ls",)))
    assert [layer.kind for layer in image.layers] == ["pip", "run"]
    assert pickle.loads(pickle.dumps(image)) == image
    assert image.with_local_v2() is image
    assert python_wheels(wheel_dir=tmp_path, package_name="p").kind == "wheels"
    assert image_of("auto").is_plain
    assert image_of("x:1").uri == "x:1"
    assert image_of(None) is None
    with pytest.raises(TypeError):
        image_of(3)


def test_requirements_bring_the_files_that_they_include(tmp_path):
    class Store:
        def put_file(self, path):
            return path.read_text()

    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "dev.txt").write_text("-r ../base.txt  # ours\n--constraint=limits.txt\n-r gone.txt\npandas\n")
    (tmp_path / "deep" / "limits.txt").write_text("numpy<3")
    (tmp_path / "base.txt").write_text("-rdeep/dev.txt\nrich")
    image = Image.from_debian_base().with_requirements(tmp_path / "deep" / "dev.txt")
    spec = image_spec(image, Store())
    assert [one.path for one in spec.layers[0].files] == ["deep/dev.txt", "base.txt", "deep/limits.txt"]
    alone = Image.from_debian_base().with_requirements(tmp_path / "deep" / "limits.txt")
    assert [one.path for one in image_spec(alone, Store()).layers[0].files] == ["limits.txt"]
