"""The browser's side: what a Jupyter server, or a page of its own, serves to the front end.

`feed` answers one tab over its WebSocket, `relay` passes requests on to the engine's API, `server` puts both into a
Jupyter server (its authentication, its base URL), `page` serves them without one (`flytenb open`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: Where the built front end lies.
ASSETS = Path(__file__).resolve().parent.parent / "labextension"


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "flytenb.lab"}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "../labextension", "dest": "flytenb"}]


def _load_jupyter_server_extension(app: Any) -> None:
    from flytenb.lab.server import install  # tornado and jupyter_server are there when this is called

    install(app)
