"""Makes the development environment in `.venv/` from the pinned requirements. Standard library only.

Run by `make setup`:

    python3 tools/bootstrap.py            # set up; does nothing when everything is in place
    python3 tools/bootstrap.py --print-uv # where uv is, installing it privately when absent

uv is taken from the path, else installed by pip (pinned, with hashes) into `.tools/uv` of this checkout. An index and
certificates that pip was configured with are handed on to uv, so that a mirror works.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
STAMP = VENV / ".flytenb-setup"
REQUIREMENTS = ROOT / "requirements" / "dev.txt"


def main(arguments: list[str]) -> int:
    """Set up, or print uv's path."""
    if sys.version_info < (3, 10):  # noqa: UP036  this file must tell so itself
        return _fail(f"Python {sys.version.split()[0]} is too old; call make with PYTHON=python3.10 or newer.")
    try:
        if arguments == ["--print-uv"]:
            print(_uv())
            return 0
        if _is_current():
            return 0
        _set_up(_uv())
    except subprocess.CalledProcessError as error:
        return _fail(f"setup: `{' '.join(map(str, error.cmd))}` ended with {error.returncode}; see its output above.")
    except FileNotFoundError as error:
        return _fail(str(error))
    return 0


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def _fingerprint() -> str:
    """What the environment was made from: the pins, the package's metadata and the interpreter."""
    parts = [
        REQUIREMENTS.read_bytes(),
        (ROOT / "pyproject.toml").read_bytes(),
        sys.version.encode(),
        str(ROOT).encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _is_current() -> bool:
    return (VENV / "bin" / "python").exists() and STAMP.exists() and STAMP.read_text() == _fingerprint()


def _set_up(uv: str) -> None:
    env = _uv_environment()
    python = VENV / "bin" / "python"
    if not _runs(python):
        _call([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)], env)
    _call([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(REQUIREMENTS)], env)
    # hatchling and editables are pinned in the requirements, so the build needs no environment of its own.
    own = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    _call([uv, "pip", "install", "--quiet", "--python", str(python), *own], env)
    # The sources too: where PYTHONDONTWRITEBYTECODE is set, every start would compile them anew.
    _call([str(python), "-m", "compileall", "-q", str(ROOT / "flytenb")], env)
    STAMP.write_text(_fingerprint())


def _runs(python: Path) -> bool:
    """Whether this environment's interpreter is the one that called us, in version."""
    if not python.exists():
        return False
    show = [str(python), "-c", "import sys; print(sys.version)"]
    answer = subprocess.run(show, capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == sys.version


def _uv() -> str:
    found = shutil.which("uv")
    if found:
        return found
    own = TOOLS / "uv" / "bin" / "uv"
    if own.exists() and subprocess.run([str(own), "--version"], capture_output=True, check=False).returncode == 0:
        return str(own)
    shutil.rmtree(TOOLS / "uv", ignore_errors=True)
    # --target works in an externally managed Python (PEP 668) too and leaves that Python alone.
    pins = ["--require-hashes", "--requirement", str(ROOT / "requirements" / "uv.txt")]
    quiet = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--target", str(TOOLS / "uv")]
    _call([*_pip(), "install", *quiet, *pins], dict(os.environ))
    return str(own)


def _pip() -> list[str]:
    """A pip to call: this Python's own, or one in a private environment."""
    own = [sys.executable, "-m", "pip"]
    if subprocess.run([*own, "--version"], capture_output=True, check=False).returncode == 0:
        return own
    private = TOOLS / "pip"
    made = subprocess.run([sys.executable, "-m", "venv", str(private)], capture_output=True, check=False)
    if made.returncode != 0:
        raise FileNotFoundError(
            f"setup: {sys.executable} has neither pip nor ensurepip; install them "
            "(Debian and Ubuntu: apt-get install python3-venv python3-pip), or put uv on the PATH, and call make again."
        )
    return [str(private / "bin" / "python"), "-m", "pip"]


def _uv_environment() -> dict[str, str]:
    """This environment plus pip's index and certificates, when pip has them and uv none."""
    env = dict(os.environ, UV_PYTHON_DOWNLOADS="never", UV_NO_PROGRESS="1", UV_COMPILE_BYTECODE="1")
    env.pop("VIRTUAL_ENV", None)
    env.setdefault("UV_SYSTEM_CERTS", "1")  # a mirror's certificate is known to the machine, not to uv's own list
    if "SSL_CERT_FILE" not in env and (certificates := env.get("PIP_CERT") or _pip_setting("global.cert")):
        env["SSL_CERT_FILE"] = certificates
    if not any(name in env for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL")):
        index = env.get("PIP_INDEX_URL") or _pip_setting("global.index-url")
        if index:
            env["UV_DEFAULT_INDEX"] = index
    return env


def _pip_setting(name: str) -> str:
    ask = [sys.executable, "-m", "pip", "config", "get", name]
    answer = subprocess.run(ask, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _call(command: list[str], env: dict[str, str]) -> None:
    subprocess.run(command, env=env, check=True, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
