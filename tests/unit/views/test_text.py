"""Golden texts, and the two limits of every text: 15 lines, 80 columns."""

import pytest
from msgspec.structs import replace
from view_samples import VALUE_ERROR, Builder, Value, failed, fan_out, running, success

from flytenb.model.outcome import Failure
from flytenb.views import text, tree, twin

OUTPUTS = {
    "a0": {
        "outputs": [
            Value("best", "Params", "Params(C=10.0, gamma=0.001, kernel='rbf')", 96),
            Value("scores", "DataFrame", "DataFrame 24 × 5", 3100),
            Value("model", "File", "File", 1_200_000),
        ]
    }
}


def shown(snapshot, previews=None, **options):
    return text.render(tree.view(snapshot, previews), **options)


def test_success_shows_state_table_and_outputs():
    assert shown(success(), OUTPUTS) == (
        "✔ search k7p2  Succeeded  28 actions, 41 s, 11 cached (saved 6 m 12 s)\n"
        "  load         Cached              saved 2 m 01 s\n"
        "  split        Succeeded    1.2 s\n"
        "  fit ×24      Succeeded   18.5 s  10 cached, slowest fit[5] 9.1 s\n"
        "  evaluate     Succeeded    6.4 s\n"
        "  outputs      best: Params(C=10.0, gamma=0.001, kernel='rbf')\n"
        "               scores: DataFrame 24 × 5; model: File 1.1 MiB"
    )


def test_failure_shows_the_error_before_the_table():
    assert shown(failed()) == (
        "✖ search k8b4  Failed  1 of 27 actions, 38 s, 25 results kept\n"
        "  fit[9], attempt 2, after 5.8 s\n"
        "  ValueError: C must be positive, got -0.1\n"
        "    Cell In[5], line 7, in fit\n"
        "      m = svc(p).fit(*xy(train))\n"
        "    Cell In[4], line 12, in svc\n"
        '      raise ValueError(f"C must be positive, got {p.C}")\n'
        "  load         Cached              saved 2 m 01 s\n"
        "  split        Succeeded    1.2 s\n"
        "  fit ×24      Failed      28.8 s  23 succeeded, 1 failed\n"
        "  next         fix the cell, then %flyte_recover k8b4\n"
        "  logs         %flyte_logs k8b4 a12"
    )


def test_a_container_that_stays_is_named():
    root = Failure(code="ValueError", message="no", kept="k7p2/a0")
    snapshot = Builder("fit", "failed", 3.0).snapshot()
    snapshot = replace(snapshot, actions=(replace(snapshot.actions[0], failure=root),))
    assert "  look inside  its container stays: %%flyte_exec k7p2/a0\n" in shown(snapshot)
    assert "its container stays: flytenb exec k7p2/a0 -- COMMAND" in shown(snapshot, surface="shell")
    assert "look inside: <code>%%flyte_exec k7p2/a0</code>" in twin.render(tree.view(snapshot))


def test_running_counts_what_is_going_on():
    assert shown(running()) == (
        "▶ search k7p2  Running  0:37, 16 of 27 done\n"
        "  load         Cached              saved 2 m 01 s\n"
        "  split        Succeeded    1.2 s\n"
        "  fit ×24      Running     34.0 s  14 succeeded, 4 running, 1 retrying, 5 queued\n"
        "  cancel       %flyte_cancel k7p2"
    )


def test_fan_out_groups_failures_by_cause():
    assert shown(fan_out()) == (
        "✖ score_all q5w8  Failed  14 of 5,001 actions, 39 s, 4,986 results kept\n"
        "  score_page ×5,000  4,778 succeeded, 208 cached, 14 failed\n"
        "                     median 92 ms, 95 % 240 ms, slowest [4100] 10.2 s\n"
        "  11 × ValueError: page has no text layer                    Cell In[9], line 4\n"
        "       score_page 610, 611, 612, 1904, 2207 to 2210, 3033, 3550, 3551\n"
        "   3 × TimeoutError: OCR took longer than 10 s              Cell In[8], line 15\n"
        "       score_page 4012, 4100, 4411\n"
        "  next         fix the cell, then %flyte_recover q5w8\n"
        "  logs         %flyte_logs q5w8 a611"
    )


def test_a_run_from_the_cache_is_one_line():
    b = Builder("search", "succeeded", 0.2, name="k9d1", cached_root=True)
    assert shown(b.snapshot()) == "↺ search k9d1  Cached  1 of 1 action, 0.2 s"


def test_ascii_keeps_every_word():
    plain = shown(failed(), ascii_only=True)
    assert plain.isascii()
    assert plain.startswith("! search k8b4  Failed")
    assert "fit x24" in plain


def test_a_shell_is_told_shell_commands():
    assert "flytenb get logs k8b4 a12" in shown(failed(), surface="shell")


@pytest.mark.parametrize("snapshot", [success(), failed(), running(), fan_out(200)])
def test_limits_hold(snapshot):
    lines = shown(snapshot, OUTPUTS).split("\n")
    assert len(lines) <= 15
    assert max(map(len, lines)) <= 80


def test_limits_hold_for_many_long_names_and_hostile_messages():
    b = Builder("x" * 200, "failed", 1.0)
    message = "evil \x1b[31m\u202e\nsecond line " + "y" * 5000
    for i in range(50):
        failure = Failure(code="E", message=f"{message}{i}", frames=VALUE_ERROR.frames * 50)
        b.add(f"task_{i}_" + "z" * 90, "failed", failure=failure)
    result = shown(b.snapshot())
    assert len(result.split("\n")) <= 15
    assert max(map(len, result.split("\n"))) <= 80
    assert not {"\x1b", "\u202e"} & set(result)


def test_children_of_folded_siblings_are_folded_together():
    b = Builder("top", "succeeded", 5.0)
    for _ in range(4):
        b.add("mid")
    for parent in ("a1", "a2", "a3", "a4"):
        for _ in range(4):
            b.add("leaf", parent=parent)
    view = tree.view(b.snapshot())
    assert [(n.label, [c.label for c in n.children]) for n in view.nodes] == [("mid ×4", ["leaf ×16"])]
    assert view.label("a5") == "leaf[0]"


def test_named_groups_are_rows_of_their_own():
    b = Builder("top", "succeeded", 5.0)
    b.add("fit", group="grid").add("fit", group="grid").add("score", group="grid").add("fit")
    view = tree.view(b.snapshot())
    assert [n.label for n in view.nodes] == ["grid", "fit"]
    assert [n.label for n in view.nodes[0].children] == ["fit ×2", "score"]


def test_calls_of_a_task_under_other_names_are_rows_of_their_own():
    """As the cells of a batch: what a cell started stands below that cell."""
    b = Builder("top", "succeeded", 5.0)
    b.add("cell 1").add("cell 2").add("cell 2").add("fit", parent="a2")
    b.actions[1:4] = [replace(each, task="batches.cell") for each in b.actions[1:4]]
    view = tree.view(b.snapshot())
    assert [(n.label, [c.label for c in n.children]) for n in view.nodes] == [("cell 1", []), ("cell 2 ×2", ["fit"])]


def test_endless_recursion_of_tasks_is_cut():
    b = Builder("top", "succeeded", 5.0)
    for i in range(3000):
        b.add("again", parent=f"a{i}")
    assert shown(b.snapshot()).startswith("✔ top k7p2  Succeeded  3,001 actions")
