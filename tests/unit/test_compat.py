"""`flyte` means flytenb. In fresh processes: the alias is a property of the whole interpreter."""

import subprocess
import sys
import textwrap

import pytest


def run(code):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_of_flyte_is_ours():
    run("""
        import sys
        from flytenb import compat
        compat.install()
        import importlib
        import flyte, flytenb
        assert flyte is flytenb
        for face in compat.FACES:
            module = importlib.import_module("flyte." + face)
            assert module is importlib.import_module("flytenb." + face), face
            assert module.__name__ == "flytenb." + face
            assert module.__spec__.name == "flytenb." + face
        from flyte.io import File
        from flyte.app.extras import FastAPIAppEnvironment
        import flyte.errors as e
        assert e.OOMError is flytenb.errors.OOMError
        assert not [name for name in sys.modules if name.startswith("flyte.") and "sdk" in name]
    """)


def test_a_script_of_flytes_runs_unchanged():
    out = run("""
        import flytenb.compat
        flytenb.compat.install()
        flytenb.compat.install()

        import asyncio
        import flyte
        import flyte.report

        env = flyte.TaskEnvironment(name="hello", limits=flyte.Resources(cpu="1", mem="1Gi"),
                                    image=flyte.Image.from_debian_base().with_pip_packages("pandas"))

        @env.task(report=True)
        async def main(name: str) -> str:
            await flyte.report.log.aio(f"<b>{name}</b>")
            return f"Hello, {name}!"

        print(asyncio.run(main("World")))
    """)
    assert out == "Hello, World!\n"


@pytest.mark.parametrize("module", ["flyte.ai.agents", "flyte.sdk", "flyte._run", "flyte.sandbox"])
def test_what_is_not_there_says_so(module):
    run(f"""
        import flytenb.compat
        flytenb.compat.install()
        try:
            import {module}
        except ModuleNotFoundError as error:
            assert "is not available in flytenb" in str(error), error
        else:
            raise SystemExit("found")
    """)


def test_nothing_is_loaded_before_it_is_asked_for():
    out = run("""
        import sys
        import flytenb.compat
        flytenb.compat.install()
        import flyte
        print(sorted(name for name in sys.modules if name.startswith("flytenb")))
    """)
    assert out.strip() == "['flytenb', 'flytenb.compat']"


def test_taking_it_away():
    run("""
        import sys
        from flytenb import compat
        compat.install()
        import flyte.errors
        compat.uninstall()
        assert not [name for name in sys.modules if name.partition(".")[0] == "flyte"]
        import flytenb.errors
    """)


def test_it_refuses_to_replace_a_loaded_flyte(tmp_path):
    (tmp_path / "flyte.py").write_text("")
    run(f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import flyte
        from flytenb import compat
        try:
            compat.install()
        except ImportError as error:
            assert "call install() first" in str(error)
        else:
            raise SystemExit("replaced")
    """)


def test_the_papermill_plugin_has_flytes_name() -> None:
    code = (
        "import flytenb.compat; flytenb.compat.install()\n"
        "from flyteplugins.papermill import NotebookTask, load_dataframe, load_dir, load_file, record_outputs\n"
        "import flyteplugins.papermill as one, flytenb.extras.papermill as other\n"
        "print(one is other)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr
