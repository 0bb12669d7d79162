"""Explanations as plain data, for who shows them elsewhere: a server beside a notebook, the engine's HTTP API.

As a program (`python -m flytenb.client.as_data why RUN [ACTION]`) it prints one JSON object: the answer, or `code`
and `message` of the error with exit status 3.
"""

from __future__ import annotations

import sys
from typing import Any

from flytenb.errors import BaseRuntimeError, FlytenbError


def explain_as_data(run: str, action: str = "") -> dict[str, Any]:
    """Why an action was taken from the cache or not, or all tasks of a run, as data for JSON.

    Example:
        explain_as_data("k7p2x9", "a3")["headline"]

    Raises:
        RuntimeUserError: there is no such run or action.
        EngineError: the engine cannot be reached.
    """
    from flytenb.client.action import here
    from flytenb.client.explain import why

    told: why.Why | why.RunWhy = why.explain(*here(), run, action) if action else why.explain_run(*here(), run)
    return told.to_dict()


def plan_as_data(run: str, action: str = "") -> dict[str, Any]:
    """What a rerun of a run, or of one of its actions, would take from the cache, as data for JSON."""
    from flytenb.client.replanning import plan_again

    return plan_again(run, action or "a0").to_dict()


def main(words: list[str]) -> int:
    """Answer one question on standard output."""
    import json

    from flytenb.client.shown import code_as_data, page_as_data

    answer = {"why": explain_as_data, "plan": plan_as_data, "code": code_as_data, "page": page_as_data}
    if not 2 <= len(words) <= 3 or words[0] not in answer:
        print("usage: python -m flytenb.client.as_data why|plan|code|page RUN [ACTION]", file=sys.stderr)
        return 2
    try:
        told = answer[words[0]](*words[1:])
    except (FlytenbError, BaseRuntimeError) as error:
        print(json.dumps({"code": getattr(error, "code", type(error).__name__), "message": str(error)}))
        return 3
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
