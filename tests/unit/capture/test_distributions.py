"""Which distributions a text imports, and what comes with them."""

from __future__ import annotations

import sys

from flytenb.capture.distributions import distributions, imported, needs_of, texts_of, used_by

TEXT = """
import numpy as np
import pandas as pd
from sklearn import metrics

def child(x): return metrics.accuracy_score([x], [x])
def helper(x): return pd.DataFrame({"x": [x]})
LIMIT = np.float64(1)
def root(x):
    import yaml
    return child(x) + len(helper(x))
"""


def test_all_imports_of_a_text():
    assert imported("import a.b\nfrom c import d\nfrom . import e\ndef f():\n  import g") == {"a.b", "c", "c.d", "g"}
    assert imported("no python at all") == set()


def test_a_task_uses_what_it_reaches_and_not_what_other_tasks_do():
    assert used_by(TEXT, "root", ["child", "root"]) == {"yaml", "pandas"}
    assert used_by(TEXT, "root", []) == {"yaml", "pandas", "sklearn"}
    assert used_by(TEXT, "child", ["child", "root"]) == {"sklearn"}


def test_modules_belong_to_distributions_by_their_own_names():
    import msgspec

    found, local = distributions(["msgspec.msgpack", "os.path", "flytenb", "no_such_module"])
    assert found == {"msgspec": msgspec.__version__}
    assert local == []


def test_what_comes_with_a_distribution():
    has, unknown = needs_of(["hypothesis>=6", "no-such-thing==1"])
    assert {"hypothesis", "sortedcontainers"} <= has
    assert "django" not in has, "extras come only when they are asked for"
    assert unknown == {"no-such-thing"}


def test_texts_of_a_script_and_its_local_modules(tmp_path, monkeypatch):
    (tmp_path / "near_by.py").write_text("VALUE = 1\n")
    script = tmp_path / "script.py"
    script.write_text("import near_by, json\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "near_by", raising=False)
    __import__("near_by")
    assert texts_of({"__file__": str(script)}) == ["import near_by, json\n", "VALUE = 1\n"]
    monkeypatch.delitem(sys.modules, "near_by")
