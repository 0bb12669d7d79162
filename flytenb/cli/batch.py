"""`flytenb batch`: a notebook executed unattended."""

from __future__ import annotations

import sys
from typing import Any

import click

from flytenb.cli.output import emit


@click.command()
@click.argument("notebook")
@click.argument("target", metavar="[OUTPUT]", required=False, default="")
@click.option("-p", "--parameter", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("-f", "--parameters-file", "files", multiple=True, metavar="FILE",
              help="Parameters of a YAML or JSON file, a path or an address; -p goes before it.")  # fmt: skip
@click.option("--sweep", "sweeps", multiple=True, metavar="NAME=A,B", help="Values of a parameter, one batch each.")
@click.option("--kernel", "-k", default=None, help="Name of the kernel; default: the notebook's.")
@click.option("--timeout", type=float, default=None, help="Seconds for the whole notebook.")
@click.option("--cell-timeout", type=int, default=None, help="Seconds for each cell.")
@click.option("--retries", default=0, show_default=True, help="How often a batch that failed is resumed at once.")
@click.option("--resume", is_flag=False, flag_value="last", default="", metavar="[RUN]",
              help="Take what the last interrupted batch of this notebook, or that one, has.")  # fmt: skip
@click.option(
    "--skip-cells", is_flag=True, help="With --resume: skip recorded cells whose inputs are equal; record cells."
)
@click.option("--name", default=None, help="Name of the run.")
@click.option("--cwd", type=click.Path(file_okay=False, exists=True), default=None, help="The kernel's folder.")
@click.option("--env", "environment", default=None, metavar="NAME|FILE:NAME",
              help="The environment that the kernel runs in: the notebook's own, or a script's.")  # fmt: skip
@click.option("--env-var", "variables", multiple=True, metavar="NAME=VALUE", help="A variable of the kernel.")
@click.option("--jobs", default=2, show_default=True, help="Batches of a sweep that run at once.")
@click.option("--plot", default=None, metavar="FILE", help="Write a picture of a sweep (plotly): FILE.html.")
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def batch(
    notebook: str, target: str, pairs: tuple[str, ...], files: tuple[str, ...], sweeps: tuple[str, ...], **options: Any
) -> int:
    """Execute a notebook: a run whose actions are its code cells; exit status 1 when a cell fails.

    NOTEBOOK and OUTPUT are paths or addresses (s3://, gs://, …). OUTPUT can be read at any time; the default is
    NOTEBOOK-out.ipynb. Parameters have the types of the annotations in the cell tagged `parameters`.
    """
    from flytenb.batches.execute import batch as execute
    from flytenb.batches.parameters import read_file

    form, jobs, plot = options.pop("output_format"), options.pop("jobs"), options.pop("plot")
    if plot and not sweeps:
        raise click.UsageError("--plot compares the points of a sweep: give --sweep NAME=A,B")
    given: dict[str, Any] = {name: value for file in files for name, value in read_file(file).items()}
    given |= _pairs(pairs, "-p")
    resume = options.pop("resume")
    options["resume"] = True if resume == "last" else resume or False
    options["env_vars"] = _pairs(options.pop("variables"), "--env-var")
    wanted = options.pop("environment")
    options["env"] = environment_of(wanted, notebook) if wanted else None
    if sweeps:
        return _sweep(notebook, target, given, _pairs(sweeps, "--sweep"), form, jobs, plot, options)
    line = Line(is_quiet=form == "json")
    try:
        done = execute(notebook, target or None, given, on_step=line, is_text=True, **options)
    finally:
        line.end()
    data = {key: getattr(done, key) for key in ("name", "notebook", "output", "parameters", "cell_count", "runs")}
    words = f"✔ batch {done.name}: {done.cell_count} cells of {notebook} are in {done.output}"
    if done.reused:
        words += f"; {len(done.reused)} runs of batch {done.resumed} were taken over: {', '.join(done.reused[:8])}"
    emit({**data, "resumed": done.resumed, "notes": done.notes}, form, words)
    return 0


def environment_of(wanted: str, notebook: str) -> Any:
    """The environment `NAME` of the notebook, or `FILE:NAME`.

    Raises:
        EnvironmentNotFound: there is none; names the nearest.
        LoadError: no such file.
    """
    import os

    from flytenb.batches.kernels.environment import named
    from flytenb.cli.load import load_file

    file, separator, name = wanted.rpartition(":")
    before = sys.modules["__main__"], os.getcwd(), list(sys.path)
    try:  # its definitions; this program stays what it is
        names = load_file(file if separator else notebook)
    finally:
        sys.modules["__main__"], sys.path[:] = before[0], before[2]
        os.chdir(before[1])
    known = {one: value for one, value in names.items() if getattr(value, "__flytenb_environment__", False) is True}
    return named(name, known, file or notebook)


def _sweep(
    notebook: str,
    target: str,
    given: dict[str, Any],
    axes: dict[str, str],
    form: str,
    jobs: int,
    plot: str | None,
    options: dict[str, Any],
) -> int:
    from flytenb.batches.sweep import sweep_notebook

    values = {name: text.split(",") for name, text in axes.items()}
    line = Line(is_quiet=form == "json", is_sweep=True)
    try:
        done = sweep_notebook(notebook, target or None, values, given, jobs=jobs, on_step=line, is_text=True, **options)
    finally:
        line.end()
    emit(done.rows, form, done.text())
    if plot:
        done.plot().write_html(plot)
    return 1 if done.failures else 0


def _pairs(words: tuple[str, ...], option: str) -> dict[str, str]:
    found = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or not name:
            raise click.UsageError(f"{option} {word}: write {option} NAME=VALUE")
        found[name] = value
    return found


class Line:
    """One line that says how far it is; without a terminal one line a cell."""

    def __init__(self, *, is_quiet: bool = False, is_sweep: bool = False) -> None:
        self._is_quiet, self._is_sweep = is_quiet, is_sweep
        self._is_live = sys.stderr.isatty()
        self._cell = self._last = ""

    def __call__(self, kind: str, *values: Any) -> None:
        if self._is_quiet:
            return
        if kind == "cell":
            self._cell = f"cell {values[0]}/{values[1]}"
            self._show(self._cell)
        elif kind == "run":
            told = values[0]
            how = "" if told["how"] == "started" else f" ({told['how']})"
            self._show(f"{self._cell} · {told['task'].rpartition('.')[2]} {told['run']}{how}")
        elif kind in ("note", "batch"):
            self.end()
            click.echo(values[0], err=True)

    def _show(self, words: str) -> None:
        if self._is_live:
            click.echo(f"\r\x1b[2K{words[:100]}", nl=False, err=True)
        elif not self._is_sweep:
            click.echo(words, err=True)
        self._last = words

    def end(self) -> None:
        """Leave the line."""
        if self._is_live and self._last:
            click.echo("\r\x1b[2K", nl=False, err=True)
            self._last = ""
