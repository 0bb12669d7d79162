"""Notebook, output and parameters of a batch in a real S3 server on this machine, and what is said where it refuses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from moto.server import ThreadedMotoServer

import flytenb as flyte
from flytenb.batches.execute import BatchError
from flytenb.codec import places
from flytenb.codec.places import StoreRefusedError, StoreUnreachableError, opened
from tests.batches.conftest import command, write
from tests.notebooks.conftest import texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine]


@pytest.fixture(scope="module")
def s3() -> Iterator[None]:
    """An S3 server in a thread of this process; every process of a test finds it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLYTE_AWS_ENDPOINT", f"http://{host}:{port}")
        patch.setenv("FLYTE_AWS_ACCESS_KEY_ID", "key")
        patch.setenv("FLYTE_AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield
    server.stop()


@pytest.fixture
def bucket(s3: None) -> str:
    name = f"s3://b{uuid.uuid4().hex[:12]}"
    places.filesystem_of(name)[0].mkdir(name)
    return name


def put(address: str, text: str) -> str:
    with opened(address, "wb") as file:
        file.write(text.encode())
    return address


def got(address: str) -> nbformat.NotebookNode:
    with opened(address, "rb") as file:
        return nbformat.reads(file.read().decode(), 4)


@pytest.fixture
def notebook(bucket: str, tmp_path: Path) -> str:
    cells = ("# parameters\nrate: float = 0.5\nnames: list[str] = []", "(rate, names)", "1 / len(names)")
    return put(f"{bucket}/in/train.ipynb", Path(write(tmp_path / "train.ipynb", *cells)).read_text())


def test_notebook_output_and_parameters(notebook: str, bucket: str) -> None:
    given = put(f"{bucket}/settings.json", json.dumps({"rate": 2, "names": ["ä", "b"]}))
    process = command("batch", notebook, f"{bucket}/out/train.ipynb", "-f", given, "-p", "rate=0.25")
    told, said = process.communicate(timeout=90)
    assert process.returncode == 0, said
    assert f"are in {bucket}/out/train.ipynb" in told
    cells = got(f"{bucket}/out/train.ipynb").cells
    assert [text for cell in cells for text in texts(cell)] == ["(0.25, ['ä', 'b'])", "0.5"]
    assert got(notebook).cells[1].outputs == [], "the notebook itself stays"


def test_what_failed_is_kept_and_resumed(notebook: str, bucket: str) -> None:
    out = f"{bucket}/train-out.ipynb"
    with pytest.raises(flyte.errors.RuntimeUserError, match=rf"cell 3 of {notebook} failed: .*; see {out}"):
        flyte.batch(notebook, out)
    assert "ZeroDivisionError" in texts(got(out).cells[-1])[0]
    done = flyte.batch(notebook, out, {"names": ["a"]})
    assert done.run.row.phase == "succeeded"
    assert texts(got(out).cells[-1]) == ["1.0"]


def test_the_default_output_is_beside_it(notebook: str) -> None:
    done = flyte.batch(notebook, parameters={"names": ["a"]})
    assert done.output == notebook.replace(".ipynb", "-out.ipynb")
    assert texts(got(done.output).cells[-1]) == ["1.0"]


def test_refusals(notebook: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BatchError, match=f"there is no notebook {bucket}/no.ipynb; give the path or the address"):
        flyte.batch(f"{bucket}/no.ipynb")
    with pytest.raises(BatchError, match=r"s3://no-such-bucket/o\.ipynb cannot be written: its bucket or folder does"):
        flyte.batch(notebook, "s3://no-such-bucket/o.ipynb")
    with pytest.raises(BatchError, match="is the notebook itself; give another address"):
        flyte.batch(notebook, notebook)
    with pytest.raises(BatchError, match=f"{bucket}/text.ipynb is not a notebook"):
        flyte.batch(put(f"{bucket}/text.ipynb", "no json"))
    process = command("batch", notebook, "-f", f"{bucket}/none.yaml")
    assert f"there is no parameters file {bucket}/none.yaml" in process.communicate(timeout=60)[1]
    assert process.returncode != 0
    process = command("batch", notebook, "-f", put(f"{bucket}/list.yaml", "- 1\n- 2"))
    assert "list.yaml holds no parameters: it must be a table of names and values" in process.communicate(timeout=60)[1]
    process = command("batch", notebook, "-f", put(f"{bucket}/rates.yaml", "rates: 3"))
    assert 'no parameter "rates"' in process.communicate(timeout=60)[1]


def test_a_store_that_refuses_or_is_not_there(notebook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_WAITS_S", (0.0,))
    monkeypatch.setenv("FLYTE_STORAGE_RETRIES", "1")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    with monkeypatch.context() as patch:  # the local server knows no rights
        patch.setattr("s3fs.S3FileSystem.open", refused)
        with pytest.raises(StoreRefusedError, match=r"cannot be read: the store refuses \(Access Denied\)"):
            flyte.batch(notebook)
    monkeypatch.setenv("FLYTE_AWS_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StoreUnreachableError, match="the store did not answer in 2 tries"):
        flyte.batch(notebook)
