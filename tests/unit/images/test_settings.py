"""What a person's machine says of indexes, proxies and certificates."""

from __future__ import annotations

from pathlib import Path

from flytenb.images.settings import merged, person_settings, without_folders
from flytenb.images.words import without_credentials


def settings_of(home: Path, **environ: str):
    return person_settings("/w", "/p", {"HOME": str(home), "PIP_CONFIG_FILE": "/dev/null", **environ})


def test_pip_and_uv_hear_the_same(tmp_path):
    found = settings_of(tmp_path, PIP_INDEX_URL="https://i.example/simple", PIP_TRUSTED_HOST="i.example")
    assert found.variables["PIP_INDEX_URL"] == found.variables["UV_DEFAULT_INDEX"] == "https://i.example/simple"
    assert found.variables["UV_INSECURE_HOST"] == "i.example"


def test_files_of_pip_are_read_and_variables_win(tmp_path):
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://file.example\ntimeout = 7\n[list]\nformat = json\n")
    found = person_settings("/w", "/p", {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(file)})
    assert found.variables["PIP_INDEX_URL"] == "https://file.example"
    assert found.variables["PIP_TIMEOUT"] == "7"
    again = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(file), "PIP_INDEX_URL": "https://env.example"}
    assert person_settings("/w", "/p", again).variables["PIP_INDEX_URL"] == "https://env.example"


def test_what_could_change_a_build_is_not_handed_on(tmp_path):
    found = settings_of(
        tmp_path, PIP_REQUIRE_VIRTUALENV="1", PIP_USER="1", PIP_TARGET="/x", PATH="/mine", UV_PYTHON="3.9"
    )
    assert not {"PIP_REQUIRE_VIRTUALENV", "PIP_USER", "PIP_TARGET", "PATH", "UV_PYTHON"} & found.variables.keys()


def test_certificates_proxies_and_netrc(tmp_path):
    (tmp_path / "ca.pem").write_text("CERTIFICATE")
    (tmp_path / ".netrc").write_text("machine i.example login a password b")
    found = settings_of(tmp_path, PIP_CERT=str(tmp_path / "ca.pem"), https_proxy="http://u:p@proxy.example:3128")
    assert found.files["ca.pem"] == b"CERTIFICATE"
    assert found.variables["SSL_CERT_FILE"] == found.variables["PIP_CERT"] == "/w/ca.pem"
    assert found.variables["HTTPS_PROXY"] == found.variables["https_proxy"] == "http://u:p@proxy.example:3128"
    assert b'Acquire::https::Proxy "http://u:p@proxy.example:3128"' in found.files["apt.conf"]
    assert found.private_files["netrc"].startswith(b"machine")
    assert found.variables["NETRC"] == "/p/netrc"


def test_folders_of_packages_are_seen_and_left_out_where_they_cannot_be(tmp_path):
    (tmp_path / "pypi/simple").mkdir(parents=True)
    (tmp_path / "wheels").mkdir()
    found = settings_of(
        tmp_path,
        PIP_FIND_LINKS=str(tmp_path / "wheels"),
        PIP_EXTRA_INDEX_URL=f"file://{tmp_path}/pypi/simple https://other.example",
    )
    assert found.folders == (str(tmp_path / "pypi"), str(tmp_path / "wheels"))
    away = without_folders(found)
    assert away.variables["PIP_EXTRA_INDEX_URL"] == "https://other.example"
    assert "PIP_FIND_LINKS" not in away.variables
    assert "not seen by an engine on another" in away.notes[0]


def test_a_layers_own_index_wins_and_further_ones_add_up(tmp_path):
    found = settings_of(tmp_path, PIP_INDEX_URL="https://mine", PIP_EXTRA_INDEX_URL="https://more", PIP_NO_INDEX="1")
    said = merged(found, (("PIP_INDEX_URL", "https://layer"), ("PIP_EXTRA_INDEX_URL", "https://layer2")))
    assert said["PIP_INDEX_URL"] == "https://layer"
    assert said["PIP_EXTRA_INDEX_URL"] == "https://layer2 https://more"
    assert "PIP_NO_INDEX" not in said


def test_credentials_are_never_said():
    assert without_credentials("get https://me:pw@x.example/a") == "get https://***@x.example/a"
    assert without_credentials("curl -H token=abc --password: geheim") == "curl -H token=*** --password: ***"
