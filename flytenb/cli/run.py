"""`flytenb run FILE TASK`: the run's id, its address, its phase."""

from __future__ import annotations

import sys
from typing import Any

from flytenb.cli.options import USAGE, UsageError, Words, inputs_of, split
from flytenb.errors import FlytenbError
from flytenb.model.outcome import Failure, decode_failure
from flytenb.model.phases import ActionPhase


def run_command(words: list[str]) -> int:
    """Carry out `flytenb run …`; 0 when the run succeeded."""
    try:
        parsed = split(words)
        if not parsed.file:
            print(USAGE, end="", file=sys.stdout if "help" in parsed.given else sys.stderr)
            return 0 if "help" in parsed.given else 2
        return _run(parsed)
    except UsageError as error:
        print(f"flytenb: {error}", file=sys.stderr)
        return 2


def _run(parsed: Words) -> int:
    from flytenb.cli.load import find_task, load_file

    try:
        task = find_task(load_file(parsed.file, parsed.given.get("root_dir")), parsed.task, parsed.file)
    except (FlytenbError, KeyboardInterrupt):
        raise
    except BaseException as error:  # the user's file failed while it was loaded: his traceback, not ours
        _print_users_traceback(error)
        print(f"flytenb: {parsed.file} cannot be loaded: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    inputs = inputs_of(parsed, task.interface, task.name)
    given = parsed.given
    if "help" in given:
        print(_help(parsed, task))
        return 0
    is_json = given.get("output", "text") == "json"
    if given.get("output", "text") not in ("text", "json", "table", "json-raw"):
        raise UsageError(f"-o {given['output']}: write text or json")
    run = runner_of(parsed).run(task, **inputs)
    return finish(run, is_json=is_json, is_followed="follow" in given, is_detached="detach" in given)


def finish(run: Any, *, is_json: bool, is_followed: bool, is_detached: bool) -> int:
    """Tell of a run that was started, and wait for its end unless nobody wants to; 0 when it succeeded."""
    if not is_json:
        print(f"{run.name}\n{run.url}", flush=True)
    if is_detached:
        if is_json:
            _print_json({"name": run.name, "url": run.url, "phase": str(run.phase)})
        return 0
    if is_followed:
        _follow(run)
    phase, payload = run.ended().result() if _waited(run) else (run.phase, b"")
    return _tell(run, phase, payload, is_json=is_json)


def runner_of(parsed: Words) -> Any:
    """What runs a task with the options of the command line."""
    from flytenb.client.config import init
    from flytenb.client.context import with_runcontext

    given = parsed.given
    same = (
        "name",
        "copy_style",
        "queue",
        "service_account",
        "version",
        "raw_data_path",
        "project",
        "domain",
        "cache_lookup_scope",
    )
    options: dict[str, Any] = {key: given[key] for key in same if key in given}
    options |= {key: True for key in ("overwrite_cache", "disable_run_cache") if key in given}
    if "max_action_concurrency" in given:
        options["max_action_concurrency"] = _number(given["max_action_concurrency"])
    if given.get("root_dir"):
        init(root_dir=given["root_dir"])
    try:
        return with_runcontext(
            "local" if "local" in given else None, env_vars=parsed.pairs("env"), labels=parsed.pairs("label"), **options
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--max-action-concurrency {text!r}: write a whole number") from None


def _waited(run: Any) -> bool:
    from flytenb.client import telling
    from flytenb.client.interrupts import detached
    from flytenb.client.session import session

    try:
        telling.end_of(run, session(), is_command=True)
    except KeyboardInterrupt:
        raise detached(run) from None
    return True


def _follow(run: Any) -> None:
    """Print what the actions write until the run has ended."""
    from collections import Counter
    from queue import SimpleQueue

    from flytenb.cli.progress import ProgressLines
    from flytenb.client.handle import read_logs
    from flytenb.client.interrupts import detached, say
    from flytenb.client.session import session
    from flytenb.views.conditions import hint

    progress = ProgressLines(sys.stderr)
    changes: SimpleQueue[Any] = SimpleQueue()
    printed: Counter[Any] = Counter()
    told: set[str] = set()
    undo = run.on_change(changes.put)
    try:
        while (change := changes.get()) is not None:
            for piece in change.logs:
                progress.clear()
                _print_piece(piece)
                printed[piece] += 1
            for row in change.actions:
                if row.condition is not None and row.condition.is_open and row.name not in told:
                    told.add(row.name)
                    progress.clear()
                    say(hint(row.condition))
            progress.show(change)
    except KeyboardInterrupt:
        progress.clear()
        raise detached(run) from None
    finally:
        progress.clear()
        undo()
    # Changes carry the last lines only, and a short run ends before the first one.
    for piece in read_logs(session(), run.name):
        if printed[piece] > 0:
            printed[piece] -= 1
        else:
            _print_piece(piece)


def _print_piece(piece: Any) -> None:
    stream = sys.stderr if piece.stream == "stderr" else sys.stdout
    for line in piece.text.splitlines():
        print(f"{piece.action} | {line}", file=stream, flush=True)


def _tell(run: Any, phase: ActionPhase, payload: bytes, *, is_json: bool) -> int:
    is_good = phase in (ActionPhase.SUCCEEDED, ActionPhase.RECOVERED)
    failure = None if is_good else decode_failure(payload)
    if is_json:
        told: dict[str, Any] = {"name": run.name, "url": run.url, "phase": str(phase)}
        if failure is None:
            told["outputs"] = run.outputs().named_outputs
        else:
            told["error"] = {"code": failure.code, "message": failure.message, "kind": failure.kind}
            told["error"]["traceback"] = failure.traceback
        _print_json(told)
    elif failure is None:
        print(f"Run '{run.name}' completed successfully.")
        outputs = run.outputs()
        if tuple(outputs) != (None,):
            for name, value in outputs.named_outputs.items():
                print(f"{name}: {value}")
    else:
        print(f"Run '{run.name}' {phase.word.lower()}.")
        _print_failure(failure)
    return 0 if is_good else 1


def _print_failure(failure: Failure) -> None:
    if failure.traceback:
        print(failure.traceback.rstrip(), file=sys.stderr)
    else:
        print(f"{failure.code}: {failure.message}", file=sys.stderr)
    if failure.kept:
        print(failure.kept_words, file=sys.stderr)


def _print_json(value: Any) -> None:
    from flytenb.cli.show import to_json

    print(to_json(value))


def _print_users_traceback(error: BaseException) -> None:
    import traceback

    frames = error.__traceback__
    while frames is not None and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)


def _is_ours(filename: str) -> bool:
    return "importlib" in filename or __name__.split(".")[0] in filename.rsplit("/", 2)[-2:][0] or "/cli/" in filename


def _help(parsed: Words, task: Any) -> str:
    described = task.interface.describe()
    lines = [f"Usage: flytenb run [OPTIONS] {parsed.file} {parsed.task} [--input VALUE …]", ""]
    func = getattr(task, "func", None)  # the task of a container has none
    doc = (func.__doc__ or "").strip() if func is not None else ""
    lines += [f"  {doc.splitlines()[0]}", ""] if doc else []
    lines.append("Inputs:")
    for one in described["inputs"]:
        default = "required" if one["required"] else f"default {one['default']}"
        lines.append(f"  --{one['name'].replace('_', '-'):<20} {one['type']}  ({default})")
    lines += ["", "Options of the run: see `flytenb run --help`."]
    return "\n".join(lines)
