"""`%load_ext flytenb`: hooks, magics, the cell transformation and the forms in which our objects are shown."""

from __future__ import annotations

import threading
from typing import Any

from flytenb.capture import pragma
from flytenb.client import context, hooks
from flytenb.client.action import Action
from flytenb.client.origin import forget_teller, tell_origin
from flytenb.client.run_handle import Run
from flytenb.notebook import completion, describe, inspection, pages, previews, where
from flytenb.notebook.display import displays
from flytenb.notebook.headless import is_headless
from flytenb.notebook.hooks import CellHooks
from flytenb.notebook.magics import FlyteMagics
from flytenb.notebook.tasks import CellTasks, RunAtEnd
from flytenb.notebook.transform import CellTransformer
from flytenb.sdk.environment import TaskEnvironment
from flytenb.sdk.task import TaskTemplate
from flytenb.views import facts, text, tree, twin

_ATTRIBUTE = "_flytenb_extension"
_lock = threading.Lock()


class Extension:
    """What is installed in one shell, so that it can be taken out again."""

    def __init__(self, ip: Any) -> None:
        self._ip = ip
        self.hooks = CellHooks(ip)
        self.tasks = CellTasks(ip.user_ns, submit)
        self._transformer = CellTransformer(ip.user_ns)
        self._steps = (pragma.TaskDecorator(), RunAtEnd())
        self.is_active = False

    def install(self) -> None:
        """Put everything into the shell."""
        ip = self._ip
        self.is_active = True
        ip.input_transformers_cleanup.append(self._transformer)
        ip.ast_transformers.extend(self._steps)
        hidden = self.tasks.hidden_names()
        ip.push(hidden, interactive=False)
        ip.register_magics(FlyteMagics(ip, self.tasks, self.hooks, submit))
        self.hooks.install()
        self._install_forms()
        hooks.on_submit.append(self._on_run)
        hooks.open_cell, hooks.may_ask = self._open_cell, self._may_ask
        hooks.is_in_cell = self._is_in_cell
        tell_origin(self._told)
        self._forget_completer, self._forget_inspector = completion.install(ip), inspection.install(ip)

    def remove(self) -> None:
        """Take everything out again. Runs go on; their views are redrawn no more."""
        ip = self._ip
        self.is_active = False
        self.hooks.remove()
        forget_teller(self._told)
        self._forget_completer()
        self._forget_inspector()
        if self._on_run in hooks.on_submit:
            hooks.on_submit.remove(self._on_run)
        hooks.open_cell, hooks.may_ask = None, hooks.is_terminal
        hooks.is_in_cell = hooks.never
        if self._transformer in ip.input_transformers_cleanup:
            ip.input_transformers_cleanup.remove(self._transformer)
        ip.ast_transformers[:] = [step for step in ip.ast_transformers if step not in self._steps]
        for name in self.tasks.hidden_names():
            ip.user_ns.pop(name, None)
            ip.user_ns_hidden.pop(name, None)
        for kind in ("line", "cell"):
            known = ip.magics_manager.magics[kind]
            for name in [n for n in known if n.startswith("flyte_")]:
                del known[name]
        self._remove_forms()
        displays.forget()

    def _told(self) -> dict[str, Any]:
        return where.told(self._ip)

    def _open_cell(self, code: str) -> None:
        self._ip.set_next_input(code)

    def _is_in_cell(self) -> bool:
        return self.hooks.is_running

    def _may_ask(self) -> bool:
        return getattr(self._ip, "kernel", None) is not None and not is_headless(self._ip)

    def _on_run(self, run: Any) -> None:
        if self.is_active:
            self.hooks.submitted(run)

    def _install_forms(self) -> None:
        formatter = self._ip.display_formatter
        if getattr(self._ip, "kernel", None) is not None:
            formatter.ipython_display_formatter.for_type(Run, self._show)
        plain, html = formatter.formatters["text/plain"], formatter.formatters["text/html"]
        plain.for_type(Run, lambda run, p, cycle: p.text(text.render(_view(run))))
        html.for_type(Run, lambda run: _run_html(_view(run)))
        plain.for_type(Action, lambda action, p, cycle: p.text(facts.action_text(action.row, **_values(action))))
        html.for_type(Action, lambda action: facts.action_html(action.row, **_values(action)))
        plain.for_type(TaskTemplate, lambda task, p, cycle: p.text(facts.task_text(describe.task_facts(task))))
        html.for_type(TaskTemplate, lambda task: facts.task_html(describe.task_facts(task)))
        plain.for_type(
            TaskEnvironment, lambda env, p, cycle: p.text(facts.environment_text(describe.environment_facts(env)))
        )
        html.for_type(TaskEnvironment, lambda env: facts.environment_html(describe.environment_facts(env)))

    def _remove_forms(self) -> None:
        formatter = self._ip.display_formatter
        formatter.ipython_display_formatter.pop(Run, None)
        for mime in ("text/plain", "text/html"):
            for kind in (Run, Action, TaskTemplate, TaskEnvironment):
                formatter.formatters[mime].pop(kind, None)

    def _show(self, run: Any) -> None:
        self.hooks.show(run)


def load_ipython_extension(ip: Any) -> None:
    """Install into a shell; a second time does nothing."""
    with _lock:
        if getattr(ip, _ATTRIBUTE, None) is None:
            extension = Extension(ip)
            extension.install()
            setattr(ip, _ATTRIBUTE, extension)


def unload_ipython_extension(ip: Any) -> None:
    """Take out of a shell."""
    with _lock:
        extension = getattr(ip, _ATTRIBUTE, None)
        if extension is not None:
            extension.remove()
            delattr(ip, _ATTRIBUTE)


def submit(task: Any, inputs: dict[str, Any], options: dict[str, Any]) -> Any:
    """Start a run, as `flyte.with_runcontext(**options).run(task, **inputs)`."""
    return context.with_runcontext(**options).run(task, **inputs)


def _run_html(view: tree.RunView) -> str:
    return twin.render(view) + twin.frames(view)


def _view(run: Any) -> tree.RunView:
    snapshot = run.snapshot()
    return tree.view(snapshot, previews.previews(snapshot), pages=pages.pages(snapshot))


def _values(action: Any) -> dict[str, Any]:
    return previews.of_action(action.row)
