"""A bundle's files stay below its folder, whatever its list says."""

from __future__ import annotations

import msgpack
import pytest

from flytenb.capture.load import mount
from flytenb.codec.objects import ObjectStore
from flytenb.errors import CaptureError


@pytest.mark.parametrize("name", ["../evil.py", "/tmp/evil.py", "a/../../evil.py", "a\0b", ".."])
@pytest.mark.parametrize("field", ["files", "paths"])
def test_a_bundle_that_leads_out(tmp_path, name, field):
    store = ObjectStore(tmp_path / "objects", is_durable=False)
    content = store.put(b"print('evil')")
    listing = {"files": {}, "paths": []}
    if field == "files":
        listing["files"][name] = (content, 0o644, "/x.py")
    else:
        listing["paths"].append(name)
    manifest = store.put(msgpack.packb(listing))
    before = set(tmp_path.rglob("*"))
    with pytest.raises(CaptureError, match=r"which lies outside of it; it is not loaded"):
        mount(manifest, store, tmp_path / "bundles")
    assert not [path for path in set(tmp_path.rglob("*")) - before if "evil" in path.name]


def test_no_file_of_a_bundle_runs_as_somebody_else(tmp_path):
    store = ObjectStore(tmp_path / "objects", is_durable=False)
    manifest = store.put(msgpack.packb({"files": {"a.py": (store.put(b""), 0o6777, "/a.py")}, "paths": ["."]}))
    folder = mount(manifest, store, tmp_path / "bundles")
    assert (folder / "a.py").stat().st_mode & 0o7000 == 0
