"""What a local module does while it is imported, as far as a key cannot hold it.

A worker imports the module anew. What its top level reads from outside (files, environment, clock) may be something
else there, and what it does beyond binding its own names (switches of libraries, patches, registrations elsewhere) is
in no value that a task captures. Both are named with module and line; the key of what uses the module is in doubt.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from flytenb.capture.items import Item
from flytenb.capture.modules import kind_of_module
from flytenb.capture.registry import registry

#: Calls that read something outside of the process, by their last name, and by their first.
_READERS = frozenset(
    ("open", "read_text", "read_bytes", "getenv", "load_dotenv", "dotenv_values", "urlopen", "listdir", "scandir",
     "glob", "iglob", "rglob", "getcwd", "cwd", "gethostname", "now", "utcnow", "today", "urandom", "parse_args",
     "parse_known_args", "input", "uuid1", "uuid4", "getnode")
)  # fmt: skip
_READING = ("read_", "load_dataset", "fetch_", "from_pretrained")
_READING_MODULES = frozenset(("subprocess", "requests", "httpx", "random", "secrets"))
_LOADING_MODULES = frozenset(("json", "pickle", "yaml", "toml", "tomllib", "joblib", "np", "numpy", "torch"))
_CLOCKS = frozenset(("time", "time_ns", "perf_counter", "monotonic"))
#: What a discarded call may do without changing a result.
_HARMLESS_ROOTS = frozenset(
    ("print", "warnings", "logging", "log", "logger", "_log", "_logger", "LOG", "LOGGER", "matplotlib", "plt", "gc",
     "faulthandler", "rich", "flyte", "flytenb", "super")
)  # fmt: skip
#: How many doubts of one module are told.
_MOST = 3


def doubts_of(reached: Iterable[Item]) -> list[str]:
    """Doubts about the local modules that these items come from, and about those that they import."""
    #: Module → whether only its effects on others count, not what it reads: nobody here uses its values.
    waiting: dict[str, bool] = {}
    roots = set()
    for item in reached:
        space = item.space
        name = "__main__" if _is_script(space.globals) else space.module if space.is_project else ""
        if name:
            waiting[name] = False
            if not space.prefix:
                roots.add(name)
        if isinstance(item.obj, ModuleType) and kind_of_module(item.obj) == "project":
            waiting[item.obj.__name__] = False
    found: dict[str, None] = {}
    seen: dict[str, bool] = {}
    while waiting:
        name, is_effects = waiting.popitem()
        module = sys.modules.get(name)
        if module is None or (name in seen and seen[name] <= is_effects):
            continue
        seen[name] = is_effects
        doubts, imported, used = _examined(registry.snapshot(name, module))
        shown = Path(str(module.__file__)).stem if name == "__main__" else name
        told = [one for one in doubts if not (is_effects and one[1].startswith("reads"))]
        found |= {f"module {shown}, line {line}: {what} while it is imported": None for line, what in told[:_MOST]}
        for other in (*imported, name.rpartition(".")[0]):
            if other and kind_of_module(sys.modules.get(other)) == "project":
                narrow = is_effects or (name in roots and other in imported and other not in used)
                waiting[other] = waiting.get(other, True) and narrow
    return list(found)


def _is_script(globals_: dict[str, Any]) -> bool:
    """Whether these are the globals of the running script: workers import it, under its own name."""
    main = sys.modules.get("__main__")
    file = globals_.get("__file__")
    return main is not None and vars(main) is globals_ and isinstance(file, str) and file.endswith(".py")


@lru_cache(maxsize=512)
def _examined(text: str) -> tuple[tuple[tuple[int, str], ...], tuple[str, ...], tuple[str, ...]]:
    """(line, what) of each doubtful statement at the top level, the modules it imports, and those it uses there."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return (), (), ()
    statements = list(_executed(tree.body))
    own = {name for statement in statements for name in _bound(statement)}
    doubts: dict[int, str] = {}
    imported: dict[str, set[str]] = {}
    read: set[str] = set()
    for statement in statements:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                imported.setdefault(alias.name, set()).add(alias.asname or alias.name.partition(".")[0])
        elif isinstance(statement, ast.ImportFrom):
            if statement.module and not statement.level:
                imported.setdefault(statement.module, set()).update(a.asname or a.name for a in statement.names)
        else:
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                read |= {node.id for node in _expressions(statement) if isinstance(node, ast.Name)}
            for node, what in _doubted(statement, own):
                doubts.setdefault(node.lineno, what)
    used = tuple(name for name, bound in imported.items() if bound & (read | {"*"}))
    return tuple(sorted(doubts.items())), tuple(imported), used


def _executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module's top level, those inside conditions and loops too."""
    for statement in body:
        if isinstance(statement, ast.If) and _is_for_others(statement.test):
            yield from _executed(statement.orelse)
            continue
        yield statement
        for inner in ("body", "orelse", "finalbody"):
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from _executed(getattr(statement, inner, []))
        for handler in getattr(statement, "handlers", []):
            yield from _executed(handler.body)


def _is_for_others(test: ast.expr) -> bool:
    """`if __name__ == "__main__"` and `if TYPE_CHECKING`: not executed when a worker imports the module."""
    names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    return bool(names & {"__name__", "TYPE_CHECKING"}) or any(
        isinstance(node, ast.Attribute) and node.attr == "TYPE_CHECKING" for node in ast.walk(test)
    )


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement makes the module's own; imported ones are others'."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign, ast.For, ast.AsyncFor)):
        targets = [statement.target]
    for target in targets:
        yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name) and _is_stored(node))


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _doubted(statement: ast.stmt, own: set[str]) -> Iterator[tuple[ast.expr, str]]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return  # its decorators, defaults and class body are live values
    for target in _targets(statement):
        root = _chain(target)[0]
        if isinstance(target, (ast.Attribute, ast.Subscript)) and root not in own:
            yield target, f"changes {ast.unparse(target)}"
    for expression in _expressions(statement):
        yield from _read(expression)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        chain = _chain(call.func)
        is_own = chain[0] in own and len(chain) > 1  # a change of its own value: captured where it is used
        if not is_own and chain[0] not in _HARMLESS_ROOTS and chain[:2] != ["sys", "path"] and chain[0] != "__all__":
            yield call, f"calls {'.'.join(chain)}()"


def _targets(statement: ast.stmt) -> list[ast.expr]:
    if isinstance(statement, (ast.Assign, ast.Delete)):
        return statement.targets
    return [statement.target] if isinstance(statement, (ast.AugAssign, ast.AnnAssign)) else []


def _expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """What the statement itself evaluates: without the bodies of lambdas and of nested statements."""
    stack: list[ast.AST] = [child for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt)]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.stmt, ast.ExceptHandler)):
            continue
        yield node
        if not isinstance(node, ast.Lambda):
            stack.extend(ast.iter_child_nodes(node))


def _read(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    if isinstance(node, ast.Attribute) and node.attr == "environ" and isinstance(node.ctx, ast.Load):
        yield node, "reads the environment"
    if isinstance(node, ast.Attribute) and node.attr == "argv" and isinstance(node.ctx, ast.Load):
        yield node, "reads the command line"
    if not isinstance(node, ast.Call):
        return
    chain = _chain(node.func)
    first, last = chain[0], chain[-1]
    if (
        last in _READERS
        or last.startswith(_READING)
        or (len(chain) > 1 and first in _READING_MODULES)
        or (last in ("load", "safe_load", "loadtxt", "genfromtxt") and first in _LOADING_MODULES)
        or (last in _CLOCKS and first == "time")
    ):
        yield node, f"reads by {'.'.join(chain)}()"


def _chain(node: ast.AST) -> list[str]:
    """`np.random.seed` as words; "…" for what is no name."""
    words: list[str] = []
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        if isinstance(node, ast.Attribute):
            words.append(node.attr)
        node = node.func if isinstance(node, ast.Call) else node.value
    words.append(node.id if isinstance(node, ast.Name) else "…")
    return words[::-1]
