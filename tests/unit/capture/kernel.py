"""A tiny kernel: cells are compiled under names of their own and fed to the registry, as IPython would."""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
import sys
from itertools import count
from types import ModuleType

from flytenb.capture.key import code_key
from flytenb.capture.load import LoadedProgram, load_program
from flytenb.capture.program import build_program
from flytenb.capture.registry import registry

_serial = count()


class Task:
    """Stands for the sdk's task."""

    __flytenb_task__ = True

    def __init__(self, func, name, config=None):
        self.func, self.name, self.short_name, self.config = func, name, func.__name__, config

    def __call__(self, *args, **kwargs):
        return self.func(*args, **kwargs)

    def override(self, **config):
        return Task(self.func, self.name, config)


class Env:
    """Stands for the sdk's environment."""

    __flytenb_environment__ = True

    def __init__(self, name):
        self.name = name

    def task(self, func=None, **config):
        if func is None:
            return lambda f: self.task(f, **config)
        return Task(func, f"{self.name}.{func.__name__}", config)


class Kernel:
    """One notebook kernel with a `__main__` of its own."""

    def __init__(self):
        registry.forget()
        self.module = ModuleType("__main__")
        self.ns = vars(self.module)
        self.ns["__builtins__"] = __builtins__
        self.ns["env"] = Env("nb")
        self.number = 0
        self._former = sys.modules["__main__"]

    def __enter__(self):
        sys.modules["__main__"] = self.module
        return self

    def __exit__(self, *exc):
        sys.modules["__main__"] = self._former
        registry.forget()

    def run(self, text, *, is_ok=True):
        self.number += 1
        filename = f"/tmp/kernel/{next(_serial)}.py"
        registry.pre_cell(self.ns)
        registry.record_compile(filename, text, self.number, f"id{self.number}")
        linecache.cache[filename] = (len(text), None, [l + "\n" for l in text.split("\n")], filename)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        try:
            code = compile(text, filename, "exec", flags, dont_inherit=True)
            made = eval(code, self.ns)
            if inspect.iscoroutine(made):
                asyncio.run(made)
        except Exception:
            if is_ok:
                raise
        finally:
            registry.post_cell(self.ns)

    def key(self, name="t"):
        return code_key(self.ns[name])

    def program(self, name="t", **options):
        return build_program(self.ns[name], **options)


def make_task(name, func, entry):
    return Task(func, name, entry["config"])


class Objects(dict):
    """An object store in memory."""

    def __init__(self, blobs=()):
        from hashlib import sha256

        super().__init__({sha256(b).hexdigest(): b for b in blobs})

    def get(self, digest):
        return self[digest]


def load(program, **options) -> LoadedProgram:
    return load_program(program.body, Objects(program.blobs), make_task, **options)


def call(target, *args):
    result = target(*args)
    return asyncio.run(result) if inspect.iscoroutine(result) else result
