from __future__ import annotations

from pathlib import Path

import pytest

from flytenb import errors
from flytenb.client import config
from flytenb.client.context import with_runcontext
from flytenb.client.names import new_run_name
from flytenb.client.options import RunOptions
from flytenb.client.values import ActionInputs, ActionOutputs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "cloud"}, 'mode "cloud"'),
        ({"copy_style": "custom"}, "copy_style"),
        ({"copy_style": "none"}, "version"),
        ({"max_action_concurrency": 1}, "max_action_concurrency"),
        ({"name": "a b"}, "run name"),
        ({"name": ""}, "run name"),
        ({"mode": "hybrid"}, "run_base_dir"),
    ],
)
def test_impossible_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_runcontext(**options)


def test_unknown_option_names_the_nearest() -> None:
    with pytest.raises(TypeError, match='did you mean "overwrite_cache"'):
        with_runcontext(overwrite_cach=True)


def test_env_vars_are_text() -> None:
    with pytest.raises(TypeError, match="env_vars"):
        RunOptions(env_vars={"A": 1})  # type: ignore[dict-item]


def test_only_what_was_said_goes_over_the_wire() -> None:
    assert RunOptions().wire() == {}
    said = RunOptions(env_vars={"A": "1"}, overwrite_cache=True, mode="local").wire()
    assert said == {"env_vars": {"A": "1"}, "overwrite_cache": True, "mode": "local"}


def test_run_names_are_short_and_readable() -> None:
    names = {new_run_name() for _ in range(500)}
    assert len(names) == 500
    assert all(len(name) == 6 and name[0].isalpha() and name.isalnum() and name.islower() for name in names)


def test_outputs_are_a_tuple_with_names() -> None:
    outputs = ActionOutputs((3, "x"), ("model", "note"))
    assert outputs == (3, "x")
    assert (outputs.model, outputs.named_outputs, repr(outputs)) == (
        3,
        {"model": 3, "note": "x"},
        "ActionOutputs(model=3, note='x')",
    )
    with pytest.raises(AttributeError, match="there is model, note"):
        _ = outputs.o0


def test_inputs_are_a_mapping() -> None:
    inputs = ActionInputs({"x": 1})
    assert (dict(inputs), inputs.x, repr(inputs)) == ({"x": 1}, 1, "ActionInputs(x=1)")


def test_init_from_config_without_a_file_is_quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    config.init_from_config()
    assert config.current_project() == "flytenb"


def test_init_from_config_reads_the_task_section(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("admin:\n  endpoint: dns:///x\ntask:\n  project: p1\n  domain: 'd1'\n")
    config.init_from_config(file)
    assert (config.current_project(), config.current_domain()) == ("p1", "d1")
    config.init()


def test_init_from_a_missing_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.InitializationError, match="does not exist"):
        config.init_from_config(tmp_path / "none.yaml")


def test_init_takes_every_option_of_flyte_and_no_other() -> None:
    config.init(endpoint="dns:///x", api_key="k", log_level="INFO", storage=None, local_persistence=True)
    with pytest.raises(TypeError, match='did you mean "endpoint"'):
        config.init(endpont="x")
    config.init()
