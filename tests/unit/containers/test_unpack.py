"""What a container hands out as an archive stays in the folder that it is meant for."""

from __future__ import annotations

import io
import tarfile

from flytenb.containers.program import _unpack


def _archive(*entries):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, link, content in entries:
            info = tarfile.TarInfo(name)
            if link is not None:
                info.type, info.linkname = tarfile.SYMTYPE, link
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    file.seek(0)
    return file


def test_nothing_is_written_beside_the_folder(tmp_path):
    folder, beside = tmp_path / "out", tmp_path / "out-beside"
    folder.mkdir()
    beside.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("mine")
    _unpack(
        _archive(
            ("out/../up", None, b"evil"),
            ("out/away", str(beside), b""),
            ("out/away/file", None, b"evil"),
            ("out/link", str(victim), b""),
            ("out/link", None, b"evil"),
            ("out/good", None, b"good"),
        ),
        "out",
        folder,
    )
    assert victim.read_text() == "mine"
    assert list(beside.iterdir()) == []
    assert not (tmp_path / "up").exists()
    assert (folder / "good").read_bytes() == b"good"
