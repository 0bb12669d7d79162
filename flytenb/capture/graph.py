"""The live graph of a task: objects choose what is reached, executed text tells how to rebuild it.

`Graph.root(func)` walks from a function through the names, closures, defaults, bases and values it uses. Every item
gets a part of the key, which describes the live object and never the form in which it is written down.
"""

from __future__ import annotations

import builtins
import sys
from collections import deque
from collections.abc import Container
from operator import is_
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from flytenb.capture import values
from flytenb.capture.function import describe_function
from flytenb.capture.items import Item, Space, anonymous, digest
from flytenb.capture.klass import describe_class
from flytenb.capture.modules import kind_of_module, version_of
from flytenb.capture.reach import carry_patches, whole_module
from flytenb.capture.recognise import (
    IPYTHON_NAMES,
    MISSING,
    has_state,
    is_environment,
    is_shells_own,
    is_task,
    is_wrapper,
    needs_replay,
    public_module,
    state_of,
    unwrapped,
)
from flytenb.capture.registry import registry
from flytenb.capture.replay import replay
from flytenb.errors import CaptureError

_BUILTINS = vars(builtins)
_PLAIN = frozenset({int, float, str, bool, type(None), bytes, complex})


class Graph:
    """All that one root function reaches. One graph per slice; not thread safe."""

    def __init__(self, namespace: dict[str, Any] | None = None, *, ship: dict[str, Any] | None = None) -> None:
        """`ship`: globals whose definitions must travel as source although a file holds them."""
        self._spaces: dict[int, Space] = {}
        self.named: dict[tuple[int, str], Item | None] = {}
        self.objects: dict[int, Item] = {}
        self._labels: set[str] = set()
        self._keep: list[Any] = []
        self._mutables: dict[int, dict[Item, None]] = {}
        self._namespace = namespace
        self._ship = ship
        self._root_globals: dict[str, Any] | None = None
        #: Modules of local files that are used.
        self.modules: dict[str, ModuleType] = {}
        #: (namespace, name, object): what an unchanged graph still finds.
        self.names_seen: list[tuple[dict[str, Any], str, Any]] = []
        self.items: list[Item] = []
        self.widened: set[int] = set()
        self._fed: list[tuple[Item, Any, str, str]] = []
        self._patch_count = len(registry.patches)
        self.patches: list[tuple[Any, str, Any]] = []
        self._states: list[tuple[Any, tuple[Any, ...]]] = []
        #: Items whose text is still to be followed: a queue, for a chain of helpers may be longer than Python's stack.
        self._pending: deque[tuple[Item, Any]] = deque()

    # -- entry ---------------------------------------------------------------------------------------------------

    def root(self, obj: Any) -> Item:
        """The item of the root task or function.

        Raises:
            CaptureError: something it reaches cannot travel.
        """
        target = unwrapped(_function_of(obj))
        self._root_globals = target.__globals__
        space = self.space(target.__globals__)
        item = self._root_item(space, obj, target.__name__)
        self._drain()
        carry_patches(self, space)
        self._drain()
        return item

    def _root_item(self, space: Space, obj: Any, name: str) -> Item:
        bound = space.globals.get(name)
        if bound is not obj and _function_of(bound) is not _function_of(obj):
            name = next((n for n, value in list(space.globals.items()) if value is obj), name)
        if name in space.globals and _function_of(space.globals[name]) is _function_of(obj):
            item = self.name(space, name)
            if item is not None:
                return item
        return self._create(space, name if name.isidentifier() else "_task", obj, is_anonymous=True)

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
            found = self._spaces[id(globals_)] = Space(
                globals_, prefix, name if importable else "", ships, kind == "project"
            )
            self._keep.append(globals_)
        return found

    # -- names -----------------------------------------------------------------------------------------------------

    def name(self, space: Space, name: str) -> Item | None:
        """What a global name means now; None for a builtin."""
        key = (id(space.globals), name)
        if key in self.named:
            return self.named[key]
        if name not in space.globals:
            self.names_seen.append((space.globals, name, MISSING))
            if name in _BUILTINS or name in IPYTHON_NAMES or name.startswith("__"):
                self.named[key] = None
                return None
            item = self.new("undefined", space, name, None, name)
            item.part = "undefined"
            self.named[key] = item
            return item
        obj = space.globals[name]
        self.names_seen.append((space.globals, name, obj))
        if is_shells_own(name, obj) or (name.startswith("__") and name.endswith("__")):
            self.named[key] = None
            return None
        return self._bind(space, name, obj)

    def _bind(self, space: Space, name: str, obj: Any) -> Item | None:
        key = (id(space.globals), name)
        known = self.objects.get(id(obj))
        if known is None and isinstance(obj, (FunctionType, type)):
            real = obj.__name__
            if real != name and space.globals.get(real) is obj:
                known = self.name(space, real)
        if known is None and is_task(obj):
            func = _function_of(obj)
            real = getattr(func, "__name__", name)
            if real != name and real in space.globals and _function_of(space.globals[real]) is func:
                self.name(space, real)
            known = self.objects.get(id(func))
        if known is not None and known.space is space and known.kind != "module":
            item = self.new("alias", space, name, obj, f"{name} is")
            self.named[key] = item
            item.hard[known] = None
            item.part = "alias:" + known.label
            item.task = obj if is_task(obj) else None
            return item
        return self._create(space, name, obj)

    def new(self, kind: str, space: Space, name: str, obj: Any, label: str) -> Item:
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
        item = self.new("value", space, name, obj, label or name)
        item.is_anonymous = is_anonymous
        if not is_anonymous:
            self.named[(id(space.globals), name)] = item
        if isinstance(obj, ModuleType):
            self._module(item, obj)
        elif is_task(obj):
            item.task = obj
            self.objects[id(obj)] = item
            self.objects.setdefault(id(obj.func), item)
            self._callable(item, obj.func)
        elif is_environment(obj):
            item.kind, item.part = "environment", f"environment:{obj.name}"
        elif isinstance(obj, (FunctionType, BuiltinFunctionType, type)) or is_wrapper(obj):
            self.objects[id(obj)] = item
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
            item.part = f"from:{public_module(home.module, obj)}:{obj.__qualname__}"
            if home.module and kind_of_module(sys.modules[home.module]) == "project":
                if home is item.space:
                    item.part = ""  # as in a script or a notebook: what it is, not where
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
        item.kind = "class" if isinstance(obj, type) else "function"
        self._pending.append((item, obj))

    def _drain(self) -> None:
        while self._pending:
            item, obj = self._pending.popleft()
            if isinstance(obj, type):
                describe_class(self, item, obj)
            else:
                describe_function(self, item, obj)

    def attempt(self, space: Space, name: str) -> Item | None:
        """What a name means and all that it reaches; None when it cannot travel."""
        outer, self._pending = self._pending, deque()
        before = len(self.items)
        try:
            found = self.name(space, name)
            self._drain()
            return found
        except CaptureError:
            gone = set(self.items[before:])
            del self.items[before:]
            self.named = {key: item for key, item in self.named.items() if item not in gone}
            self.objects = {key: item for key, item in self.objects.items() if item not in gone}
            self._fed = [one for one in self._fed if one[0] not in gone]
            return None
        finally:
            self._pending = outer

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
        known = self.objects.get(id(obj))
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
                item = self.new("attribute", home, qualname, obj, qualname)
                item.part = "attribute"
                item.hard[owner] = None
                self.objects[id(obj)] = item
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
            text = f"{type(value).__name__}={value!r}"
            if len(text) < 200:
                return text
            if len(text) > values.MAX_VALUE_BYTES:
                raise self.refusal(item, *values.TOO_LARGE, what)
            return digest(text)

        def refer(obj: Any) -> str | None:
            target = self.item_of(obj, item) if obj is not item.obj or obj is not value else None
            if target is not None:
                if target is not item and not (target.kind == "attribute" and item in target.hard):
                    item.hard[target] = None
                return target.label
            if isinstance(obj, ModuleType):
                if kind_of_module(obj) == "project":
                    whole_module(self, item, obj)
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
            self._mutables.setdefault(ident, {})[item] = None
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
            self.objects[id(obj)] = item
        binding = registry.binding(item.name, obj) if item.space.ships else None
        if binding is not None:
            item.where, item.line = binding.cell.where, binding.statement.lineno
        item.kind = "value"
        if needs_replay(obj):
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
        if any(getattr(target, name, MISSING) is not value for target, name, value in self.patches):
            return False
        for namespace, name, obj in self.names_seen:
            if namespace.get(name, MISSING) is not obj:
                return False
        for obj, before in self._states:
            now = state_of(obj)
            if len(now) != len(before) or not all(map(is_, now, before)):
                return False
        try:
            return all(self.feed(item, value, what=what) == found for item, value, what, found in self._take_fed())
        except CaptureError:
            return False

    def freeze(self) -> None:
        """Remember the state of functions and classes, for `is_unchanged`."""
        self._states = [(item.obj, state_of(item.obj)) for item in self.items if has_state(item.obj)]

    def _take_fed(self) -> list[tuple[Item, Any, str, str]]:
        fed, self._fed = self._fed, []
        return fed


def _function_of(obj: Any) -> Any:
    """A task's function; any other object itself."""
    return obj.func if is_task(obj) else obj
