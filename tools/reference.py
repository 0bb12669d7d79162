"""Write docs/reference/ from the docstrings of every public name: `python tools/reference.py [--check]`.

A page for each public module, one for the errors; a name without a docstring is an error of this tool, not a gap in the
page. `--check` writes nothing and exits 1 when a page is not what the docstrings say.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docstring_parser

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "reference"
_HEAD = "<!-- Written by tools/reference.py from the docstrings; run `make reference` to write it anew. -->\n"

#: Page → (its modules, what it is about).
PAGES: dict[str, tuple[str, ...]] = {
    "flyte": ("flytenb",),
    "remote": ("flytenb.remote",),
    "io": ("flytenb.io", "flytenb.storage"),
    "types": ("flytenb.types", "flytenb.models", "flytenb.syncify"),
    "report": ("flytenb.report",),
    "extras": ("flytenb.extras", "flytenb.durable", "flytenb.clustered"),
    "app": ("flytenb.app", "flytenb.notify"),
    "config": ("flytenb.config", "flytenb.extend", "flytenb.compat", "flytenb.nb"),
    "errors": ("flytenb.errors",),
}
#: Of these their own words come with the modules' rooms.
_NOT_SHOWN = {"load_ipython_extension", "unload_ipython_extension", "TYPE_CHECKING", "annotations"}


class Undocumented(Exception):
    """Public names that say nothing."""


def main(words: list[str]) -> int:
    """Write, or compare."""
    pages = {FOLDER / f"{name}.md": text for name, text in rendered().items()}
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
    left = [path for path in FOLDER.glob("*.md") if path not in pages]
    if "--check" in words:
        for path in stale + left:
            print(f"{path.relative_to(ROOT)} is not what the docstrings say; run `make reference`", file=sys.stderr)
        return bool(stale or left)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in left:
        path.unlink()
    for path in stale:
        path.write_text(pages[path])
    return 0


def rendered() -> dict[str, str]:
    """All pages by name.

    Raises:
        Undocumented: with all names that have no docstring.
    """
    missing: list[str] = []
    pages = {name: _page(modules, missing) for name, modules in PAGES.items()}
    if missing:
        raise Undocumented("no docstring, or one that cannot be read: " + ", ".join(sorted(missing)))
    first = [f"{_HEAD}\n# Reference\n\nAll public names. `import flytenb as flyte` is meant throughout.\n"]
    for name, modules in PAGES.items():
        for module in modules:
            about = _summary(importlib.import_module(module).__doc__ or "")
            first.append(f"- [{_spelled(module)}]({name}.md#{_anchor(_spelled(module))}): {about}")
    return {"README": "\n".join(first) + "\n", **pages}


def _page(modules: tuple[str, ...], missing: list[str]) -> str:
    parts = [_HEAD]
    for name in modules:
        module = importlib.import_module(name)
        parts.append(f"# {_spelled(name)}\n\n{_marked(inspect.cleandoc(module.__doc__ or ''))}\n")
        found = dict(_public(module))
        parts.append(" · ".join(f"[{each}](#{_anchor(f'{_spelled(name)}.{each}')})" for each in found) + "\n")
        parts += [_entry(f"{_spelled(name)}.{each}", value, missing) for each, value in found.items()]
    return "\n".join(parts)


def _public(module: Any) -> Iterator[tuple[str, Any]]:
    names = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    for name in sorted(set(names), key=lambda each: (each[0].islower(), each.lower())):
        value = getattr(module, name)
        is_ours = inspect.ismodule(value) or getattr(value, "__module__", module.__name__).startswith("flytenb")
        if name not in _NOT_SHOWN and not inspect.ismodule(value) and is_ours and not name.startswith("_"):
            yield name, value


def _entry(name: str, value: Any, missing: list[str]) -> str:
    if inspect.isclass(value):
        return _of_class(name, value, missing)
    if callable(value):
        return f"## {name}\n\n{_code(name, value)}\n\n{_documented(name, value, missing)}\n"
    return f"## {name}\n\n`{_literal(value)}`\n"


def _of_class(name: str, value: type, missing: list[str]) -> str:
    parts = [f"## {name}\n"]
    bases = [base.__name__ for base in value.__bases__ if base is not object and not base.__name__.startswith("_")]
    if issubclass(value, BaseException):
        parts.append(f"An exception; also {' and '.join(f'`{base}`' for base in bases)}.\n")
    elif issubclass(value, enum.Enum):
        parts.append("One of " + ", ".join(f"`{each}`" for each in value.__members__) + ".\n")
    else:
        parts.append(_code(name, value) + "\n")
    parts.append(_documented(name, value, missing) + "\n")
    for method, function in _methods(value):
        spelled = f"{name.rpartition('.')[2]}.{method}"
        head = f"### {spelled}\n\n"
        if isinstance(inspect.getattr_static(value, method), property):
            kind = inspect.signature(function).return_annotation
            said = _documented(spelled, function, []) if function.__doc__ else ""  # its name and its type may do
            parts.append(f"{head}A property: `{_annotation(kind)!r}`. {said}".rstrip() + "\n")
        else:
            parts.append(f"{head}{_code(spelled, function)}\n\n{_documented(spelled, function, missing)}\n")
    return "\n".join(parts)


def _methods(owner: type) -> Iterator[tuple[str, Any]]:
    """What a person calls: of the class and of its bases in this package."""
    seen: set[str] = set()
    for each in owner.__mro__:
        if not each.__module__.startswith("flytenb"):
            continue
        for name, raw in vars(each).items():
            if name.startswith("_") or name in seen:
                continue
            seen.add(name)
            if isinstance(raw, property):
                yield name, raw.fget
            elif isinstance(raw, (classmethod, staticmethod)) or inspect.isfunction(raw):
                yield name, getattr(owner, name)
            elif callable(raw) and hasattr(raw, "aio"):  # both sync and async
                yield name, raw


class _Plain(str):
    """An annotation as it stands in the source, without quotes around it."""

    def __repr__(self) -> str:
        return re.sub(r"\b(?:typing|collections\.abc|flytenb(?:\.\w+)*)\.(?=\w)", "", str(self))


class _Default:
    """A default value: numbers and words as they are, of objects that they are there."""

    def __init__(self, value: Any) -> None:
        self.text = repr(value)

    def __repr__(self) -> str:
        return "…" if "<" in self.text or len(self.text) > 60 else self.text


def _code(name: str, value: Any) -> str:
    return f"```python\n{_wrapped(name + _signature(value))}\n```"


def _signature(value: Any) -> str:
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "(…)"
    empty = inspect.Parameter.empty
    shown = [
        each.replace(
            annotation=each.annotation if each.annotation is empty else _annotation(each.annotation),
            default=each.default if each.default is empty else _Default(each.default),
        )
        for each in found.parameters.values()
        if each.name != "self" and not each.name.startswith("_")
    ]
    result = empty if inspect.isclass(value) else found.return_annotation
    return str(
        inspect.Signature(
            shown, return_annotation=result if result is empty or result in (None, "None") else _annotation(result)
        )
    ).replace(" -> 'None'", " -> None")


def _annotation(value: Any) -> Any:
    return _Plain(value if isinstance(value, str) else inspect.formatannotation(value))


def _wrapped(text: str) -> str:
    """One line if it fits, else a line for each parameter."""
    if len(text) <= 100:
        return text
    begin, end = text.index("("), text.rindex(")")
    parts, depth, word = [], 0, ""
    for letter in text[begin + 1 : end]:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            parts.append(word.strip())
            word = ""
        else:
            word += letter
    parts.append(word.strip())
    return "\n".join([text[: begin + 1], *(f"    {part}," for part in parts if part), text[end:]])


def _documented(name: str, value: Any, missing: list[str]) -> str:
    text = inspect.getdoc(value) or ""
    if not text:
        missing.append(name)
        return ""
    try:
        parsed = docstring_parser.parse(text, docstring_parser.DocstringStyle.GOOGLE)
    except docstring_parser.ParseError as error:
        missing.append(f"{name} ({error})")
        return ""
    parts = [_marked(part) for part in (parsed.short_description, parsed.long_description) if part]
    fields = {"Arguments": [], "Attributes": []}  # type: dict[str, list[str]]
    for each in parsed.params:
        kind = "Attributes" if each.args[0] == "attribute" else "Arguments"
        fields[kind].append(f"- `{each.arg_name}`: {_marked(each.description or '', '  ')}")
    for title, lines in fields.items():
        if lines:
            parts.append(f"{title}:\n\n" + "\n".join(lines))
    if parsed.returns and parsed.returns.description:
        parts.append(f"{'Yields' if parsed.returns.is_generator else 'Returns'}: {_marked(parsed.returns.description)}")
    if parsed.raises:
        lines = [f"- `{each.type_name}`: {_marked(each.description or '', '  ')}" for each in parsed.raises]
        parts.append("Raises:\n\n" + "\n".join(lines))
    parts += [f"```python\n{each.description.strip('`')}\n```" for each in parsed.examples if each.description]
    return "\n\n".join(parts)


def _marked(text: str, indent: str = "") -> str:
    """A docstring's text as Markdown: reST's double back-ticks are single ones, angles are no tags."""
    text = re.sub(r"``([^`]*)``", r"`\1`", text.strip())
    return (
        text.replace("<", "&lt;").replace("\n", f"\n{indent}") if "`" not in text else text.replace("\n", f"\n{indent}")
    )


def _summary(text: str) -> str:
    return _marked(inspect.cleandoc(text).partition("\n\n")[0].replace("\n", " "))


def _spelled(module: str) -> str:
    return module.replace("flytenb", "flyte", 1) if module != "flytenb.nb" else module


def _anchor(title: str) -> str:
    """As GitHub makes them."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _literal(value: Any) -> str:
    text = repr(value)
    return re.sub(r" at 0x[0-9a-f]+", "", text if len(text) <= 200 else f"{text[:200]}…")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
