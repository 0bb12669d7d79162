"""File, Dir, DataFrame: content by value, references by name, Flyte's methods."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pydantic
import pytest

from flytenb import errors
from flytenb.codec import ObjectStore
from flytenb.codec.files import DataFrame, Dir, File, HashFunction


@pytest.fixture
def folder(tmp_path):
    top = tmp_path / "top"
    (top / "sub" / "empty").mkdir(parents=True)
    (top / "a.csv").write_text("x\n1\n")
    (top / "sub" / "b.txt").write_text("b")
    return top


def test_from_local_takes_the_content(folder, round_trip):
    file = asyncio.run(File.from_local(folder / "a.csv"))
    (folder / "a.csv").write_text("changed")
    result = round_trip(File, file)
    assert result == file
    assert (result.name, os.path.basename(result.path)) == ("a.csv", "a.csv")
    with result.open_sync("r") as handle:
        assert handle.read() == "x\n1\n"


def test_open_async_and_download(folder, tmp_path):
    async def use():
        file = await File.from_local(folder / "a.csv")
        async with file.open("rb") as handle:
            assert await handle.read(1) == b"x"
            assert await handle.read() == b"\n1\n"
        async with file.open("r") as handle:
            assert [line async for line in handle] == ["x\n", "1\n"]
        copy = await file.download()
        assert os.path.basename(copy) == "a.csv"
        with open(copy, "a") as handle:  # a copy may be changed
            handle.write("2\n")
        assert await file.download(tmp_path / "here.csv") == str(tmp_path / "here.csv")
        assert await file.exists()
        assert not await File(path=str(tmp_path / "nothing")).exists()

    asyncio.run(use())


def test_stored_content_is_not_writable(folder):
    file = File.from_local_sync(folder / "a.csv")
    with pytest.raises(PermissionError, match=r"write to File.new_remote\(\)"), file.open_sync("w"):
        pass


def test_new_remote_is_taken_when_it_is_returned(interface_of, objects):
    file = File.new_remote("out.txt")
    with pytest.raises(errors.OutputTypeError, match="was never written"):
        interface_of(File).encode_outputs(file, objects)
    with file.open_sync("w") as handle:
        handle.write("made")
    result = interface_of(File).decode_outputs(interface_of(File).encode_outputs(file, objects), objects)
    assert result.content in objects
    with result.open_sync("r") as handle:
        assert handle.read() == "made"


def test_content_of_another_store_comes_along(folder, tmp_path, interface_of):
    file = File.from_local_sync(folder / "a.csv")
    other = ObjectStore(tmp_path / "other", is_durable=False)
    payload = interface_of(File).encode_inputs((file,), other)
    assert interface_of(File).decode_inputs(payload, other)[0].path.startswith(str(tmp_path / "other"))


def test_keys_follow_content_or_hash(folder, interface_of, objects):
    interface = interface_of(File)

    def key(file):
        return interface.digest_inputs(interface.encode_inputs((file,), objects))

    path = folder / "a.csv"
    first = key(File.from_local_sync(path))
    reference = key(File(path=str(path)))
    hashed = key(File.from_local_sync(path, hash_method="v1"))
    function = key(File.from_local_sync(path, hash_method=HashFunction.from_fn(len)))
    path.write_text("y\n2\n")
    assert key(File.from_local_sync(path)) != first
    os.utime(path, (1, 1))
    assert key(File(path=str(path))) != reference
    assert key(File.from_local_sync(path, hash_method="v1")) == hashed
    assert key(File.from_local_sync(path, hash_method=HashFunction.from_fn(len))) == function
    assert key(File.from_existing_remote("s3://b/k", file_cache_key="v1")) == hashed


def test_dir(folder, round_trip, tmp_path):
    made = Dir.from_local_sync(folder)
    (folder / "a.csv").unlink()
    result = round_trip(Dir, made)
    assert result == made
    assert [f.name for f in result.walk_sync()] == ["a.csv", "b.txt"]
    assert [f.name for f in result.walk_sync(recursive=False)] == ["a.csv"]
    assert [f.name for f in result.walk_sync(file_pattern="*.txt")] == ["b.txt"]
    assert [f.name for f in result.walk_sync(max_depth=1)] == ["a.csv"]
    assert [f.name for f in result.list_files_sync()] == ["a.csv"]
    assert result.get_file_sync("sub/b.txt").open_sync("r").__enter__ is not None
    assert result.get_file_sync("no") is None
    assert os.path.isdir(os.path.join(result.path, "sub", "empty"))
    copy = result.download_sync(tmp_path / "copy")
    (tmp_path / "copy" / "a.csv").write_text("mine")
    assert sorted(os.listdir(copy)) == ["a.csv", "sub"]

    async def walk():
        return [f.name async for f in result.walk()]

    assert asyncio.run(walk()) == ["a.csv", "b.txt"]
    assert Dir.empty().is_empty
    assert not result.is_empty


def test_dir_content_is_its_key(folder, tmp_path, interface_of, objects):
    interface = interface_of(Dir)
    first = interface.encode_inputs((Dir.from_local_sync(folder),), objects)
    again = interface.encode_inputs((Dir.from_local_sync(folder),), objects)
    (folder / "sub" / "b.txt").write_text("c")
    other = interface.encode_inputs((Dir.from_local_sync(folder),), objects)
    assert interface.digest_inputs(first) == interface.digest_inputs(again) != interface.digest_inputs(other)


@pytest.mark.parametrize(("make", "error"), [(File, FileNotFoundError), (Dir, NotADirectoryError)])
def test_missing_source(make, error, tmp_path):
    with pytest.raises(error, match="give the path of an existing one"):
        make.from_local_sync(tmp_path / "missing")


def test_named_remote_needs_a_task():
    with pytest.raises(ValueError, match="call it inside a task"):
        File.named_remote("x")


def test_a_path_is_not_a_file(interface_of, objects):
    with pytest.raises(errors.InputTypeError, match=r"write File.from_local_sync\(path\)"):
        interface_of(File).encode_inputs(("data.csv",), objects)


def test_from_the_command_line(folder, interface_of):
    file = interface_of(File).parse_cli("x", str(folder / "a.csv"))
    assert file.content
    assert interface_of(File).parse_cli("x", "s3://bucket/key").path == "s3://bucket/key"
    with pytest.raises(errors.InputTypeError, match="is not a file here"):
        interface_of(File).parse_cli("x", "nowhere.csv")


@dataclasses.dataclass
class Holder:
    file: File
    folders: list[Dir]
    table: DataFrame


class Model(pydantic.BaseModel):
    file: File
    maybe: File[str] | None = None


def test_inside_other_types(folder, round_trip):
    file = File.from_local_sync(folder / "a.csv")
    frame = pd.DataFrame({"a": [1]})
    result = round_trip(Holder, Holder(file, [Dir.from_local_sync(folder)], DataFrame.from_df(frame)))
    assert result.file == file
    pd.testing.assert_frame_equal(result.table.open(pd.DataFrame).all_sync(), frame)
    model = Model(file=file)
    assert round_trip(Model, model) == model
    assert Model.model_validate_json(model.model_dump_json()) == model
    assert round_trip(Any, [file]) == [file]


def test_dataframe(round_trip, tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    result = round_trip(DataFrame, DataFrame.from_local_sync(frame))
    with pytest.raises(ValueError, match="say as what to read"):
        result.all_sync()
    pd.testing.assert_frame_equal(asyncio.run(result.open(pd.DataFrame).all()), frame)
    assert result.open(pl.DataFrame).all_sync().rows() == [(1, "x"), (2, "y")]
    assert result.column_names() == ["a", "b"]
    assert [len(part) for part in result.open(pd.DataFrame).iter(1)] == [1, 1]
    stored = DataFrame.from_local_sync(frame, remote_destination=str(tmp_path / "t.parquet"))
    read = round_trip(DataFrame, DataFrame.from_existing_remote(stored.uri))
    pd.testing.assert_frame_equal(read.open(pd.DataFrame).all_sync(), frame)


def test_remote_through_fsspec(folder):
    file = File.from_local_sync(folder / "a.csv", remote_destination="memory://bucket/a.csv")
    assert file.path == "memory://bucket/a.csv"
    assert file.exists_sync()
    with file.open_sync("rb") as handle:
        assert handle.read() == b"x\n1\n"
    assert Path(file.download_sync()).read_text() == "x\n1\n"


def test_what_is_uploaded_when_it_is_passed_on(tmp_path, round_trip):
    place = tmp_path / "there.txt"
    place.write_text("there")
    calls = []

    async def upload() -> tuple[str | None, str]:
        calls.append(1)
        return "hash-1", str(place)

    async def use() -> None:  # also on a loop that runs
        file = File(path="nowhere/yet.txt")
        file.lazy_uploader = upload
        for _ in range(2):
            got = round_trip(File, file)
            assert (got.path, got.hash) == (str(place), "hash-1")
        assert calls == [1]
        assert file.lazy_uploader is None
        folder = Dir(path="nowhere")
        folder.lazy_uploader = upload_folder
        assert round_trip(Dir, folder).path == str(tmp_path)

    async def upload_folder() -> tuple[None, str]:
        return None, str(tmp_path)

    asyncio.run(use())


def test_an_uploader_that_returns_something_else_is_refused(round_trip):
    async def wrong() -> str:
        return "s3://only/an/address"

    file = File(path="x")
    file.lazy_uploader = wrong
    with pytest.raises(Exception, match=r"the lazy_uploader of File 'x' returned .*return \(hash or None, address\)"):
        round_trip(File, file)


def test_a_frame_that_is_uploaded_when_it_is_passed_on(round_trip):
    async def upload() -> DataFrame:
        return DataFrame(val=pd.DataFrame({"a": [1, 2]}))

    table = DataFrame()
    table.lazy_uploader = upload
    assert list(round_trip(DataFrame, table).open(pd.DataFrame).all_sync()["a"]) == [1, 2]


def test_pieces_of_a_frame_in_all_three_ways():
    table = DataFrame.from_df(pd.DataFrame({"a": [1, 2, 3]})).open(pd.DataFrame)

    async def lengths() -> list[list[int]]:
        return [[len(one) async for one in table.iter(2)], [len(one) async for one in await table.iter(2)]]

    assert asyncio.run(lengths()) == [[2, 1], [2, 1]]
    assert [len(one) for one in table.iter(2)] == [2, 1]


def test_empty_is_a_property_as_in_flyte(tmp_path):
    assert Dir.empty().is_empty is True
    (tmp_path / "a").write_text("a")
    assert Dir.from_local_sync(tmp_path).is_empty is False
