"""`flytenb open`: a run in the browser."""

from __future__ import annotations

import webbrowser

import click

from flytenb.wire import paths


@click.command("open")
@click.argument("run", metavar="[RUN]", required=False, default="")
@click.option("--no-browser", is_flag=True, help="Print the address only.")
def open_(run: str, no_browser: bool) -> None:
    """Open a run (`last` is the newest), or the list of runs, in the browser.

    The address holds a token: who has it may look and command until the page has been closed for ten minutes.
    """
    from flytenb.client.session import session
    from flytenb.lab.opened import address_of
    from flytenb.model.snapshot import RunRow

    home = paths.home()
    if run:
        row: RunRow = session(home).query("run", RunRow, run=run)
        run = row.name
    else:
        session(home).query("status")
    address = address_of(home, run)
    click.echo(address)
    if not no_browser:
        webbrowser.open(address)
