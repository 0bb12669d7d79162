"""From a script's template to the script: `{inputs.x}`, `{flags.x}` and `{outputs.x}` become words of the shell.

Text that comes from a caller is assigned to a variable first, in quotes, and the script reads the variable: whatever
it holds stays one word and is never run, even where a script puts quotes of its own around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from flytenb.sdk.container_inputs import text_of
from flytenb.sdk.shell_types import FlagSpec, Kind

UserValue = Any

_PLACE = re.compile(r"\{(inputs|flags|outputs)\.([A-Za-z_]\w*)\}")
_STRAY = re.compile(r"\{[A-Za-z_]\w*\.[A-Za-z_]\w*\}")


def check_script(script: str, inputs: Mapping[str, Any], outputs: Mapping[str, bool], subject: str) -> None:
    """Refuses a script that names what is not there.

    Args:
        script: the template.
        inputs: names that there are.
        outputs: name → whether the script writes it itself (not a stream).
        subject: the task, for the sentence.

    Raises:
        ValueError: names the place and what there is.
    """
    for space, name in _PLACE.findall(script):
        known = outputs if space == "outputs" else inputs
        if name not in known:
            raise ValueError(
                f"{subject}: its script names {{{space}.{name}}}, and there is no such "
                f"{'output' if space == 'outputs' else 'input'} ({', '.join(known) or 'there is none'})"
            )
        if space == "outputs" and not outputs[name]:
            raise ValueError(
                f"{subject}: its script names {{outputs.{name}}}, which is taken from a stream; print to that stream"
            )
    stray = _STRAY.search(_PLACE.sub("", script))
    if stray:
        raise ValueError(
            f"{subject}: its script has {stray.group()}, which means nothing; write {{inputs.NAME}}, {{flags.NAME}} or "
            "{outputs.NAME}"
        )


@dataclass
class Rendering:
    """One script for one set of values.

    Args:
        values: of the inputs.
        kinds: of the inputs.
        flags: how each is shown as an option.
        paths: where the files of an input are in the container.
        output_folder: where outputs go.
    """

    values: Mapping[str, UserValue]
    kinds: Mapping[str, Kind]
    flags: Mapping[str, FlagSpec]
    paths: Callable[[str], list[str]]
    output_folder: str
    _variables: dict[str, str] = field(default_factory=dict)

    def script(self, template: str) -> str:
        """The script."""
        body = _PLACE.sub(self._word, template)
        return "".join(f"{name}={quote(text)}\n" for name, text in self._variables.items()) + body

    def _word(self, found: re.Match[str]) -> str:
        space, name = found.groups()
        if space == "outputs":
            return quote(f"{self.output_folder}/{name}")
        return self._input(name) if space == "inputs" else self._flag(name)

    def _input(self, name: str) -> str:
        value, kind = self.values[name], self.kinds[name]
        if kind in ("scalar", "bool"):
            return self._variable(name, text_of(value))
        if value is None:
            return ""
        if kind == "dict":
            return " ".join(quote(word) for pair in value.items() for word in pair)
        return " ".join(map(quote, self.paths(name)))

    def _flag(self, name: str) -> str:
        value, kind, spec = self.values[name], self.kinds[name], self.flags[name]
        flag = quote(spec.flag) if spec.flag else ""
        if kind == "bool":
            return flag if value else ""
        if value is None or (kind == "scalar" and value == ""):
            return ""
        if kind == "dict":
            if spec.dict_mode == "pairs":
                return self._input(name)
            return " ".join(quote(f"{spec.flag}{key}={one}") for key, one in value.items())
        if kind == "files":
            return self._many(flag, list(map(quote, self.paths(name))), spec)
        return flag + (" " if spec.separator == " " else quote(spec.separator)) + self._input(name)

    @staticmethod
    def _many(flag: str, paths: list[str], spec: FlagSpec) -> str:
        if not paths:
            return ""
        if spec.list_mode == "repeat":
            return " ".join(f"{flag} {path}" for path in paths)
        return f"{flag} {(',' if spec.list_mode == 'comma' else ' ').join(paths)}"

    def _variable(self, name: str, text: str) -> str:
        self._variables[f"_VAL_{name}"] = text
        return f'"${{_VAL_{name}}}"'
