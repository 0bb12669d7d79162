"""Bad input: odd file names, links, moved and changed files, values that cannot travel, depth, cycles."""

from __future__ import annotations

import dataclasses
import os
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pydantic
import pytest

from flytenb import errors
from flytenb.codec import ObjectStore
from flytenb.codec.file import ChangedFileError
from flytenb.codec.files import Dir, File

NAMES = [
    "größe 中文 🙂.csv",
    "new\nline\ttab",
    "-rf *",
    "#hash?query&a=b%20c",
    "a::b",
    "memory:",
    "[0]{1}$HOME`id`",
    "trailing ",
    ".hidden",
    "undecodable\udcff",
    "e\u0301 is not é",
    "x" * 255,
]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_file_names(name, tmp_path, round_trip):
    source = tmp_path / name
    source.write_bytes(b"content")
    file = round_trip(File, File.from_local_sync(source))
    assert (file.name, os.path.basename(file.path)) == (name, name)
    with file.open_sync() as handle:
        assert handle.read() == b"content"
    with open(file.download_sync(), "rb") as copy:
        assert (os.path.basename(copy.name), copy.read()) == (name, b"content")
    reference = round_trip(File, File(path=str(source)))
    with reference.open_sync() as handle:
        assert handle.read() == b"content"


def test_hostile_names_in_a_folder(tmp_path, round_trip):
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    for name in NAMES:
        (top / "sub" / name).write_text(name, errors="surrogateescape")
    folder = round_trip(Dir, Dir.from_local_sync(top))
    assert sorted(file.name for file in folder.walk_sync()) == sorted(NAMES)
    for name in NAMES:
        found = folder.get_file_sync(f"sub/{name}")
        with found.open_sync("r", errors="surrogateescape") as handle:
            assert handle.read() == name
    copy = folder.download_sync(tmp_path / "copy")
    assert sorted(os.listdir(os.path.join(copy, "sub"))) == sorted(NAMES)


@pytest.mark.parametrize("size", [0, 1, 3 << 20])
def test_sizes(size, tmp_path, round_trip):
    source = tmp_path / "file"
    source.write_bytes(os.urandom(size))
    file = round_trip(File, File.from_local_sync(source))
    with file.open_sync() as handle:
        assert handle.read() == source.read_bytes()


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "", "s3://b/k", "a\0b", ".."])
def test_no_name_leads_out(name, tmp_path):
    folder = Dir.from_local_sync(tmp_path)
    for call in (
        lambda: folder.get_file_sync(name),
        lambda: File.new_remote(name or ".."),
        lambda: Dir.new_remote(name or ".."),
    ):
        with pytest.raises(ValueError, match=r"is not a name below .*; give a relative path without"):
            call()


def test_a_file_whose_name_leads_out_stays_in_the_store(tmp_path, round_trip, objects):
    (tmp_path / "x").write_bytes(b"x")
    file = File.from_local_sync(tmp_path / "x")
    for name in ("../../evil", "..", "/evil"):
        file.name = name
        result = round_trip(File, file)
        assert os.path.realpath(result.path).startswith(os.path.realpath(objects.root))
        assert result.download_sync(tmp_path) == str(tmp_path / ("data" if name == ".." else "evil"))


# ---- links -------------------------------------------------------------------------------------------------------
def test_links_in_a_folder_become_content(tmp_path, round_trip):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "far.txt").write_text("far")
    top = tmp_path / "top"
    top.mkdir()
    (top / "file").symlink_to(tmp_path / "out" / "far.txt")
    (top / "folder").symlink_to(tmp_path / "out")
    folder = round_trip(Dir, Dir.from_local_sync(top))
    assert [os.path.relpath(file.path, folder.path) for file in folder.walk_sync()] == ["file", "folder/far.txt"]
    assert not any(os.path.islink(file.path) for file in folder.walk_sync())


def test_links_that_lead_nowhere_or_back_and_pipes_are_told(tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    (top / "broken").symlink_to("nothing")
    with pytest.raises(OSError, match=r"broken is a link to 'nothing', which is not there; remove the link"):
        Dir.from_local_sync(top)
    (top / "broken").unlink()
    (top / "sub").mkdir()
    (top / "sub" / "back").symlink_to(top)
    with pytest.raises(OSError, match=r"back is a link to a folder that it lies in \(.*\); remove the link"):
        Dir.from_local_sync(top)
    (top / "sub" / "back").unlink()
    os.mkfifo(top / "pipe")
    with pytest.raises(OSError, match=r"pipe is neither a file nor a folder \(a pipe, socket or device\); remove it"):
        Dir.from_local_sync(top)
    with pytest.raises(FileNotFoundError, match="is not a file here"):
        File.from_local_sync(top / "pipe")


# ---- gone and changed --------------------------------------------------------------------------------------------
def test_a_reference_that_changed_is_refused(tmp_path, round_trip):
    source = tmp_path / "data.csv"
    source.write_text("a")
    file = round_trip(File, File(path=str(source)))
    source.write_text("bb")
    for read in (file.download_sync, lambda: file.open_sync().__enter__()):
        with pytest.raises(
            ChangedFileError, match=r"data\.csv was changed after it was passed on by reference, .* run again"
        ):
            read()
    source.unlink()
    for read in (file.download_sync, lambda: file.open_sync().__enter__()):
        with pytest.raises(FileNotFoundError, match=r"'data\.csv' is not at .*: it was moved or removed; make it"):
            read()


def test_content_that_is_gone_is_told(tmp_path, interface_of):
    (tmp_path / "a").write_text("a")
    store = ObjectStore(tmp_path / "objects", is_durable=False)
    file = File.from_local_sync(tmp_path / "a")
    payload = interface_of(File).encode_inputs((file,), store)
    for path in store.root.rglob("*"):
        if path.is_file():
            path.unlink()
    (result,) = interface_of(File).decode_inputs(payload, ObjectStore(store.root))
    with pytest.raises(FileNotFoundError, match="its content was removed from the store; make it again"):
        result.download_sync()
    with pytest.raises(
        FileNotFoundError, match=r"'none' is not at .*: nothing was there when it was passed on; make it"
    ):
        File(path=str(tmp_path / "none")).download_sync()
    folder = Dir(path=str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError, match=r"folder 'gone' is not at .* any more"):
        list(folder.walk_sync())


def test_files_of_a_stored_folder_are_content(tmp_path, round_trip):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("a")
    folder = round_trip(Dir, Dir.from_local_sync(tmp_path))
    (file,) = folder.walk_sync()
    assert file.content
    assert round_trip(File, file).content == file.content == folder.get_file_sync("sub/a.txt").content


# ---- values that cannot travel -----------------------------------------------------------------------------------
@dataclasses.dataclass
class Layer:
    size: int
    hook: Any = None


@dataclasses.dataclass
class Config:
    layers: list[Layer]
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    config: Config
    more: Any = None


class Plain:
    def __init__(self, **parts):
        self.__dict__.update(parts)


LOCK = threading.Lock()
BAD = [
    (Config([Layer(1), Layer(2), Layer(3, LOCK)]), "layers[2].hook"),
    (Config([], {"a": [1, {"b": LOCK}]}), "extra['a'][1]['b']"),
    (Model(config=Config([Layer(1, LOCK)])), "config.layers[0].hook"),
    (Model(config=Config([]), more=(1, LOCK)), "more[1]"),
    (Plain(inner=Plain(items=[0, Plain(lock=LOCK)])), "inner.items[1].lock"),
    (SimpleNamespace(a={"x": LOCK}), "a['x']"),
    ([Plain(a=LOCK)], "[0].a"),
    (pd.DataFrame({"n": [1, 2], "o": [1, LOCK]}), "['o'][1]"),
    (np.array([1, LOCK], dtype=object), ""),
]


@pytest.mark.parametrize(("value", "path"), BAD, ids=[path or "array" for _, path in BAD])
def test_a_member_that_cannot_travel_is_named_by_its_path(value, path, interface_of, objects):
    def run(cfg): ...

    for annotation in (Any, type(value)):
        run.__annotations__ = {"cfg": annotation, "return": annotation}
        from flytenb.codec import Interface

        interface = Interface.of(run, task_name="env.run")
        with pytest.raises(errors.InputTypeError) as caught:
            interface.encode_inputs((value,), objects)
        separator = "" if path.startswith("[") or not path else "."
        assert (f'"cfg": at cfg{separator}{path}, ' if path else '"cfg": ') in str(caught.value)
        assert "cannot be encoded: cannot pickle '_thread.lock' object; use plain data" in str(caught.value)
        with pytest.raises(errors.OutputTypeError, match="cannot be encoded"):
            interface.encode_outputs(value, objects)


def nested(depth):
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("depth", [10, 100, 300])
def test_depth(depth, round_trip):
    for annotation in (Any, list):
        result = round_trip(annotation, nested(depth))
        for _ in range(depth):
            (result,) = result
        assert result == 1


@pytest.mark.parametrize("depth", [5_000, 200_000])
def test_far_too_deep_is_told(depth, interface_of, objects):
    value = nested(depth)
    for annotation in (Any, list):
        with pytest.raises(errors.InputTypeError) as caught:
            interface_of(annotation).encode_inputs((value,), objects)
        text = str(caught.value)
        assert text.startswith('task "env.task", parameter "x": list cannot be encoded: it is nested too deeply'), text[
            :300
        ]
        assert text.endswith("pass it on flat (a list of its parts), or write it to a File")


@dataclasses.dataclass
class Node:
    name: str
    other: Node | None = None
    many: list[Node] = dataclasses.field(default_factory=list)


class Tree(pydantic.BaseModel):
    children: list[Any] = []


def test_values_that_contain_themselves(round_trip):
    node = Node("a")
    node.other = node
    node.many.append(node)
    for annotation in (Node, Any):
        result = round_trip(annotation, node)
        assert result.other is result
        assert result.many[0] is result
    own: dict[str, Any] = {}
    own["self"] = own
    result = round_trip(dict, own)
    assert result["self"] is result
    tree = Tree()
    tree.children.append(tree)
    result = round_trip(Tree, tree)
    assert result.children[0] is result
