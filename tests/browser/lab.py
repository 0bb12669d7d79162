"""A real Jupyter server in a folder of its own, and a page of JupyterLab or Notebook 7 on it.

Pages are driven by commands, not by clicks where a click is not the point, and tests wait on data attributes.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "browser-tests"
#: Milliseconds that a page may take for anything: a machine with other work is slow.
PATIENCE_MS = 90_000
#: No question and no network on the first page.
_SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": False,
    },
}  # fmt: skip


class Server:
    """One Jupyter server and the engine that its kernels start.

    Args:
        folder: empty; holds notebooks, settings and, in `home`, the engine's state.
        kind: "lab" or "notebook".
    """

    def __init__(self, folder: Path, kind: str = "lab", base: str = "/user/ada/") -> None:
        self.folder, self.kind, self.base = folder, kind, base
        self.files = folder / "files"
        self.home = folder / "home"
        for each in (self.files, self.home):
            each.mkdir(parents=True, exist_ok=True)
        self.environment = {
            **os.environ, "FLYTENB_HOME": str(self.home), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1",
            "JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTER_DATA_DIR": str(folder / "data"), "IPYTHONDIR": str(folder / "ipython"), "JUPYTER_NO_CONFIG": "",
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"), "TZ": "UTC", "COLUMNS": "80",
            # What is built in this tree, whatever is installed.
            "JUPYTER_PATH": str(_shared(folder)), "PYTEST_CURRENT_TEST": "",
        }  # fmt: skip
        for plugin, chosen in _SETTINGS.items():
            settings = folder / "settings" / (plugin + ".jupyterlab-settings")
            settings.parent.mkdir(parents=True, exist_ok=True)
            settings.write_text(json.dumps(chosen))
        self.log = folder / "server.log"
        if not any(self._has_begun() for _ in range(3)):  # another program may take the port that was free
            raise AssertionError(f"the Jupyter server does not start:\n{self.log.read_text()[-4000:]}")

    def _has_begun(self) -> bool:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}{self.base}"
        words = [
            sys.executable, "-m", "jupyterlab" if self.kind == "lab" else "notebook", "--no-browser", "--allow-root",
            f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.base_url={self.base}", f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={self.files}", "--ServerApp.jpserver_extensions={'flytenb.lab': True}",
            f"--LabServerApp.extra_labextensions_path={_shared(self.folder) / 'labextensions'}",
            "--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True",
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                words, env=self.environment, stdout=log, stderr=log, cwd=self.files, start_new_session=True
            )
        end = time.monotonic() + PATIENCE_MS / 1000
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.ask("api/status")
            except (OSError, HTTPException):
                time.sleep(0.1)  # the only sign of a server is that it answers
            else:
                return True
        return False

    def ask(self, path: str) -> Any:
        """JSON of the server's, or with `flytenb/api/v1/…` of the engine's, API."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"token {TOKEN}"})
        with urllib.request.urlopen(request, timeout=PATIENCE_MS / 1000) as answer:
            return json.loads(answer.read())

    def runs(self) -> list[dict[str, Any]]:
        """Rows of all runs, newest first."""
        rows: list[dict[str, Any]] = self.ask("flytenb/api/v1/runs?limit=100")
        return rows

    def notebook(self, name: str, *cells: str, kernel: str = "python3") -> str:
        """Write a notebook; its path on the server."""
        import nbformat
        from nbformat import v4

        made = v4.new_notebook(
            cells=[v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
        )
        (self.files / name).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, self.files / name)
        return name

    def saved(self, name: str) -> Any:
        """A notebook as it is on disk."""
        import nbformat

        return nbformat.read(self.files / name, as_version=4)

    def stop(self) -> None:
        """End the server, its kernels and the engine."""
        for sign in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sign)
                self.process.wait(8 if sign == signal.SIGTERM else 2)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        words = [sys.executable, "-m", "flytenb", "engine", "stop", "--force"]
        subprocess.run(words, env=self.environment, cwd=ROOT, check=False, capture_output=True, timeout=60)


def _shared(folder: Path) -> Path:
    """A `share/jupyter` with what this tree builds, as an installed wheel has it."""
    shared = folder / "share"
    for name, target in (
        ("labextensions/flytenb", ROOT / "flytenb" / "labextension"),
        ("kernels/flytenb", ROOT / "kernels" / "flytenb"),
    ):
        link = shared / name
        if not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
    return shared


class Page:
    """A browser's page on a server."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page, self.server = page, server
        #: The tasks that wait for this file end when it is there.
        self.gate = server.folder / "gate"
        #: Exceptions in our code, and what it wrote to the console.
        self.errors: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        #: What the engine has told this page: (time, text).
        self.told: list[tuple[float, str]] = []
        page.on("websocket", self._met)
        # Those of the applications themselves are theirs: Notebook 7.6 has one whenever it starts.
        page.on("pageerror", lambda error: "flytenb" in (error.stack or "") and self.errors.append(str(error)))
        page.on("console", self._heard)

    def _met(self, socket: Any) -> None:
        if "/flytenb/api/v1/ws" in socket.url:
            socket.on("framereceived", lambda text: self.told.append((time.monotonic(), str(text))))

    def _heard(self, message: Any) -> None:
        if message.type == "error" and "flytenb" in message.text:
            self.errors.append(message.text)

    def open(self, notebook: str = "", *, kernel: bool = True) -> Page:
        """Show a notebook with its kernel ready, or the empty application."""
        if self.server.kind == "lab":
            tree = f"/tree/{notebook}" if notebook else ""
            self.page.goto(f"{self.server.url}lab/workspaces/{id(self)}{tree}?reset&token={TOKEN}")
            self.page.wait_for_selector("#jupyterlab-splash", state="detached")
        else:
            self.page.goto(f"{self.server.url}notebooks/{notebook}?token={TOKEN}")
        self.page.wait_for_function("window.jupyterapp?.commands.hasCommand('docmanager:open')")
        self.page.evaluate("window.jupyterapp.restored.then(() => null)")
        if notebook:
            self.ready(notebook, kernel=kernel)
        return self

    def show(self, notebook: str) -> None:
        """Open a further notebook in the same page, which in Notebook 7 shows it instead of the one before."""
        if self.server.kind != "lab":
            self.open(notebook)
            return
        self.done("docmanager:open", {"path": notebook})
        self.ready(notebook)

    def ready(self, notebook: str, *, kernel: bool = True) -> None:
        """Until the notebook is in front and its kernel idle."""
        self.page.wait_for_function(
            """([path, kernel]) => {
              const widget = window.jupyterapp?.shell.currentWidget;
              if (widget?.context?.path !== path || !widget.context.isReady) { return false; }
              return !kernel || widget.sessionContext.session?.kernel?.status === 'idle';
            }""",
            arg=[notebook, kernel],
        )

    def do(self, command: str, args: dict[str, Any] | None = None) -> None:
        """Execute a command without waiting for its end (a running cell may take long)."""
        self.page.evaluate("([c, a]) => { void window.jupyterapp.commands.execute(c, a ?? {}); }", [command, args])

    def done(self, command: str, args: dict[str, Any] | None = None) -> None:
        """Execute a command and wait for its end."""
        self.page.evaluate(
            "([c, a]) => window.jupyterapp.commands.execute(c, a ?? {}).then(() => null)", [command, args]
        )

    def run_cell(self, index: int) -> None:
        """Run one cell of the notebook in front."""
        self.page.evaluate(
            """index => {
              const content = window.jupyterapp.shell.currentWidget.content;
              content.activeCellIndex = index; content.deselectAll();
              void window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            index,
        )

    def run_all(self) -> None:
        """Run the notebook in front."""
        self.do("notebook:run-all-cells")

    def view(self, phase: str = "", *, within: str = ".jp-OutputArea", patience_ms: int = PATIENCE_MS) -> Any:
        """The first view of a run in an output, once it is in this phase; it stays that run's view.

        It is scrolled into sight: out of sight a view draws nothing but another phase.
        """
        which = f'[data-phase-of="{phase}"]' if phase else '[data-phase-of]:not([data-phase-of=""])'
        found = self.page.wait_for_selector(f"{within} section[data-run]{which}", state="attached", timeout=patience_ms)
        name = found.get_attribute("data-run")
        view = self.page.locator(f'{within} section[data-run="{name}"]').first
        view.evaluate("section => section.scrollIntoView({block: 'center'})")
        return view

    def output(self, text: str) -> None:
        """Until an output of the notebook in front has this text."""
        self.page.locator(".jp-OutputArea-output", has_text=text).first.wait_for()

    def status(self, state: str) -> None:
        """Until the kernel is "idle" or "busy"."""
        self.page.wait_for_function(
            "state => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === state",
            arg=state,
        )

    def counted(self, index: int) -> None:
        """Until a cell of the notebook in front has ended."""
        self.page.wait_for_function(
            """index => {
              const cell = window.jupyterapp.shell.currentWidget.content.widgets[index];
              return cell.model.executionCount > 0 && cell.model.executionState !== 'running' && cell.promptNode
                ?.innerText !== '[*]:';
            }""",
            arg=index,
        )

    def form(self, task: str) -> Any:
        """The form of a task in the sidebar, which is opened unless it is open from before."""
        self.done("flytenb:show-runs")
        self.page.locator(f"#flytenb-panel [data-task={task}]").wait_for()
        found = self.page.locator(f"#flytenb-panel [data-form={task}]")
        if not found.count():
            self.page.get_by_label(f"Run {task} …").click()
        found.wait_for()
        return found

    def section(self, title: str) -> Any:
        """A section of the sidebar, opened."""
        self.done("flytenb:show-runs")
        found = self.page.locator(f'#flytenb-panel [data-section="{title}"]')
        button = found.locator("h3 button").first
        if button.get_attribute("aria-expanded") == "false":
            button.click()
        return found

    def front(self) -> str:
        """A selector of the notebook in front."""
        found: str = self.page.evaluate("'[id=\"' + window.jupyterapp.shell.currentWidget.id + '\"]'")
        return found

    def stored(self, phase: str) -> None:
        """Until an output of the notebook in front holds that end of a run."""
        self.page.wait_for_function(
            """phase => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells.some(cell =>
              (cell.outputs ?? []).some(output =>
                output.data?.['application/vnd.flytenb.run+json']?.phase === phase))""",
            arg=phase,
        )

    def saved(self) -> Any:
        """The notebook in front as it is on disk."""
        return self.server.saved(self.page.evaluate("window.jupyterapp.shell.currentWidget.context.path"))

    def dismiss(self) -> list[str]:
        """Close dialogs that stand open, so that no later test meets them; what they say."""
        told: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll('.jp-Dialog')].map(each => {
              each.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', keyCode: 27 }));
              return each.innerText;
            })"""
        )
        self.page.wait_for_selector(".jp-Dialog", state="detached")
        return told

    def close_all(self) -> None:
        """Save and close everything in the main area, and end the kernels. Notebook 7 keeps showing its only one."""
        self.page.evaluate(
            """async isLab => {
              const app = window.jupyterapp;
              for (const widget of [...app.shell.widgets('main')]) {
                await widget.context?.save?.();
                if (isLab) { widget.dispose(); }
              }
              await app.serviceManager.sessions.shutdownAll();
            }""",
            self.server.kind == "lab",
        )

    def go(self) -> None:
        """Let the gated tasks of this test end."""
        self.gate.touch()

    def save(self) -> None:
        """Save the notebook in front."""
        self.done("docmanager:save")

    def shot(self, path: Path | str, selector: str = "") -> None:
        """A picture of the page or of a part of it."""
        target = self.page.locator(selector).first if selector else self.page
        target.screenshot(path=str(path), animations="disabled")
