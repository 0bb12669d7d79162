"""The live graph of a task: objects choose what is reached, executed text tells how to rebuild it.

`Graph.root(func)` walks from a function through the names, closures, defaults, bases and values it uses. Every item gets
a part of the key, which describes the live object and never the form in which it is written down.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Container
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from flytenb.capture import syntax, values
from flytenb.capture.function import describe_function
from flytenb.capture.items import Item, Space, anonymous, digest
from flytenb.capture.klass import describe_class
from flytenb.capture.modules import kind_of_module, version_of
from flytenb.capture.registry import registry
from flytenb.capture.replay import replay
from flytenb.errors import CaptureError

_BUILTINS = vars(builtins)
_IPYTHON_NAMES = frozenset({"In", "Out", "exit", "quit", "get_ipython", "display"})


def is_task(obj: Any) -> bool:
    """Whether an object is a flytenb task."""
    return getattr(type(obj), "__flytenb_task__", False) is True or (
        getattr(type(obj), "__module__", "").partition(".")[0] not in ("builtins", "numpy", "pandas")
        and getattr(obj, "__dict__", {}).get("__flytenb_task__", False) is True
    )


def is_environment(obj: Any) -> bool:
    """Whether an object is a flytenb environment."""
    return getattr(type(obj), "__flytenb_environment__", False) is True


class Graph:
    """All that one root function reaches. One graph per slice; not thread safe."""

    def __init__(self, namespace: dict[str, Any] | None = None, *, ship: dict[str, Any] | None = None) -> None:
        """`ship`: globals whose definitions must travel as source although a file holds them."""
        self._spaces: dict[int, Space] = {}
        self._named: dict[tuple[int, str], Item | None] = {}
        self._objects: dict[int, Item] = {}
        self._labels: set[str] = set()
        self._keep: list[Any] = []
        self._mutables: dict[int, list[Item]] = {}
        self._namespace = namespace
        self._ship = ship
        self._root_globals: dict[str, Any] | None = None
        #: Modules of local files that are used.
        self.modules: dict[str, ModuleType] = {}
        #: (namespace, name, object): what an unchanged graph still finds.
        self.names_seen: list[tuple[dict[str, Any], str, Any]] = []
        self.items: list[Item] = []
        self._is_widened: set[int] = set()
        self._fed: list[tuple[Item, Any, str, str]] = []
        self._patch_count = len(registry.patches)
        self._patches: list[tuple[Any, str, Any]] = []
        self._states: list[tuple[Any, tuple[Any, ...]]] = []

    # -- entry ---------------------------------------------------------------------------------------------------

    def root(self, obj: Any) -> Item:
        """The item of the root task or function.

        Raises:
            CaptureError: something it reaches cannot travel.
        """
        func = obj.func if is_task(obj) else obj
        target = unwrapped(func)
        self._root_globals = target.__globals__
        space = self.space(target.__globals__)
        name = target.__name__
        bound = space.globals.get(name)
        if bound is obj or bound is func or (is_task(bound) and bound.func is func):
            item = self.name(space, name)
            if item is not None:
                self._patched(space)
                return item
        for other, value in list(space.globals.items()):
            if value is obj:
                item = self.name(space, other)
                if item is not None:
                    self._patched(space)
                    return item
        item = self._create(space, name if name.isidentifier() else "_task", obj, is_anonymous=True)
        self._patched(space)
        return item

    def space(self, globals_: dict[str, Any]) -> Space:
        """The space of a globals dictionary."""
        found = self._spaces.get(id(globals_))
        if found is None:
            name = globals_.get("__name__")
            name = name if isinstance(name, str) else ""
            module = sys.modules.get(name)
            importable = module is not None and vars(module) is globals_ and name != "__main__"
            kind = kind_of_module(module) if importable else "none"
            ships = kind == "none" or globals_ is self._ship
            if kind == "project" and module is not None:
                self.modules[name] = module
            is_root = globals_ is self._root_globals
            prefix = "" if is_root else f"{name}:"
            found = self._spaces[id(globals_)] = Space(globals_, prefix, name if importable else "", ships)
            self._keep.append(globals_)
        return found

    # -- names -----------------------------------------------------------------------------------------------------

    def name(self, space: Space, name: str) -> Item | None:
        """What a global name means now; None for a builtin."""
        key = (id(space.globals), name)
        if key in self._named:
            return self._named[key]
        if name not in space.globals:
            self.names_seen.append((space.globals, name, _MISSING))
            if name in _BUILTINS or name in _IPYTHON_NAMES or name.startswith("__"):
                self._named[key] = None
                return None
            item = self._new("undefined", space, name, None, name)
            item.part = "undefined"
            self._named[key] = item
            return item
        obj = space.globals[name]
        self.names_seen.append((space.globals, name, obj))
        if name in _IPYTHON_NAMES or (name.startswith("__") and name.endswith("__")):
            self._named[key] = None
            return None
        return self._bind(space, name, obj)

    def _bind(self, space: Space, name: str, obj: Any) -> Item | None:
        key = (id(space.globals), name)
        known = self._objects.get(id(obj))
        if known is None and isinstance(obj, (FunctionType, type)):
            real = obj.__name__
            if real != name and space.globals.get(real) is obj:
                known = self.name(space, real)
        if known is None and is_task(obj):
            real = getattr(obj.func, "__name__", name)
            bound = space.globals.get(real)
            if real != name and (bound is obj.func or (is_task(bound) and bound.func is obj.func)):
                self.name(space, real)
            known = self._objects.get(id(obj.func))
        if known is not None and known.space is space and known.kind != "module":
            item = self._new("alias", space, name, obj, f"{name} is")
            self._named[key] = item
            item.hard[known] = None
            item.part = "alias:" + known.label
            item.task = obj if is_task(obj) else None
            return item
        return self._create(space, name, obj)

    def _new(self, kind: str, space: Space, name: str, obj: Any, label: str) -> Item:
        full = space.prefix + label
        if full in self._labels:
            n = 2
            while f"{full}@{n}" in self._labels:
                n += 1
            full = f"{full}@{n}"
        self._labels.add(full)
        item = Item(kind, name, full, space, obj)
        self.items.append(item)
        self._keep.append(obj)
        return item

    def _create(self, space: Space, name: str, obj: Any, *, is_anonymous: bool = False, label: str = "") -> Item:
        natural = obj.func if is_task(obj) else obj
        if isinstance(natural, (FunctionType, type)):  # so that an alias, or a name that is gone, changes no key
            label = natural.__qualname__
        item = self._new("value", space, name, obj, label or name)
        item.is_anonymous = is_anonymous
        if not is_anonymous:
            self._named[(id(space.globals), name)] = item
        if isinstance(obj, ModuleType):
            self._module(item, obj)
        elif is_task(obj):
            item.task = obj
            self._objects[id(obj)] = item
            self._objects.setdefault(id(obj.func), item)
            self._callable(item, obj.func)
        elif is_environment(obj):
            item.kind, item.part = "environment", f"environment:{obj.name}"
        elif isinstance(obj, (FunctionType, BuiltinFunctionType, type)) or _is_wrapper(obj):
            self._objects[id(obj)] = item
            self._callable(item, obj)
        else:
            self._value(item, obj)
        return item

    def _module(self, item: Item, module: ModuleType) -> None:
        item.kind = "module"
        kind = kind_of_module(module)
        if kind == "project":
            self.modules[module.__name__] = module
            item.part = f"module:{module.__name__}"
        elif kind == "none":
            raise self.refusal(item, "is a module made by hand", "define what the task needs in a cell or a file")
        else:
            item.part = f"module:{module.__name__} {version_of(module.__name__)}"

    def _callable(self, item: Item, obj: Any) -> None:
        home = self._home(obj)
        if home is not None and (not home.ships or home is not item.space) and self._is_at(home, obj):
            item.kind = "from"
            item.part = f"from:{_public_module(home.module, obj)}:{obj.__qualname__}"
            if home.module and kind_of_module(sys.modules[home.module]) == "project":
                if home is item.space:
                    self._describe(item, obj)
                else:
                    top = obj.__qualname__.partition(".")[0]
                    target = self.name(home, top)
                    if target is not None:
                        item.soft[target] = None
            else:
                item.part += " " + version_of(home.module)
            return
        self._describe(item, obj)

    def _describe(self, item: Item, obj: Any) -> None:
        if isinstance(obj, type):
            describe_class(self, item, obj)
        else:
            describe_function(self, item, obj)

    def _home(self, obj: Any) -> Space | None:
        """The space in which an object was defined."""
        if isinstance(obj, FunctionType):
            return self.space(obj.__globals__)
        name = getattr(obj, "__module__", None)
        if not isinstance(name, str):
            return None
        module = sys.modules.get(name)
        if module is None:
            return None
        if name == "__main__" and self._root_globals is not None and self._root_globals.get("__name__") == "__main__":
            return self.space(self._root_globals)
        return self.space(vars(module))

    def _is_at(self, home: Space, obj: Any) -> bool:
        """Whether importing by module and qualified name gives this very object."""
        if not home.module:
            return False
        at: Any = sys.modules.get(home.module)
        for part in getattr(obj, "__qualname__", "?").split("."):
            at = getattr(at, part, None)
        return at is obj or (is_task(at) and at.func is obj)

    # -- references ------------------------------------------------------------------------------------------------

    def item_of(self, obj: Any, user: Item) -> Item | None:
        """The item of something that goes by reference (function, class, task, environment), None for data."""
        known = self._objects.get(id(obj))
        if known is not None:
            return known
        if is_task(obj):
            return self._by_name(obj, obj.func, user)
        if is_environment(obj):
            return self._create(user.space, getattr(obj, "name", "env"), obj, is_anonymous=True)
        if isinstance(obj, (FunctionType, type)):
            home = self._home(obj)
            if home is None or (not home.ships and kind_of_module(sys.modules.get(home.module)) != "project"):
                return None
            return self._by_name(obj, obj, user)
        return None

    def _by_name(self, obj: Any, named: Any, user: Item) -> Item | None:
        home = self._home(named)
        if home is None:
            return None
        qualname = getattr(named, "__qualname__", getattr(named, "__name__", ""))
        top, _, rest = qualname.partition(".")
        if home.globals.get(top) is obj:
            return self.name(home, top)
        if rest and "<locals>" not in qualname and self._follow(home, qualname) is named:
            owner = self.name(home, top)
            if owner is not None:
                item = self._new("attribute", home, qualname, obj, qualname)
                item.part = "attribute"
                item.hard[owner] = None
                self._objects[id(obj)] = item
                return item
        for name, value in list(home.globals.items()):
            if value is obj and not name.startswith("_"):
                return self.name(home, name)
        if isinstance(obj, type) and "<locals>" not in qualname:
            where = registry.where(top)
            raise CaptureError(
                f'"{user.name}" uses an older class {qualname}; run the cell that makes "{user.name}" again'
                + (f" (class {top} was redefined in {where})" if where else "")
            )
        return self._create(home, anonymous(user, named), obj, is_anonymous=True)

    def _follow(self, space: Space, qualname: str) -> Any:
        top, *rest = qualname.split(".")
        at = space.globals.get(top)
        for part in rest:
            at = getattr(at, part, None)
        return at

    def feed(self, item: Item, value: Any, *, what: str = "") -> str:
        """Fingerprint of a value that an item holds; what it refers to becomes a hard edge.

        Raises:
            CaptureError: it cannot travel.
        """
        if type(value) in _PLAIN:
            return f"{type(value).__name__}={value!r}"

        def refer(obj: Any) -> str | None:
            target = self.item_of(obj, item) if obj is not item.obj or obj is not value else None
            if target is not None:
                if target is not item:
                    item.hard[target] = None
                return target.label
            if isinstance(obj, ModuleType):
                if kind_of_module(obj) == "project":
                    self.whole_module(item, obj)
                return f"module:{obj.__name__}"
            if isinstance(obj, (FunctionType, BuiltinFunctionType, type)):
                module = getattr(obj, "__module__", "") or ""
                qualname = obj.__qualname__
                if isinstance(obj, BuiltinFunctionType) and not isinstance(
                    obj.__self__, (ModuleType, type, type(None))
                ):
                    return None
                if module in ("builtins", "copyreg", "") or module.partition(".")[0] in sys.stdlib_module_names:
                    return f"global:{module}.{qualname}"
                return f"global:{module}.{qualname} {version_of(module)}"
            return None

        fingerprint = values.Fingerprint(refer)
        try:
            found = fingerprint.of(value)
        except values.Unshippable as error:
            raise self.refusal(item, error.why, error.fix, what) from None
        if not isinstance(value, (FunctionType, type)):
            self._fed.append((item, value, what, found))
        for ident in fingerprint.mutables:
            self._mutables.setdefault(ident, []).append(item)
        return found

    def refusal(self, item: Item, why: str, fix: str, what: str = "") -> CaptureError:
        """The error that names a variable and its cell."""
        place = item.place or registry.where(item.name)
        where = f" ({place})" if place else ""
        thing = f'"{what}" of "{item.name}"' if what else f'"{item.name}"'
        return CaptureError(f"{thing}{where} {why}: it cannot travel to a worker; {fix}")

    # -- values ----------------------------------------------------------------------------------------------------

    def _value(self, item: Item, obj: Any) -> None:
        if type(obj) not in _PLAIN:
            self._objects[id(obj)] = item
        binding = registry.binding(item.name, obj) if item.space.ships else None
        if binding is not None:
            item.where, item.line = binding.cell.where, binding.statement.lineno
        item.kind = "value"
        if _needs_replay(obj):
            replay(self, item, obj)
            return
        item.part = self.feed(item, obj)

    def shared(self, reached: Container[Item]) -> list[str]:
        """Doubts about mutables that two names hold: in the worker they may be two copies."""
        found = []
        for owners in self._mutables.values():
            names = list(dict.fromkeys(item.name for item in owners if item.space.ships and item in reached))
            if len(names) > 1:
                found.append(f"{' and '.join(names[:3])} share a mutable value")
        return list(dict.fromkeys(found))

    # -- is it still so? -------------------------------------------------------------------------------------------

    def is_unchanged(self) -> bool:
        """Whether walking again would find the same: identities, and the content of what can change in place."""
        if self._patch_count != len(registry.patches):
            return False
        if any(getattr(target, name, _MISSING) is not value for target, name, value in self._patches):
            return False
        for namespace, name, obj in self.names_seen:
            if namespace.get(name, _MISSING) is not obj:
                return False
        for obj, before in self._states:
            now = state_of(obj)
            if len(now) != len(before) or any(a is not b for a, b in zip(now, before, strict=True)):
                return False
        try:
            return all(self.feed(item, value, what=what) == found for item, value, what, found in self._take_fed())
        except CaptureError:
            return False

    def freeze(self) -> None:
        """Remember the state of functions and classes, for `is_unchanged`."""
        self._states = [(item.obj, state_of(item.obj)) for item in self.items if _has_state(item.obj)]

    def _take_fed(self) -> list[tuple[Item, Any, str, str]]:
        fed, self._fed = self._fed, []
        return fed

    # -- reads -----------------------------------------------------------------------------------------------------

    def read(
        self,
        item: Item,
        space: Space,
        text: str,
        bound: frozenset[str] = frozenset(),
        *,
        lazy: bool = False,
        is_body: bool = False,
    ) -> None:
        """Follow the names that a text reads.

        Args:
            bound: names that are not the module's (free variables).
            lazy: annotations are not evaluated.
            is_body: only what happens in a call counts; decorators and defaults are live values.
        """
        reads = syntax.reads_of(text)
        hard, soft = (frozenset(), reads.inner - reads.annotations) if is_body else (reads.hard, reads.soft)
        for group, edges in (
            (hard, item.hard),
            (reads.annotations, item.soft if lazy else item.hard),
            (soft, item.soft),
        ):
            for name in sorted(group - bound):
                if group is reads.annotations and name not in space.globals:
                    continue  # an annotation that does not resolve is never looked up
                found = self.name(space, name)
                if found is not None:
                    item.names[space.prefix + name] = found
                    if found is not item:
                        edges[found] = None
        for chain in sorted(reads.chains):
            if chain[0] in hard or chain[0] in soft or chain[0] in reads.annotations:
                self._follow_chain(item, space, chain)
        item.is_calling = item.is_calling or (reads.is_calling and not is_body)
        if reads.doubts:
            item.doubts += tuple(f'"{item.name}" {doubt}' for doubt in reads.doubts)
        for name in sorted(reads.imports):
            self._inner_import(item, name)
        if reads.is_open and id(space) not in self._is_widened:
            self._is_widened.add(id(space))
            self._widen(item, space)
        rooted = {chain[0] for chain in reads.chains}
        for name in sorted((hard | soft) - rooted - bound):
            obj = space.globals.get(name)
            if isinstance(obj, ModuleType) and kind_of_module(obj) == "project":
                self.whole_module(item, obj)

    def _follow_chain(self, item: Item, space: Space, chain: tuple[str, ...]) -> None:
        at = space.globals.get(chain[0])
        if not isinstance(at, ModuleType):
            return
        start = self.name(space, chain[0])
        for part in chain[1:]:
            home = at
            at = vars(home).get(part, _MISSING)
            if isinstance(at, ModuleType):
                if start is not None and sys.modules.get(f"{home.__name__}.{part}") is at:
                    start.submodules.add(at.__name__)
                continue
            if kind_of_module(home) == "project" and at is not _MISSING:
                found = self.name(self.space(vars(home)), part)
                if found is not None:
                    item.soft[found] = None
            return
        if isinstance(at, ModuleType) and kind_of_module(at) == "project":
            self.whole_module(item, at)

    def _inner_import(self, item: Item, name: str) -> None:
        module = sys.modules.get(name)
        if module is not None and kind_of_module(module) == "project":
            self.whole_module(item, module)
        else:
            item.part += f"|import {version_of(name)}"

    def whole_module(self, item: Item, module: ModuleType) -> None:
        """A local module used as an object: all its text joins the key."""
        found = self._objects.get(id(module))
        if found is None:
            space = self.space(vars(module))
            found = self._new("module", space, module.__name__, module, f"module {module.__name__}")
            self._objects[id(module)] = found
            self.modules[module.__name__] = module
            text = registry.snapshot(module.__name__, module)
            found.part = digest("module", syntax.digest_of(text, is_definition=False) if text else "")
            for value in list(vars(module).values()):
                home = (
                    value
                    if isinstance(value, ModuleType)
                    else sys.modules.get(getattr(value, "__module__", None) or "")
                )
                if isinstance(home, ModuleType) and home is not module and kind_of_module(home) == "project":
                    self.whole_module(found, home)
        item.soft[found] = None

    def _widen(self, item: Item, space: Space) -> None:
        for name, value in list(space.globals.items()):
            if name.startswith("_") or name in _IPYTHON_NAMES or isinstance(value, ModuleType) or is_environment(value):
                continue
            before = len(self.items)
            try:
                found = self.name(space, name)
            except CaptureError:
                del self.items[before:]
                self._named[(id(space.globals), name)] = None
                continue
            if found is not None and found is not item:
                item.soft[found] = None

    def _patched(self, space: Space) -> None:
        """Attributes of modules and foreign classes that cells assigned: every slice carries them."""
        if not space.ships:
            return
        for chain, cell in list(registry.patches.items()):
            target: Any = space.globals.get(chain[0], _MISSING)
            for part in chain[1:-1]:
                target = getattr(target, part, _MISSING)
            if not isinstance(target, (ModuleType, type)) or kind_of_module(
                target if isinstance(target, ModuleType) else sys.modules.get(target.__module__)
            ) not in ("site", "stdlib", "project", "builtin"):
                continue
            value = getattr(target, chain[-1], _MISSING)
            if value is _MISSING:
                continue
            item = self._new("patch", space, ".".join(chain), (value,), "patch " + ".".join(chain))
            self._patches.append((target, chain[-1], value))
            item.where, item.line = cell.where, 1
            start = self.name(space, chain[0])
            if start is not None:
                item.hard[start] = None
            item.part = self.feed(item, item.obj)


def _needs_replay(obj: Any) -> bool:
    kind = type(obj)
    return kind.__module__ == "typing" and kind.__name__ in (
        "TypeVar",
        "NewType",
        "ParamSpec",
        "TypeVarTuple",
        "TypeAliasType",
    )


def unwrapped(func: Any) -> Any:
    """The function inside wrappers that are no functions (`lru_cache`, `partial`)."""
    while not isinstance(func, FunctionType):
        inner = getattr(func, "__wrapped__", None) or getattr(func, "func", None)
        if inner is None:
            raise CaptureError(f"{func!r} is not a function: a task must be a def")
        func = inner
    return func


def _public_module(name: str, obj: Any) -> str:
    """The shortest package path that exports an object: `pydantic`, not `pydantic.main`."""
    parts = name.split(".")
    for length in range(1, len(parts)):
        package = ".".join(parts[:length])
        if getattr(sys.modules.get(package), obj.__qualname__, None) is obj:
            return package
    return name


def _is_wrapper(obj: Any) -> bool:
    """A callable made by a decorator that keeps the function in `__wrapped__` (`functools.lru_cache`)."""
    return isinstance(getattr(obj, "__wrapped__", None), FunctionType) and callable(obj)


def _has_state(obj: Any) -> bool:
    return isinstance(obj, (FunctionType, type)) or is_task(obj)


def state_of(obj: Any) -> tuple[Any, ...]:
    """What of a function or class can be assigned without rebinding a name."""
    if isinstance(obj, type):
        return tuple(v for n, v in vars(obj).items() if n not in _MOVING)
    func = obj.func if is_task(obj) else obj
    if not isinstance(func, FunctionType):
        return (func,)
    held = []
    for cell in func.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:
            held.append(None)
    return (func.__code__, func.__defaults__, *(func.__kwdefaults__ or {}).values(), *held, *vars(func).values())


#: Attributes that reading annotations or pickling add to a class.
_MOVING = frozenset(
    {"__annotations__", "__slotnames__", "__annotations_cache__", "_abc_impl", "__dict__", "__weakref__"}
)


class _Missing:
    pass


_MISSING = _Missing()
_PLAIN = frozenset({int, float, str, bool, type(None), bytes, complex})
