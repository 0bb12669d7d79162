"""`flyte.extras.shell`: scripts for the programs of an image, as tasks.

```python
from flyte.extras.shell import Glob, create
from flyte.io import File

intersect = create(
    "bedtools_intersect",
    image="quay.io/biocontainers/bedtools:2.31.1--hf5e1c6e_0",
    inputs={"a": File, "b": list[File], "wa": bool, "f": float},
    outputs={"bed": Glob("*.bed")},
    script="bedtools intersect {flags.wa} -a {inputs.a} -b {inputs.b} {flags.f} > {outputs.bed}/out.bed",
)
```
"""

from flytenb.sdk.shell_task import ShellTask, create
from flytenb.sdk.shell_types import DictMode, FlagSpec, Glob, ListMode, OutputSpec, Stderr, Stdout

#: As Flyte spells it.
listMode = ListMode

__all__ = [
    "DictMode",
    "FlagSpec",
    "Glob",
    "OutputSpec",
    "ShellTask",
    "Stderr",
    "Stdout",
    "create",
    "listMode",
]
