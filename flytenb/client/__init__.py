"""Find or start the engine, submit, wait, read: what a script, a notebook and the command line do.

The names load on first use: looking at an engine costs no capture and no codec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flytenb.model import quick as quick  # before anything imports msgspec

if TYPE_CHECKING:
    from flytenb.client.again import spin as spin
    from flytenb.client.building import build as build
    from flytenb.client.building import build_images as build_images
    from flytenb.client.comparing import compare as compare
    from flytenb.client.config import current_domain as current_domain
    from flytenb.client.config import current_project as current_project
    from flytenb.client.config import init as init
    from flytenb.client.config import init_from_api_key as init_from_api_key
    from flytenb.client.config import init_from_config as init_from_config
    from flytenb.client.config import init_in_cluster as init_in_cluster
    from flytenb.client.config import init_passthrough as init_passthrough
    from flytenb.client.config import is_control_plane_available as is_control_plane_available
    from flytenb.client.context import rerun as rerun
    from flytenb.client.context import run as run
    from flytenb.client.context import with_runcontext as with_runcontext
    from flytenb.client.later import deploy as deploy
    from flytenb.client.later import run_python_script as run_python_script
    from flytenb.client.later import serve as serve
    from flytenb.client.later import with_servecontext as with_servecontext
    from flytenb.client.lineage import where as where
    from flytenb.client.planning import plan as plan
    from flytenb.client.recent import runs as runs
    from flytenb.client.run_handle import Run as Run

_MODULES = {
    "again": ("spin",),
    "building": ("build", "build_images"),
    "comparing": ("compare",),
    "config": (
        *("current_domain", "current_project", "init", "init_from_api_key", "init_from_config", "init_in_cluster"),
        *("init_passthrough", "is_control_plane_available"),
    ),
    "context": ("rerun", "run", "with_runcontext"),
    "later": ("deploy", "run_python_script", "serve", "with_servecontext"),
    "lineage": ("where",),
    "planning": ("plan",),
    "recent": ("runs",),
    "run_handle": ("Run",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    return value
