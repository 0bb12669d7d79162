"""Functions in a script of the flyte package that stand in for what flyte, or its local mode, does not have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from string import Template

from flytenb.export.units import free_name


@dataclass(frozen=True, slots=True)
class Helper:
    """One of them."""

    #: With `$name` for every name of `names`, and `$package`.
    text: str
    #: Names that it binds.
    names: tuple[str, ...]
    imports: tuple[str, ...] = ()
    #: Definitions need it when they are executed: it stands above them.
    is_above: bool = False


HELPERS: dict[str, Helper] = {
    "array": Helper('''\
def $packed(array: object) -> bytes:
    """An array in a data class: flyte carries its bytes."""
    file = io.BytesIO()
    numpy.save(file, array, allow_pickle=False)
    return file.getvalue()


def $unpacked(data: bytes) -> object:
    """The array that `packed` made bytes of."""
    return numpy.load(io.BytesIO(data), allow_pickle=False)


$ARRAY = {"serialize": $packed, "deserialize": $unpacked}''',
        ("packed", "unpacked", "ARRAY"), ("import io", "import numpy", "from dataclasses import field"), True,
    ),
    "attempt_number": Helper('''\
$ATTEMPTS: Counter = Counter()


def $attempt_number() -> int:
    """Which attempt of the action this is, from 0: flyte's local mode does not count them."""
    context = $package.ctx()
    if "attempt" not in context.data:
        action = f"{context.action.run_name}/{context.action.name}"
        context.data["attempt"] = $ATTEMPTS[action]
        $ATTEMPTS[action] += 1
    return max(context.attempt_number, context.data["attempt"])''',
        ("attempt_number", "ATTEMPTS"), ("from collections import Counter",),
    ),
    "html": Helper('''\
def $html(value: object) -> str:
    """A figure or a frame as HTML: flyte takes text only."""
    if hasattr(value, "savefig"):
        picture = io.BytesIO()
        value.savefig(picture, format="png")
        return f'<img src="data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}">'
    for name in ("to_html", "_repr_html_"):
        if hasattr(value, name):
            return getattr(value, name)()
    return str(value)''',
        ("html",), ("import base64", "import io"),
    ),
    "progress": Helper('''\
def $progress(items: Iterable, *_: object, **__: object) -> Iterable:
    """Flyte shows no progress."""
    return items''',
        ("progress",), ("from collections.abc import Iterable",),
    ),
    "result": Helper('''\
def $result(run: object) -> object:
    """The outputs of a run: one value as it is, several as a tuple."""
    run.wait()
    outputs = run.outputs()
    return outputs[0] if len(outputs) == 1 else tuple(outputs)''',
        ("result",),
    ),
}  # fmt: skip


class Helpers:
    """Those that a script calls, under names that its notebook does not use."""

    def __init__(self, package: str, taken: set[str]) -> None:
        names = [name for helper in HELPERS.values() for name in helper.names]
        self._said = {name: free_name(name, taken) for name in names} | {"package": package}
        self._used: set[str] = set()

    def use(self, helper: str, name: str = "") -> str:
        """What it, or another name that it binds, is called here."""
        self._used.add(helper)
        return self._said[name or helper]

    def texts(self, *, is_above: bool) -> tuple[str, ...]:
        """Their definitions."""
        return tuple(Template(one.text).substitute(self._said) for one in self._chosen() if one.is_above == is_above)

    @property
    def imports(self) -> tuple[str, ...]:
        """What they import."""
        return tuple(dict.fromkeys(line for one in self._chosen() for line in one.imports))

    def _chosen(self) -> Iterable[Helper]:
        return (helper for name, helper in HELPERS.items() if name in self._used)
