"""Scripts for the flyte package: what is said with its words, and what is a comment there."""

from __future__ import annotations

from flytenb.export import export_notebook
from tests.unit.export.shapes import SHAPES, TASK, cells


def script(*shape):
    return export_notebook(cells(list(shape)), name="n.ipynb", target="flyte")


def test_arrays_in_data_classes_travel_as_bytes_and_helpers_get_out_of_the_way():
    made = script(*SHAPES["arrays in data classes"])
    assert "    x: np.ndarray = field(metadata=ARRAY)\n    y: int = 0\n" in made.text
    assert "    result = result_(flyte.run(d))\n" in made.text
    assert made.text.index("ARRAY = {") < made.text.index("class D:")
    names: dict = {}
    helpers = made.text[made.text.index("import io") : made.text.index("# %% cell 1")]
    exec(helpers.replace("import flyte\n", ""), names)
    import numpy as np

    array = np.arange(6.0).reshape(2, 3)
    assert (names["unpacked"](names["packed"](array)) == array).all()


def test_named_outputs_have_their_names():
    text = script(*SHAPES["named outputs"]).text
    assert "    out = Two(*run.outputs())\n    print(out.a, list(out._asdict()))\n" in text
    assert "show(Two(*run.outputs()).b)" in text


def test_what_is_recovered_runs_again():
    made = script(*SHAPES["recovered"])
    assert "    mended = flyte.run(f, x=1)\n" in made.text
    assert "print(result(mended))" in made.text
    assert made.notes == (
        "cell 3: flyte's local mode has no flyte.spin; what needs it is a comment",
        "cell 3: flyte recovers nothing; what first started runs again as a whole",
        "cell 4: flyte's local mode has no mended.why; what needs it is a comment",
    )
    assert "# flyte recovers nothing; what first started runs again as a whole\n" in made.text


def test_what_flyte_lacks_is_a_comment_with_all_that_needs_it():
    made = script(*SHAPES["sweeps and batches"], "found = 1\nprint(found)")
    assert "# not carried: found = flyte.sweep(f, {'x': [1, 2]})\n" in made.text
    assert "# not carried: print(found.best())" in made.text
    assert "# not carried: from flytenb.nb import other" in made.text
    assert "    found = 1\n    print(found)" in made.text
    assert "cell 5: flyte has no flytenb.nb; what needs it is a comment" in made.notes
    far = script(*SHAPES["asks the engine"])
    assert "def newest():\n    return flyte.remote.Run" in far.text
    assert "# not carried: newest()" in far.text
    assert "# not carried: for one in newest():" in far.text


def test_attempts_and_reports_in_a_coroutine():
    text = script(*SHAPES["attempts and reports"]).text
    assert "    await flyte.report.log.aio(html(figure))\n    await flyte.report.flush.aio()\n" in text
    assert "    for i in progress(range(3)):" in text
    assert "    if attempt_number() < 1:" in text
    sync = "import flytenb as flyte\nenv = flyte.TaskEnvironment(name='e')\n\n@env.task\ndef g() -> None:\n    "
    assert "    flyte.report.flush()" in script(sync + "flyte.report.flush()").text


def test_packages_of_an_image_are_said():
    made = script(*SHAPES["images"])
    assert made.notes == (
        "cell 1: flyte's local mode makes no images; have git and a==1 and b where the script runs",
        "cell 1: flyte has no setting network; it is left out",
    )
    assert "# flyte's local mode makes no images; have git and a==1 and b where the script runs\nimage = " in made.text
    assert "    image=image,  # mine\n" in made.text


def test_a_value_of_a_run_is_its_result():
    assert "print(result(run))" in script(TASK, "run = flyte.run(f, x=1)", "print(run.value())").text
    made = script(TASK, "print(flyte.run(f, x=1).value())", "flyte.run(f, x=1).phase")
    assert "print(result(flyte.run(f, x=1)))" in made.text
    assert made.notes == ("cell 3: flyte's local mode has no phase of a run; what needs it is a comment",)
