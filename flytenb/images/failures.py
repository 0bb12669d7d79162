"""Failures of builds as one sentence with cause, object and fix."""

from __future__ import annotations

import re

from flytenb import errors
from flytenb.containers.client import said
from flytenb.images.words import sentence_of, without_credentials

_NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.I)
_NO_PACKAGE = re.compile(r"E: Unable to locate package (\S+)|E: Package '(\S+)' has no installation candidate")
_HINTS = (
    (re.compile(r"No matching distribution found for (\S+)|no version of (\S+)|was not found in the package registry"),
     "check the name and version, and that the index offers it for this Python"),
    (re.compile(r"Could not resolve host|Temporary failure (in name resolution|resolving)|Name or service not known"
                r"|Network is unreachable|dns error|Failed to establish a new connection"),
     "the build cannot reach the network: check proxy and index (HTTPS_PROXY, PIP_INDEX_URL)"),
    (re.compile(r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|invalid peer certificate"),
     "the server's certificate is not trusted: name your CA bundle with PIP_CERT or SSL_CERT_FILE"),
    (re.compile(r"401 Unauthorized|403 Forbidden|401 Error|403 Error"),
     "the index refuses: check user and password of its URL, or ~/.netrc"),
    (re.compile(r"gcc: not found|command 'gcc' failed|unable to execute 'gcc'|error: Microsoft|cc: not found"),
     "a package must be compiled: add .with_apt_packages(\"build-essential\") before it"),
)  # fmt: skip


def disk_full(name: str, where: str = "") -> errors.ImageBuildError:
    """The engine's disk is full."""
    at = f" at {where}" if where else ""
    return errors.ImageBuildError(
        f"image {name}: the disk of the Docker engine is full{at}; make room (docker system df shows what takes it, "
        "docker system prune removes what nobody uses)"
    )


def build_error(
    name: str, step: int, steps: int, title: str, command: str, status: int, lines: list[str]
) -> errors.BaseRuntimeError:
    """A command of a layer failed.

    Args:
        name: the image's.
        step, steps: which of how many.
        title: the layer's.
        command: the line that failed, as a person wrote it.
        status: its exit status.
        lines: the end of its log.
    """
    text = "\n".join(lines)
    if _NO_SPACE.search(text):
        return disk_full(name, f"step {step} of {steps} ({title})")
    missing = _NO_PACKAGE.search(text)
    if missing is not None:
        told = f"image {name}, step {step} of {steps}: {missing[0].strip()}"
        return errors.InvalidPackageError(missing[1] or missing[2], told)
    hint = next((fix for pattern, fix in _HINTS if pattern.search(text)), "mend the layer; what was built before stays")
    return errors.ImageBuildError(
        f"image {name}: step {step} of {steps} failed ({title}): `{without_credentials(command)}` ended with status "
        f"{status}; {hint}. Last lines:\n{sentence_of(lines)}"
    )


def dockerfile_error(name: str, step: int, instruction: str, words: str, lines: list[str]) -> errors.ImageBuildError:
    """An instruction of a Dockerfile failed; `words` is the builder's own sentence."""
    if instruction.upper().startswith("FROM "):
        return errors.ImageBuildError(
            f"image {name}: its base cannot be had (`{instruction}`): {without_credentials(' '.join(words.split()))}; "
            "check the name, log in with `docker login`, or use a local image"
        )
    if _NO_SPACE.search("\n".join((words, *lines))):
        return disk_full(name, instruction)
    where = (
        f"step {step} failed: `{without_credentials(instruction)}`" if instruction else "its Dockerfile cannot be built"
    )
    told = f". Last lines:\n{sentence_of(lines)}" if lines else ""
    return errors.ImageBuildError(
        f"image {name}: {where}: {without_credentials(' '.join(words.split()))}; mend it{told}"
    )


def not_pulled(error: errors.ImagePullBackOffError, *, is_default: bool) -> errors.ImagePullBackOffError:
    """A base that cannot be pulled, with what helps where nobody named it."""
    text = str(error)
    if _NO_SPACE.search(text):
        text += "; docker system prune makes room"
    elif is_default:
        text += (
            '; FLYTENB_BASE_IMAGE names another base: a mirror ("mirror.example/python:{version}-slim"), a local image'
        )
    return errors.ImagePullBackOffError(error.code, without_credentials(text))


def engine_error(error: BaseException, address: str, name: str) -> errors.BaseRuntimeError:
    """Any other refusal of the container engine."""
    words = said(error)
    if _NO_SPACE.search(words):
        return disk_full(name)
    if type(error).__name__ in ("ConnectionError", "ReadTimeout", "ProtocolError", "ChunkedEncodingError"):
        return errors.ContainerEngineError(
            f"image {name}: the Docker engine at {address} went away while it built; see that it runs (docker info), "
            "then try again: what was built before stays"
        )
    return errors.ImageBuildError(
        f"image {name}: the Docker engine at {address} refused: {without_credentials(words) or type(error).__name__}; "
        "see that it runs (docker info), then try again"
    )
