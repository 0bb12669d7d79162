"""The words after `flytenb run`: options of the run, then the task's inputs as options of their own."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flytenb.errors import FlytenbError, MissingInputError

USAGE = """\
Usage: flytenb run [OPTIONS] FILE TASK [--input VALUE …]

  Run a task of a script (.py) or a notebook (.ipynb) and print the run's id, address and phase.
  Each parameter of the task is an option: x_list is --x-list, lists and dicts are JSON, a bool is a flag.
  Options may also follow TASK; where a parameter has the same name, it wins there.

Options:
  --local                    run in this process (for debuggers); recorded like any run
  -f, --follow               print the output of its actions while it runs
  --detach                   do not wait: print id and address, and leave
  -o, --output FORMAT        text (default) or json
  --name NAME                name of the run (default: a short random one)
  -e, --env KEY=VALUE        environment variable of its actions; may be repeated
  --label KEY=VALUE          label of the run; may be repeated
  --overwrite-cache          run again what is cached, and keep the new results
  --disable-run-cache        neither read nor write the cache
  --cache-lookup-scope S     whose results count: global (default) or project-domain (those of this --project, --domain)
  --root-dir DIR             the project's directory (default: that of FILE)
  --copy-style STYLE         files that go along: loaded_modules (default) or all
  --queue, --service-account, --version, --raw-data-path, --max-action-concurrency, -p/--project, -d/--domain
                             as in Flyte; recorded with the run
  --help                     this text
"""


class UsageError(FlytenbError):
    """The command line cannot be understood. Exit status 2."""


#: option → its one name; value None = a switch.
_SWITCHES = {
    "--local": "local",
    "--follow": "follow",
    "-f": "follow",
    "--detach": "detach",
    "--overwrite-cache": "overwrite_cache",
    "--disable-run-cache": "disable_run_cache",
    "--debug": "debug",
    "--no-sync-local-sys-paths": "no_sync",
    "--help": "help",
}
_VALUED = {
    "--output": "output",
    "-o": "output",
    "--name": "name",
    "--env": "env",
    "-e": "env",
    "--label": "label",
    "--root-dir": "root_dir",
    "--copy-style": "copy_style",
    "--cache-lookup-scope": "cache_lookup_scope",
    "--queue": "queue",
    "--service-account": "service_account",
    "--version": "version",
    "--raw-data-path": "raw_data_path",
    "--max-action-concurrency": "max_action_concurrency",
    "--project": "project",
    "-p": "project",
    "--run-project": "project",
    "--domain": "domain",
    "-d": "domain",
    "--run-domain": "domain",
    "--image": "image",
}
_REPEATED = frozenset({"env", "label", "image"})


@dataclass
class Words:
    """A command line, taken apart as far as it can be without the task."""

    given: dict[str, Any] = field(default_factory=dict)
    file: str = ""
    task: str = ""
    #: What follows the task's name.
    rest: list[str] = field(default_factory=list)

    def pairs(self, option: str) -> dict[str, str]:
        """`KEY=VALUE` options."""
        found = {}
        for text in self.given.get(option, ()):
            key, sign, value = text.partition("=")
            if not sign or not key:
                raise UsageError(f"--{option} {text!r}: write --{option} KEY=VALUE")
            found[key] = value
        return found


def split(words: Sequence[str]) -> Words:
    """Options before the file and between file and task; everything after the task is left for `inputs_of`.

    Raises:
        UsageError: an unknown option, or a value is missing.
    """
    parsed = Words()
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word.startswith("-") and len(word) > 1:
            if not _take_option(word, queue, parsed):
                raise UsageError(
                    f"there is no option {word}{_near(word, [*_SWITCHES, *_VALUED])}; see `flytenb run --help`"
                )
        elif not parsed.file:
            parsed.file = word
        else:
            parsed.task = word
            parsed.rest = queue
            break
    return parsed


def inputs_of(parsed: Words, interface: Any, task_name: str) -> dict[str, Any]:
    """The task's inputs from the words after its name; options of the run found there are taken too.

    Raises:
        UsageError: an option that is neither a parameter nor one of the run's.
        InputTypeError: a text that is not a value of its parameter's type.
        MissingInputError: a required parameter was not given.
    """
    parameters = {parameter.name: parameter for parameter in interface.parameters}
    inputs: dict[str, Any] = {}
    queue = list(parsed.rest)
    while queue:
        word = queue.pop(0)
        option, sign, value = word.partition("=")
        name = option[2:].replace("-", "_") if option.startswith("--") else ""
        if name in parameters:
            if not sign:
                value = _value_of(option, parameters[name], queue)
            inputs[name] = interface.parse_cli(name, value)
        elif name.startswith("no_") and name[3:] in parameters and parameters[name[3:]].annotation is bool:
            inputs[name[3:]] = False
        elif not (word.startswith("-") and _take_option(word, queue, parsed)):
            shown = [f"--{known.replace('_', '-')}" for known in parameters]
            if not word.startswith("-"):
                raise UsageError(f"{word!r} belongs to no option; inputs are options: {' '.join(shown) or 'none'}")
            near = _near(option, [*shown, *_SWITCHES, *_VALUED])
            raise UsageError(f'task "{task_name}" has no parameter {option}{near}; it has {", ".join(shown) or "none"}')
    missing = [name for name, one in parameters.items() if not one.has_default and name not in inputs]
    if missing and "help" not in parsed.given:
        options = " ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise MissingInputError(
            f'task "{task_name}" needs {options}; see `flytenb run {parsed.file} {parsed.task} --help`'
        )
    return inputs


def _value_of(option: str, parameter: Any, queue: list[str]) -> str:
    if parameter.annotation is bool and (not queue or queue[0].lower() not in _BOOL_WORDS):
        return "true"
    if not queue:
        raise UsageError(f"{option} needs a value")
    return queue.pop(0)


_BOOL_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "0", "1"})


def _take_option(word: str, queue: list[str], parsed: Words) -> bool:
    """Take an option of the run; False when it is none."""
    option, sign, value = word.partition("=")
    if option in _SWITCHES and not sign:
        parsed.given[_SWITCHES[option]] = True
        return True
    name = _VALUED.get(option)
    if name is None:
        return False
    if not sign:
        if not queue:
            raise UsageError(f"{option} needs a value")
        value = queue.pop(0)
    if name in _REPEATED:
        parsed.given.setdefault(name, []).append(value)
    else:
        parsed.given[name] = value
    return True


def _near(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]}?" if near else ""
