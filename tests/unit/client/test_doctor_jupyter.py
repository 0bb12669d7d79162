"""What the doctor says of front ends, server extensions and servers: each red line with its fix."""

import json
import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from flytenb.client import doctor, doctor_jupyter
from flytenb.model.version import VERSION


def write(place, **data):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(data))
    return place


@pytest.fixture
def installed(tmp_path):
    """Folders of data and configuration in which all is well."""
    front = tmp_path / "data" / "labextensions" / "flytenb"
    write(front / "package.json", name="flytenb", version=VERSION)
    own = doctor_jupyter.Path(doctor_jupyter.__file__).parents[1] / "labextension" / "build-info.json"
    write(front / "build-info.json", **(json.loads(own.read_text()) if own.exists() else {}))
    write(tmp_path / "data" / "kernels" / "flytenb" / "kernel.json")
    enabled = {"jpserver_extensions": {"flytenb.lab": True}}
    write(tmp_path / "config" / "jupyter_server_config.d" / "flytenb.json", ServerApp=enabled)
    return tmp_path


def of(found):
    return doctor.lines([found])[0]


def test_all_is_well(installed):
    data, config = [installed / "none", installed / "data"], [installed / "config"]
    assert of(doctor_jupyter._front_end(data, config)).startswith(f"ok  front end version {VERSION} for JupyterLab ")
    assert of(doctor_jupyter._server_extension(config)) == "ok  server part flytenb.lab is enabled"
    assert of(doctor_jupyter._kernel_spec(data)) == f"ok  kernel spec {installed}/data/kernels/flytenb"
    assert of(doctor_jupyter._ipykernel()).startswith("ok  ipykernel ")


def test_a_front_end_of_another_version(installed):
    write(installed / "data" / "labextensions" / "flytenb" / "package.json", version="0.0.9")
    line = of(doctor_jupyter._front_end([installed / "data"], []))
    assert line.startswith("BAD front end ")
    assert f"has version 0.0.9, this package is {VERSION}; pip install --force-reinstall" in line
    assert line.endswith("then reload the page")


def test_a_front_end_of_another_build_is_a_note(installed):
    write(installed / "data" / "labextensions" / "flytenb" / "build-info.json", sources="old")
    line = of(doctor_jupyter._front_end([installed / "data"], []))
    assert line.startswith("--  front end ")
    assert line.endswith("is another build than this checkout's; pip install -e . copies it")


def test_no_front_end(tmp_path):
    line = of(doctor_jupyter._front_end([tmp_path], []))
    assert line.startswith("BAD front end flytenb's part of JupyterLab ")
    assert "is not installed; pip install --force-reinstall" in line


def test_a_disabled_front_end(installed):
    place = write(installed / "config" / "labconfig" / "page_config.json", disabledExtensions={"flytenb": True})
    line = of(doctor_jupyter._front_end([installed / "data"], [installed / "config"]))
    assert line == f"BAD front end disabled in {place}; jupyter labextension enable flytenb, then reload the page"


def test_the_nearest_configuration_has_the_last_word(installed, tmp_path):
    off = {"jpserver_extensions": {"flytenb.lab": False}}
    write(tmp_path / "user" / "jupyter_server_config.json", ServerApp=off)
    line = of(doctor_jupyter._server_extension([tmp_path / "user", installed / "config"]))
    assert line.startswith(
        "BAD server part flytenb.lab is disabled: views in JupyterLab would stand still; jupyter server"
    )
    assert of(doctor_jupyter._server_extension([installed / "config", tmp_path / "user"])).startswith("ok ")
    assert "BAD server part flytenb.lab is not enabled" in of(doctor_jupyter._server_extension([]))


def test_broken_files_are_as_none(tmp_path):
    for place in ("jupyter_server_config.json", "labconfig/page_config.json"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("[1, {")
    assert "is not enabled" in of(doctor_jupyter._server_extension([tmp_path]))
    write(tmp_path / "jupyter_server_config.json", ServerApp=[1])
    assert "is not enabled" in of(doctor_jupyter._server_extension([tmp_path]))


def test_an_old_ipykernel(monkeypatch):
    monkeypatch.setattr(doctor_jupyter, "version", lambda package: "6.28.1")
    assert of(doctor_jupyter._ipykernel()) == (
        "BAD ipykernel 6.28.1 is older than 6.29: views may stop moving; "
        "pip install -U ipykernel, then restart the kernel"
    )


@contextmanager
def answering(status):
    """A server that answers everything so; gives its URL and what it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(" ".join(filter(None, [self.path, self.headers["Authorization"]])))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_running_servers_are_asked_below_their_base_url(tmp_path):
    with answering(403) as (url, asked):
        write(tmp_path / "jpserver-1.json", pid=os.getpid(), url=f"{url}/user/ada/", base_url="/user/ada/")
        (found,) = doctor_jupyter._servers(tmp_path)
    assert asked == ["/user/ada/flytenb/api/v1/runs?limit=1"]
    assert of(found) == f"ok  server {url}/user/ada/ (process {os.getpid()}, base URL /user/ada/) serves flytenb"


def test_a_server_of_this_machine_knows_who_asks(tmp_path):
    with answering(200) as (url, asked):
        write(tmp_path / "jpserver-1.json", pid=os.getpid(), url=f"{url}/", base_url="/", token="secret")
        (found,) = doctor_jupyter._servers(tmp_path)
    assert of(found).startswith("ok ")
    assert asked == ["/flytenb/api/v1/runs?limit=1 token secret"]


def test_a_server_without_flytenb(tmp_path):
    with answering(404) as (url, _):
        write(tmp_path / "jpserver-1.json", pid=os.getpid(), url=f"{url}/", base_url="/")
        (found,) = doctor_jupyter._servers(tmp_path)
    assert of(found) == (
        f"BAD server {url}/ (process {os.getpid()}, base URL /) runs without flytenb; install flytenb where it is "
        "installed, and restart the server"
    )


def test_servers_that_are_gone_or_mute(tmp_path):
    write(tmp_path / "jpserver-1.json", pid=2**30, url="http://127.0.0.1:9/", base_url="/")
    write(tmp_path / "jpserver-2.json", pid=os.getpid(), url="http://127.0.0.1:9/", base_url="/")
    write(tmp_path / "jpserver-3.json", pid=os.getpid(), url="file:///etc/passwd")
    (found,) = doctor_jupyter._servers(tmp_path)
    assert of(found) == f"--  server http://127.0.0.1:9/ (process {os.getpid()}) does not answer here"
