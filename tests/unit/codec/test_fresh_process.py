"""A process that has not used a library yet reads values which another one wrote with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WRITE = """
import sys, numpy as np, pandas as pd
from pathlib import Path
from flytenb.codec import Interface, ObjectStore
size = int(sys.argv[2])
def f(a): ...
f.__annotations__ = {"a": object, "return": type(None)}
values = {"array": np.arange(size), "frame": pd.DataFrame({"x": np.arange(size)}), "pickle": {1, complex(2)}}
payload = Interface.of(f, task_name="t").encode_inputs((values,), ObjectStore(Path(sys.argv[1])))
Path(sys.argv[1], "payload").write_bytes(payload)
"""
READ = """
import sys
from pathlib import Path
from flytenb.codec import Interface, ObjectStore
def f(a): ...
f.__annotations__ = {"a": object, "return": type(None)}
payload = Path(sys.argv[1], "payload").read_bytes()
(values,) = Interface.of(f, task_name="t").decode_inputs(payload, ObjectStore(Path(sys.argv[1])))
print(int(values["array"].sum()), int(values["frame"]["x"].sum()), sorted(values["pickle"], key=abs))
"""


@pytest.mark.parametrize("size", [10, 100_000])
def test_values_of_libraries_not_met_yet(tmp_path: Path, size: int) -> None:
    for code in (WRITE, READ):
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path), str(size)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    total = size * (size - 1) // 2
    assert done.stdout.strip() == f"{total} {total} [1, (2+0j)]"
