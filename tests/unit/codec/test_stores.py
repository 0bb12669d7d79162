"""Files and folders in a real S3 server on this machine, in memory, and in stores that do not answer."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import uuid

import pytest

from flytenb import storage
from flytenb.codec import places
from flytenb.codec.files import DataFrame, Dir, File, HashFunction

HAS_S3 = all(importlib.util.find_spec(name) for name in ("moto", "s3fs", "flask"))


@pytest.fixture(scope="module")
def s3():
    """Endpoint of an S3 server in a thread of this process."""
    if not HAS_S3:
        pytest.skip("needs moto[server] and s3fs")
    from moto.server import ThreadedMotoServer

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


@pytest.fixture(params=["s3", "memory"])
def bucket(request):
    name = f"{request.param}://b{uuid.uuid4().hex[:12]}"
    if request.param == "s3":
        request.getfixturevalue("s3")
        places.filesystem_of(name)[0].mkdir(name)
    return name


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(places, "_WAITS_S", (0.0,))


def test_a_file_there_and_back(bucket, tmp_path):
    async def use():
        source = tmp_path / "a b ü#?%.csv"
        source.write_bytes(b"x\n1\n")
        file = await File.from_local(source, remote_destination=f"{bucket}/deep/{source.name}")
        assert await file.exists()
        assert not await File.from_existing_remote(f"{bucket}/nothing").exists()
        async with file.open() as handle:
            assert await handle.read(1) == b"x"
        async with file.open("r", encoding="utf-8") as handle:
            assert [line async for line in handle] == ["x\n", "1\n"]
        with open(await file.download(), "rb") as copy:
            assert copy.read() == b"x\n1\n"
        assert await file.download(tmp_path / "sub" / "copy") == str(tmp_path / "sub" / "copy")

    asyncio.run(use())


def test_written_whole_or_not_at_all(bucket):
    file = File(path=f"{bucket}/out.bin")

    def breaks_off():
        with file.open_sync("wb") as handle:
            handle.write(b"x" * 1000)
            raise RuntimeError("half way")

    if bucket.startswith("s3"):  # memory:// knows no unfinished files
        with pytest.raises(RuntimeError, match="half way"):
            breaks_off()
        assert not file.exists_sync()
    with file.open_sync("wb") as handle:
        for _ in range(7):
            handle.write(b"y" * (1 << 20))
    with file.open_sync() as handle:
        assert handle.read() == b"y" * (7 << 20)


@pytest.mark.parametrize("compression", ["gzip", "zip", "bz2", "xz"])
def test_compression(bucket, compression):
    file = File(path=f"{bucket}/out.{compression}")
    with file.open_sync("w", compression=compression, encoding="utf-8") as handle:
        handle.write("größe")
    with file.open_sync("r", compression=compression, encoding="utf-8") as handle:
        assert handle.read() == "größe"
    with pytest.raises(ValueError, match=r'compression "rot13" is not known here; use one of bz2, gzip'):
        file.open_sync(compression="rot13").__enter__()


def test_hashed_while_it_is_written(bucket):
    file = File.new_remote("x", hash_method=HashFunction())
    file.path = f"{bucket}/hashed"
    with file.open_sync("w") as handle:
        handle.write("abc")
    assert file.hash == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_folder_there_and_back(bucket, tmp_path):
    for name in ("a.csv", "sub/b.txt", "sub/deep/c.csv", "sub/ü [1].txt"):
        (tmp_path / "top" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "top" / name).write_text(name)

    async def use():
        made = await Dir.from_local(tmp_path / "top", remote_destination=f"{bucket}/top")
        assert made.path == f"{bucket}/top"
        assert [file.name async for file in made.walk()] == ["a.csv", "b.txt", "ü [1].txt", "c.csv"]
        assert [file.name async for file in made.walk(max_depth=2)] == ["a.csv", "b.txt", "ü [1].txt"]
        assert [file.name async for file in made.walk(file_pattern="*.csv")] == ["a.csv", "c.csv"]
        assert [file.name for file in await made.list_files()] == ["a.csv"]
        found = await made.get_file("sub/ü [1].txt")
        async with found.open("r") as handle:
            assert await handle.read() == "sub/ü [1].txt"
        assert await made.get_file("sub/nothing") is None
        with pytest.raises(ValueError, match=r"'\.\./x' is not a name below the folder 'top'; give a relative path"):
            await made.get_file("../x")
        copy = await made.download(tmp_path / "copy")
        names = sorted(os.path.relpath(os.path.join(top, n), copy) for top, _, ns in os.walk(copy) for n in ns)
        assert names == ["a.csv", "sub/b.txt", "sub/deep/c.csv", "sub/ü [1].txt"]
        assert await made.exists()
        assert not made.is_empty

    asyncio.run(use())


def test_a_remote_key_never_leads_out_of_a_download(tmp_path, monkeypatch):
    monkeypatch.setattr(Dir, "_remote_files", lambda self, depth: iter(["../../evil"]))
    with pytest.raises(ValueError, match=r"'\.\./\.\./evil' is not a name below"):
        Dir(path="memory://top").download_sync(tmp_path / "copy")
    assert not (tmp_path.parent / "evil").exists()


def test_a_frame_there_and_back(bucket):
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    stored = DataFrame.from_local_sync(frame, remote_destination=f"{bucket}/t.parquet")
    pd.testing.assert_frame_equal(stored.open(pd.DataFrame).all_sync(), frame)
    read = DataFrame.from_existing_remote(stored.uri)
    pd.testing.assert_frame_equal(read.open(pd.DataFrame).all_sync(), frame)
    assert read.open(pl.DataFrame).all_sync().rows() == [(1, "x"), (2, None)]
    with File(path=f"{bucket}/t.csv").open_sync("w") as handle:
        handle.write("a,b\n1,x\n")
    assert DataFrame.from_existing_remote(f"{bucket}/t.csv").open(pl.DataFrame).all_sync().rows() == [(1, "x")]


def test_storage_functions(bucket, tmp_path):
    async def pieces():
        yield b"ab"
        yield b"cd"

    async def use():
        address = await storage.put_stream(pieces(), to_path=f"{bucket}/stream")
        assert [piece async for piece in storage.get_stream(address, chunk_size=3)] == [b"abc", b"d"]
        assert await storage.exists(address)
        local = await storage.get(address, tmp_path / "local")
        assert await storage.put(local, f"{bucket}/again") == f"{bucket}/again"
        async with storage.open(f"{bucket}/again") as file:
            assert await file.read() == b"abcd"
        handle = await storage.open(f"{bucket}/third", "wb")
        await handle.write(b"z")
        await handle.close()
        assert storage.exists_sync(f"{bucket}/third")

    asyncio.run(use())


def closed_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_an_unreachable_store_is_tried_again_and_then_told(monkeypatch):
    if not HAS_S3:
        pytest.skip("needs s3fs")
    monkeypatch.setenv("FLYTE_AWS_ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("FLYTE_AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("FLYTE_AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("FLYTE_STORAGE_RETRIES", "1")
    import s3fs

    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    text = r"s3://bucket/key cannot be .*: the store did not answer in 2 tries \(.*\); check the network and the store"
    with pytest.raises(places.StoreUnreachableError, match=text):
        File.from_existing_remote("s3://bucket/key").download_sync()


def test_tries():
    calls = []

    def fails_twice():
        calls.append(1)
        if len(calls) < 3:
            raise ConnectionResetError("reset by peer")
        return "read"

    assert places.tried("s3://b/k", "read", fails_twice) == "read"

    def refuses():
        raise PermissionError("Access Denied")

    with pytest.raises(places.StoreRefusedError, match=r"s3://b/k cannot be read: the store refuses \(Access Denied\)"):
        places.tried("s3://b/k", "read", refuses)

    def is_wrong():
        raise KeyError("mine")

    with pytest.raises(KeyError):
        places.tried("s3://b/k", "read", is_wrong)


@pytest.mark.parametrize("kind", ["s3", "memory"])
def test_nothing_there(kind, request, tmp_path):
    if kind == "s3":
        request.getfixturevalue("s3")
    with pytest.raises(places.NoSuchPlaceError, match=r"://nowhere/key cannot be read: there is nothing; "):
        File(path=f"{kind}://nowhere/key").download_sync(tmp_path / "x")
    with pytest.raises(FileNotFoundError), File(path=f"{kind}://nowhere/key").open_sync():
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("address", "package", "extra"),
    [("gs://b/k", "gcsfs", "gcs"), ("abfs://c/k", "adlfs", "azure")],
)
def test_a_missing_package_is_named(address, package, extra):
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    text = rf'{address} needs the package {package}, .* run "pip install {package}" \(or "pip .* flytenb\[{extra}\]"\)'
    with pytest.raises(places.MissingPackageError, match=text):
        File(path=address).exists_sync()


def test_an_unknown_protocol():
    with pytest.raises(ValueError, match=r'no file system is known for "xyz://" \(xyz://b/k\); use a path, s3://'):
        File(path="xyz://b/k").exists_sync()


def test_configured_stores(monkeypatch):
    monkeypatch.setenv("FLYTE_STORAGE_RETRIES", "3")
    try:
        storage.S3(endpoint="http://here", access_key_id="a", region="eu").use()
        given = places._options("s3")
        assert (given["endpoint_url"], given["key"]) == ("http://here", "a")
        assert given["client_kwargs"] == {"region_name": "eu"}
        assert places._options("gs") == {}
    finally:
        places.configure(None)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "mine")
    assert storage.ABFS.auto().get_fsspec_kwargs() == {"account_name": "mine"}
    assert storage.GCS().get_fsspec_kwargs(anonymous=True) == {"token": "anon"}
