"""A notebook as a task: parameters in, recorded outputs out, the executed notebook as its report."""

from __future__ import annotations

import nbformat
import pytest

import flytenb as flyte
from flytenb.extras.papermill import NotebookTask, record_outputs
from flytenb.io import File

pytestmark = [pytest.mark.notebook, pytest.mark.engine]
env = flyte.TaskEnvironment(name="books")


def book(path, *cells):
    made = [nbformat.v4.new_code_cell(text, metadata={"tags": tags}) for text, tags in cells]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=kernel), path)
    return str(path)


RECORD = "from flytenb.extras.papermill import record_outputs\n"


def test_outputs_and_report(home, tmp_path):
    (tmp_path / "in.txt").write_text("four")
    path = book(
        tmp_path / "nb.ipynb",
        ("lr = 0.5\nfile = ''", ["parameters"]),
        ("text = open(file).read()\nprint('reading', text)", []),
        (f"{RECORD}record_outputs(loss=lr * 2, words=[text])", ["outputs"]),
    )
    task = NotebookTask(
        name="nb", notebook_path=path, task_environment=env, inputs={"lr": float, "file": File},
        outputs={"loss": float, "words": list[str]},
    )  # fmt: skip
    run = flyte.run(task, lr=0.25, file=File.from_local_sync(str(tmp_path / "in.txt")))
    assert run.value() == (0.5, ["four"])
    assert "reading four" in run.report().html
    assert (tmp_path / "nb-out.ipynb").exists()


def test_failures(home, tmp_path):
    path = book(tmp_path / "bad.ipynb", ("n = 1", ["parameters"]), ("print('so far'); 1 / (n - 1)", []))
    task = NotebookTask(name="bad", notebook_path=path, task_environment=env, inputs={"n": int}, outputs={"x": int})
    run = flyte.run(task, n=1)
    with pytest.raises(flyte.errors.RuntimeUserError, match=r"cell 3 of .*bad\.ipynb: ZeroDivisionError"):
        run.value()
    assert "so far" in run.report().html
    with pytest.raises(Exception, match=r'did not record the output "x" \(it recorded nothing\); end the cell tagged'):
        flyte.run(task, n=2).value()
    with pytest.raises(ValueError, match="cannot be read"):
        NotebookTask(name="none", notebook_path=tmp_path / "none.ipynb", task_environment=env)
    with pytest.raises(TypeError, match='"x" is a object: a notebook takes and gives'):
        record_outputs(x=object())


def test_what_its_cells_start_is_below_its_action(home, tmp_path):
    start = "import flytenb as flyte\nenv = flyte.TaskEnvironment(name='inner')\n"
    start += "@env.task\nasync def double(n: int) -> int:\n    return 2 * n"
    path = book(
        tmp_path / "nb.ipynb",
        ("n = 1", ["parameters"]),
        (start, []),
        ("value = flyte.run(double, n=n).value()", []),
        (f"{RECORD}record_outputs(x=value)", ["outputs"]),
    )
    task = NotebookTask(name="nb", notebook_path=path, task_environment=env, inputs={"n": int}, outputs={"x": int})
    run = flyte.with_runcontext(name="whole").run(task, n=4)
    assert run.value() == 8
    assert [(one.name, one.parent_name, one.row.short_name) for one in run.actions] == [
        ("a0", None, "nb"),
        ("whole.a0.4.1:a0", "a0", "double"),
    ]
