"""A program beside a worker: a cell of Python, a shell's text or a command, in the place where its action runs.

Run as a program by the worker's own Python: `beside.py SPEC`, a JSON file that it removes: `kind` ("python", "shell" or
"command"), `text` or `argv`, `name` of the cell, and for processes `cwd` and `env`. Standard library only. Its exit
status is the program's; an exception of a cell is told as a notebook tells it, without this file's own frames.
"""

from __future__ import annotations

import ast
import contextlib
import json
import linecache
import os
import sys
import traceback
from typing import Any

PLACE = "/run/flytenb/worker/place.json"
#: Of a shell: there is no such program.
_NOT_FOUND = 127


def main(path: str) -> int:
    """Run what the file says."""
    with open(path, encoding="utf-8") as file:
        spec: dict[str, Any] = json.load(file)
    os.unlink(path)
    _go_there(spec)
    os.environ.setdefault("PYTHONUNBUFFERED", "1")  # whoever looks wants to see it now
    if spec["kind"] == "python":
        return _run_cell(spec["text"], spec["name"])
    command = ["/bin/sh", "-c", spec["text"]] if spec["kind"] == "shell" else list(spec["argv"])
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return _NOT_FOUND


def _go_there(spec: dict[str, Any]) -> None:
    """The folder and the variables of the action, as they are now or were at its beginning."""
    place: dict[str, Any] = {"cwd": spec.get("cwd", ""), "env": spec.get("env", {})}
    if not spec.get("is_process"):
        with contextlib.suppress(OSError, ValueError), open(PLACE, encoding="utf-8") as file:
            place = json.load(file)
    os.environ.update(place["env"])
    for folder in (_folder_of(spec.get("pid", 0)), place["cwd"], "/tmp"):
        with contextlib.suppress(OSError):
            os.chdir(folder)
            break


def _folder_of(pid: int) -> str:
    """Where a process is now; "" when it is gone."""
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/cwd") if pid else ""
    return ""


def _run_cell(text: str, name: str) -> int:
    sys.argv = [name]
    sys.path[0] = ""
    _offer_own()
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    try:
        tree = ast.parse(text, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), names)
            if value is not None:
                print(repr(value))
    except SystemExit as ended:
        return _status(ended.code)
    except BaseException as error:
        sys.stdout.flush()
        own = error.__traceback__
        while own is not None and own.tb_frame.f_code.co_filename != name:
            own = own.tb_next
        traceback.print_exception(type(error), error, own)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _offer_own() -> None:
    """An image may have no flytenb: what the worker runs with comes last on the path."""
    own = os.path.abspath(os.path.join(__file__, *[os.pardir] * 4))
    sys.path += [own, os.path.join(os.path.dirname(own), "lib")]
    if os.path.basename(own) == "own":
        from importlib.util import find_spec

        if find_spec("msgspec") is None:
            from flytenb.worker.container import msgspec_shim

            msgspec_shim.install()


def _status(code: Any) -> int:
    if code is None or isinstance(code, int):
        return (code or 0) & 255
    sys.stderr.write(f"{code}\n")
    return 1


if __name__ == "__main__":
    status = main(sys.argv[1])
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    sys.exit(status)
