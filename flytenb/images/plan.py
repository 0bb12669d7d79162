"""From an `ImageSpec` to the steps that make it: plain data, the same for every way to build.

A step is shell text that runs with the image's own tools, files, or a change of the image's settings. What only a
person's machine knows (package index, proxy, certificates, values of secrets) is never part of a step.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b

import msgspec

from flytenb.errors import ImageBuildError
from flytenb.images import manifests
from flytenb.images.layers import options_of
from flytenb.images.requirements import installs_project, locked
from flytenb.images.words import without_credentials
from flytenb.model.image import FileSpec, ImageSpec, LayerSpec, SecretSpec

#: Grows when the commands of a kind of layer change: older images are then made anew.
RECIPE = 1
#: Files that are there while a step's commands run, and never in the image.
WORK = "/run/flytenb"
#: Where an image works whose base says nothing and whose layers copy files relative to it.
WORKDIR = "/workspace"

_NEEDS_PYTHON = """PY="$(command -v python3 || command -v python || true)"
[ -n "$PY" ] || { echo "this image has no Python; install it in a layer before this one"; exit 97; }"""
#: uv where the image has it, pip otherwise; into the Python that tasks will run in.
_INSTALL = f"""{_NEEDS_PYTHON}
if command -v uv >/dev/null 2>&1; then
  set -- uv pip install --python "$PY" --break-system-packages --no-cache --no-progress "$@"
else
  set -- "$PY" -m pip install --no-cache-dir --progress-bar off "$@"
fi
exec "$@\""""
_PIXI = f"""if ! command -v pixi >/dev/null 2>&1; then
  {_NEEDS_PYTHON}
  export PATH="{WORK}:$PATH"
  "$PY" - <<'END'
import os, platform, urllib.request
name = "https://github.com/prefix-dev/pixi/releases/latest/download/pixi-%s-unknown-linux-musl" % platform.machine()
urllib.request.urlretrieve(name, "{WORK}/pixi")
os.chmod("{WORK}/pixi", 0o755)
END
fi"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A file to put somewhere: an object of the store, or bytes."""

    path: str
    digest: str = ""
    data: bytes = b""
    is_executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one layer does."""

    #: For people, without credentials.
    title: str
    #: Shell commands, one after the other; the first that fails ends the build.
    commands: tuple[str, ...] = ()
    #: What a person wrote for each command, where the command says more than that.
    said: tuple[str, ...] = ()
    #: Files that stay, by absolute path.
    copies: tuple[Copy, ...] = ()
    #: Files that are there while the commands run, relative to `WORK`.
    files: tuple[Copy, ...] = ()
    #: Settings of the layer for its commands only (an index URL may hold a password).
    variables: tuple[tuple[str, str], ...] = ()
    secrets: tuple[SecretSpec, ...] = ()
    #: All that was added to the image's settings up to here.
    env: tuple[tuple[str, str], ...] = ()
    workdir: str = ""
    #: Identity of what there is after this step, relative to the base.
    digest: str = ""

    @property
    def is_setting(self) -> bool:
        """Whether it only changes the image's settings, no file."""
        return not self.commands and not self.copies


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All steps after a base."""

    base: str
    steps: tuple[Step, ...]
    env: tuple[tuple[str, str], ...] = ()
    workdir: str = ""


#: Reads an object's content by its digest.
Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class _Around:
    """What a layer must know of the image around it."""

    spec: ImageSpec
    workdir: str
    read: Read


_encode = msgspec.msgpack.Encoder().encode


def make_plan(spec: ImageSpec, read: Read, *, workdir: str = "") -> Plan:
    """The steps of an image that is no Dockerfile.

    Args:
        spec: what to make.
        read: contents of its files by digest.
        workdir: where the base works.

    Raises:
        ImageBuildError: a layer that cannot be installed, or that nobody knows.
    """
    if workdir in ("", "/") and _copies_without_workdir(spec):
        workdir = WORKDIR
    steps: list[Step] = []
    env: dict[str, str] = {}
    digest = blake2b(b"flytenb.plan/%d\0" % RECIPE + workdir.encode(), digest_size=16).digest()
    for layer in spec.layers:
        maker = _MAKERS.get(layer.kind)
        if maker is None:
            raise ImageBuildError(f'an image layer "{layer.kind}" is not known; there are {", ".join(sorted(_MAKERS))}')
        step = maker(layer, _Around(spec, workdir, read))
        env |= dict(step.env)
        workdir = step.workdir or workdir
        digest = blake2b(digest + _encode(layer), digest_size=16).digest()
        steps.append(replace(step, env=tuple(env.items()), workdir=workdir, digest=digest.hex()))
    return Plan(base=spec.base, steps=tuple(steps), env=tuple(env.items()), workdir=workdir)


# ---- one maker per kind of layer --------------------------------------------------------------------------------


def _pip(layer: LayerSpec, around: _Around) -> Step:
    return _installs(layer, "pip install " + _few(layer.values), layer.values)


def _requirements(layer: LayerSpec, around: _Around) -> Step:
    files = tuple(Copy(path=one.path, digest=one.digest) for one in layer.files)
    return _installs(layer, f"pip install -r {layer.files[0].path}", ("-r", layer.files[0].path), files)


def _uv_script(layer: LayerSpec, around: _Around) -> Step:
    script = layer.files[0]
    header = manifests.script_header(script.path, around.read(script.digest))
    words = (*header.options, *header.requirements)
    return _installs(layer, f"dependencies of {script.path}", words, is_empty=not header.requirements)


def _project(layer: LayerSpec, around: _Around) -> Step:
    """The locked dependencies and, where asked, the project itself without looking for dependencies again."""
    text = locked(layer, around.read, around.spec.python[:2])
    wanted = Copy(path="locked.txt", data=text.encode())
    step = _installs(layer, "dependencies of pyproject.toml", ("-r", wanted.path), (wanted,), is_empty=not text.strip())
    if not installs_project(layer):
        return step
    files = tuple(Copy(path=f"project/{one.path}", digest=one.digest) for one in layer.files)
    return replace(
        step,
        title="project of pyproject.toml",
        commands=(*step.commands, _command(("--no-deps", f"{WORK}/project"))),
        said=(*step.said, "pip install --no-deps ."),
        files=(*step.files, *files),
    )


def _wheels(layer: LayerSpec, around: _Around) -> Step:
    files = tuple(Copy(path=f"wheels/{one.path}", digest=one.digest) for one in layer.files)
    words = ("--find-links", f"{WORK}/wheels", *layer.values)
    return _installs(layer, "install " + _few(layer.values) + " from wheels", words, files)


def _pixi(layer: LayerSpec, around: _Around) -> Step:
    options = options_of(layer)
    environment = options.get("environment", ("default",))[-1]
    extra = " ".join(options.get("extra_args", ()))
    root = "/opt/pixi"
    lock = "--frozen" if any(one.path == "pixi.lock" for one in layer.files) else ""
    manifest = layer.files[0].path
    copies = tuple(Copy(path=f"{root}/{one.path}", digest=one.digest) for one in layer.files)
    if layer.kind == "pixi-script":
        text = manifests.pixi_manifest(manifest, around.read(layer.files[0].digest))
        manifest = "pixi.toml"
        copies = (Copy(path=f"{root}/{manifest}", data=text.encode()),)
    words = shlex.join(("--manifest-path", f"{root}/{manifest}", "-e", environment))
    command = f"{_PIXI}\nexec pixi install {words} {lock} {extra}"
    folder = f"{root}/.pixi/envs/{environment}"
    return Step(
        title=f"pixi environment {environment} of {manifest}",
        commands=(command.rstrip(),),
        said=("pixi install",),
        copies=copies,
        env=(("PATH", f"{folder}/bin:$PATH"),),
        secrets=layer.secrets,
    )


def _apt(layer: LayerSpec, around: _Around) -> Step:
    names = " ".join(shlex.quote(one) for one in layer.values)
    command = (
        "export DEBIAN_FRONTEND=noninteractive\n"
        'command -v apt-get >/dev/null || { echo "this image has no apt-get: its base is not Debian"; exit 98; }\n'
        f"apt-get update -q && apt-get install -y --no-install-recommends {names} && rm -rf /var/lib/apt/lists/*"
    )
    title = "apt-get install " + _few(layer.values)
    return Step(title=title, commands=(command,), said=(title,), secrets=layer.secrets)


def _run(layer: LayerSpec, around: _Around) -> Step:
    first = without_credentials(layer.values[0]) if layer.values else ""
    title = "run " + first + (f" and {len(layer.values) - 1} more" if len(layer.values) > 1 else "")
    return Step(title=title, commands=layer.values, said=layer.values, secrets=layer.secrets)


def _env(layer: LayerSpec, around: _Around) -> Step:
    return Step(title="env " + _few(tuple(name for name, _ in layer.options)), env=layer.options)


def _workdir(layer: LayerSpec, around: _Around) -> Step:
    return Step(
        title=f"workdir {layer.dst}", workdir=posixpath.normpath(posixpath.join(around.workdir or "/", layer.dst))
    )


def _copy(layer: LayerSpec, around: _Around) -> Step:
    target = posixpath.normpath(posixpath.join(around.workdir or "/", layer.dst))
    copies = tuple(
        Copy(path=_place(target, one, layer), digest=one.digest, is_executable=one.is_executable) for one in layer.files
    )
    count = "" if len(copies) == 1 else f" ({len(copies)} files)"
    return Step(title=f"copy to {layer.dst}{count}", copies=copies)


_MAKERS: dict[str, Callable[[LayerSpec, _Around], Step]] = {
    "pip": _pip,
    "requirements": _requirements,
    "uv-script": _uv_script,
    "uv-project": _project,
    "poetry-project": _project,
    "wheels": _wheels,
    "pixi-project": _pixi,
    "pixi-script": _pixi,
    "apt": _apt,
    "run": _run,
    "env": _env,
    "workdir": _workdir,
    "copy": _copy,
}


def _copies_without_workdir(spec: ImageSpec) -> bool:
    """Whether a file is copied to a relative place before anybody said where that is."""
    first = next((one for one in spec.layers if one.kind == "workdir" or _is_relative_copy(one)), None)
    return first is not None and first.kind == "copy"


def _is_relative_copy(layer: LayerSpec) -> bool:
    return layer.kind == "copy" and not layer.dst.startswith("/")


# ---- parts of the makers ----------------------------------------------------------------------------------------


def _installs(
    layer: LayerSpec, title: str, words: tuple[str, ...], files: tuple[Copy, ...] = (), *, is_empty: bool = False
) -> Step:
    """pip or uv with these words and the layer's options."""
    options = options_of(layer)
    title = without_credentials(title)
    if is_empty or not words:
        return Step(title=title, commands=("true",), said=(title,))
    flags = ("--pre",) if options.get("pre") == ("True",) else ()
    extra = tuple(word for text in options.get("extra_args", ()) for word in shlex.split(text))
    variables: list[tuple[str, str]] = []
    if "index_url" in options:
        url = options["index_url"][-1]
        variables += [("PIP_INDEX_URL", url), ("UV_DEFAULT_INDEX", url)]
    if "extra_index_urls" in options:
        urls = " ".join(options["extra_index_urls"])
        variables += [
            ("PIP_EXTRA_INDEX_URL", urls),
            ("UV_EXTRA_INDEX_URL", urls),
            ("UV_INDEX_STRATEGY", "unsafe-best-match"),
        ]
    return Step(
        title=title,
        commands=(_command((*flags, *extra, *words)),),
        said=(title,),
        files=files,
        variables=tuple(variables),
        secrets=layer.secrets,
    )


def _command(words: tuple[str, ...]) -> str:
    return f"cd {WORK} 2>/dev/null\nset -- {shlex.join(words)}\n{_INSTALL}"


def _place(target: str, file: FileSpec, layer: LayerSpec) -> str:
    """Where a copied file goes: a target that looks like the file itself is its new name."""
    suffix = posixpath.splitext(file.path)[1]
    is_renamed = len(layer.files) == 1 and "/" not in file.path and suffix and not layer.dst.endswith("/")
    if is_renamed and posixpath.splitext(target)[1] == suffix:
        return target
    return posixpath.join(target, file.path)


def _few(names: tuple[str, ...]) -> str:
    return " ".join(names) if len(names) <= 6 else " ".join(names[:5]) + f" and {len(names) - 5} more"
