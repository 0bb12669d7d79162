"""Imports that an environment does not have."""

from __future__ import annotations

import pickle
import sys
import typing

import pytest

from flytenb.capture.absent import bind_absent, stand_in


def missing(statement: str) -> ModuleNotFoundError:
    with pytest.raises(ModuleNotFoundError) as caught:
        exec(statement, {})
    return caught.value


@pytest.mark.parametrize(
    ("statement", "name", "means"),
    [
        ("import nothere_x", "nothere_x", "nothere_x"),
        ("import nothere_x.sub", "nothere_x", "nothere_x"),
        ("import nothere_x.sub as s", "s", "nothere_x.sub"),
        ("from nothere_x import thing", "thing", "nothere_x.thing"),
        ("from nothere_x.sub import thing as t", "t", "nothere_x.sub.thing"),
    ],
)
def test_names_of_a_missing_import_are_bound(statement, name, means):
    names: dict[str, typing.Any] = {}
    assert bind_absent(statement, names, missing(statement))
    assert repr(names[name]) == f"<{means}, which this environment does not have>"


def test_it_may_be_named_and_not_used():
    pd = stand_in("nothere_x")

    def child(frame: pd.DataFrame, more: list[pd.Series] | None = None) -> pd.DataFrame | int:
        return frame

    class Mine(pd.Base):
        pass

    assert typing.get_type_hints(child, localns={"pd": pd})["frame"].__name__ == "DataFrame"
    assert not isinstance(1, pd.DataFrame)
    for use in (lambda: pd.DataFrame({"a": [1]}), Mine):
        with pytest.raises(ModuleNotFoundError, match=r'with_pip_packages\("nothere_x"\)') as caught:
            use()
        assert caught.value.name == "nothere_x"


def test_a_module_that_fails_inside_is_no_missing_one(tmp_path, monkeypatch):
    (tmp_path / "breaks_inside.py").write_text("import nothere_y\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not bind_absent("import breaks_inside", {}, missing("import breaks_inside"))
    monkeypatch.delitem(sys.modules, "breaks_inside", raising=False)


def test_errors_travel():
    with pytest.raises(ModuleNotFoundError) as caught:
        stand_in("nothere_x.y")()
    assert "nothere_x.y is used" in str(pickle.loads(pickle.dumps(caught.value)))
