"""Scripts with cell marks as jupytext, VS Code and Spyder write them."""

from __future__ import annotations

from flytenb.export import export_notebook, restore_script
from tests.unit.export.shapes import cells

JUPYTEXT = '''\
# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # Title
#
# and text

# %% tags=["parameters", "b"]
lr = 0.1

# %% a title of it [md]
"""
More text
"""

# %%
# %load_ext flytenb
# !ls
x = 1  # %% no mark
if x:
    # %%
    y = 2

# %%
# %%flyte_task --env e
def f() -> int:
    return x


# %%
# # %flyte task
def g() -> int:
    return 2


# %% language="bash"
# ls
# echo

# %%

# %% [raw]
# raw
'''


def told(text):
    return [(cell.kind, cell.text, cell.tags) for cell in restore_script(text)]


def test_cells_and_magics():
    assert told(JUPYTEXT) == [
        ("markdown", "# Title\n\nand text", ()),
        ("code", "lr = 0.1", ("parameters", "b")),
        ("markdown", "\nMore text".strip("\n"), ()),
        ("code", "%load_ext flytenb\n!ls\nx = 1  # %% no mark\nif x:\n    # %%\n    y = 2", ()),
        ("code", "%%flyte_task --env e\ndef f() -> int:\n    return x", ()),
        ("code", "# %flyte task\ndef g() -> int:\n    return 2", ()),
        ("code", "%%bash\nls\necho", ()),
        ("raw", "raw", ()),
    ]


def test_what_stands_above_the_first_mark_is_a_cell():
    assert told("import os\n\n#%%\nos.sep\n") == [("code", "import os", ()), ("code", "os.sep", ())]


def test_our_own_scripts_are_read_as_before():
    text = export_notebook(cells([("markdown", "# T"), "x = 1\nprint(x)"]), name="n.ipynb").text
    assert told(text) == [("markdown", "# T", ()), ("code", "x = 1\nprint(x)", ())]


def test_characters_that_no_script_can_hold_are_written_as_numbers():
    made = export_notebook(cells(["n = 'nul\x00'", "s = '\ud800'", "# %% cell 9\nx = 1"]), name="n.ipynb")
    assert "n = 'nul\\u0000'" in made.text
    assert "s = '\\ud800'" in made.text
    assert "#  %% cell 9" in made.text
    assert made.notes == (
        "cell 1: a character that no script can hold is written as its number",
        "cell 2: a character that no script can hold is written as its number",
    )
