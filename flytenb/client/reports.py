"""Reports as a person holds them: the page that a task wrote, or one made now of what is known of its action."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgpack

from flytenb.client import handle
from flytenb.client.previews import preview
from flytenb.client.session import Session
from flytenb.codec.objects import MissingObjectError, ObjectStore
from flytenb.model.declaration import TaskDeclaration, decode_declaration
from flytenb.model.sizes import size_words
from flytenb.model.snapshot import ActionRow

#: Lines of output that a report made here shows.
_LOG_LINES = 40


class ReportPage:
    """A report: one HTML page that needs nothing else.

    Args:
        html: the page.
        name: run and action.
        is_default: the task wrote none, the page was made of what is known.

    Example:
        page = run.report()
        page.save("report.html")
    """

    def __init__(self, html: str, name: str, *, is_default: bool) -> None:
        self.html, self.name, self.is_default = html, name, is_default

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file; it opens in any browser, without a network."""
        target = Path(path)
        target.write_text(self.html, encoding="utf-8")
        return target

    @property
    def size_bytes(self) -> int:
        """Of the page."""
        return len(self.html.encode())

    @property
    def text(self) -> str:
        """What is readable in it, as plain text."""
        from flytenb.views import reports  # as below

        return "\n".join(reports.excerpt(self.html, 200))

    def _repr_html_(self) -> str:
        from flytenb.views import reports  # only who shows a page

        return reports.frame(self.html, f"Report of {self.name}")

    def __repr__(self) -> str:
        kind = ", made of what is known" if self.is_default else ""
        return f'ReportPage("{self.name}", {self.size_bytes:,} bytes{kind})'


def page_of(session: Session, store: ObjectStore, run: str, row: ActionRow) -> ReportPage:
    """The report of an action."""
    name = f"{run}/{row.name}"
    page = handle.read_report(session, store, run, row.name)
    if page:
        return ReportPage(page, name, is_default=False)
    return ReportPage(_default(session, store, run, row), name, is_default=True)


def _default(session: Session, store: ObjectStore, run: str, row: ActionRow) -> str:
    from flytenb.views import default_report, reports  # only who asks for a page

    io = handle.read_io(session, run, row.name)
    declaration = decode_declaration(io.declaration)
    lines = list(handle.lines_of(handle.read_logs(session, run, row.name)))
    facts = default_report.ActionFacts(
        run=run,
        action=row,
        inputs=preview(io.inputs),
        outputs=preview(io.outputs),
        placement=handle.read_placements(session, run).get(row.placement),
        resources=(*_resources(declaration), *_used(session, run, row)),
        settings=_settings(declaration),
        code=code_of(declaration, store),
        logs=tuple(lines[-_LOG_LINES:]),
        log_count=len(lines),
        now=time.time(),
    )
    return reports.guarded(default_report.page(facts))


def _resources(declaration: TaskDeclaration) -> tuple[tuple[str, str], ...]:
    asked = declaration.resources
    sizes = (("memory", asked.memory_bytes), ("disk", asked.disk_bytes), ("shm", asked.shm_bytes))
    told = [("cpu", f"{asked.cpu:g}" if asked.cpu is not None else "")]
    told += [(name, size_words(size) if size else "") for name, size in sizes]
    told.append(("gpu", f"{asked.gpu} {asked.gpu_kind}".strip() if asked.gpu else ""))
    return tuple((name, text) for name, text in told if text)


def _used(session: Session, run: str, row: ActionRow) -> tuple[tuple[str, str], ...]:
    """What its last attempt used, where that took longer than a second."""
    found = handle.read_usages(session, run, row.name).get(row.name)
    if found is None:
        return ()
    return (("used", found.text), ("note", found.hint)) if found.hint else (("used", found.text),)


def _settings(declaration: TaskDeclaration) -> tuple[tuple[str, str], ...]:
    told = (
        ("cache", declaration.cache if declaration.cache != "disable" else ""),
        ("retries", str(declaration.retries) if declaration.retries else ""),
        ("timeout", f"{declaration.timeout_s:g} s" if declaration.timeout_s else ""),
        ("image", declaration.image),
    )
    return tuple((name, text) for name, text in told if text)


def code_of(declaration: TaskDeclaration, store: ObjectStore) -> str:
    """The source that ran: what was cut out of the notebook, or the function in its file; "" if neither is there."""
    try:
        data: dict[str, Any] = msgpack.unpackb(store.get(declaration.program), strict_map_key=False)
        if data.get("files"):
            return _in_file(declaration, msgpack.unpackb(store.get(data["files"]))["files"], store)
        return "\n\n".join(str(text).strip("\n") for _, text, *_ in data.get("chunks", ()))
    except (MissingObjectError, OSError, LookupError, ValueError, TypeError, AttributeError, SyntaxError):
        return ""


def _in_file(declaration: TaskDeclaration, files: dict[str, list[Any]], store: ObjectStore) -> str:
    """The task's function, decorators included, in the file as it was when it ran."""
    import ast  # only for scripts

    digest = next((digest for digest, _, path in files.values() if path == declaration.source), "")
    if not digest:
        return ""
    text = store.get(digest).decode()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first <= declaration.source_line <= (node.end_lineno or first):
                return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    return ""
