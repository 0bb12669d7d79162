"""The same image as text of a Dockerfile: to look at, to keep in a repository, to build elsewhere."""

from __future__ import annotations

import posixpath
import shlex

from flytenb.images.plan import WORK, Plan, Read, Step, make_plan
from flytenb.model.image import ImageSpec, image_digest


def dockerfile(spec: ImageSpec, read: Read) -> str:
    """The text; equal specs give equal text, without settings or credentials of any machine.

    Args:
        spec: an image.
        read: contents of its files by digest.

    Raises:
        ImageBuildError: a layer cannot be installed.
    """
    if spec.dockerfile:
        return read(spec.dockerfile[0].digest).decode(errors="replace")
    return text_of(make_plan(spec, read), image_digest(spec))


def text_of(plan: Plan, digest: str) -> str:
    """A plan as a Dockerfile for BuildKit; its files lie in the context as `context` lists them."""
    lines = ["# syntax=docker/dockerfile:1", f"# flytenb image {digest}", f"FROM {plan.base}", "USER 0"]
    workdir, env = "", dict[str, str]()
    for n, step in enumerate(plan.steps, 1):
        lines += ["", f"# {step.title}"]
        new = {name: value for name, value in step.env if env.get(name) != value}
        if new:
            lines.append("ENV " + " ".join(f"{name}={_quoted(value)}" for name, value in new.items()))
        if step.workdir != workdir and step.workdir:
            lines.append(f"WORKDIR {step.workdir}")
        workdir, env = step.workdir, dict(step.env)
        lines += [f"COPY {n}{one.path} {one.path}" for one in step.copies]
        lines += [_run(n, step, command) for command in step.commands]
    return "\n".join((*lines, ""))


def context(plan: Plan) -> list[tuple[str, str, bytes]]:
    """(path in the context, digest or "", content) of all files that the text names."""
    return [
        (f"{n}{one.path}" if one in step.copies else f"{n}{WORK}/{one.path}", one.digest, one.data)
        for n, step in enumerate(plan.steps, 1)
        for one in (*step.copies, *step.files)
    ]


def _run(n: int, step: Step, command: str) -> str:
    mounts = [f"--mount=type=bind,source={n}{WORK},target={WORK},rw"] if step.files else []
    for secret in step.secrets:
        where = f"target={posixpath.join(secret.mount, secret.key)}" if secret.mount else f"env={secret.variable}"
        mounts.append(f"--mount=type=secret,id={secret.key},{where}")
    words = " ".join(("RUN", *mounts))
    if "\n" not in command and "<<" not in command:
        return f"{words} {command}"
    end = "END"
    while end in command:
        end += "_"
    return f"{words} <<'{end}'\n{command}\n{end}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if shlex.quote(value) != value else value
