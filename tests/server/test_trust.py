"""Servers behind HTTPS, with certificates of a CA of one's own."""

from __future__ import annotations

import subprocess

import pytest

from budgetctl.errors import InvalidValueError, StoreUnavailableError
from budgetctl.stores import open_store
from support.tls import Authority, https_before


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA that nobody has heard of."""
    return Authority(tmp_path_factory.mktemp("certificates") / "own")


@pytest.fixture
def store(server, authority):
    """The project of a server, named by an address that begins with https."""
    with https_before(server.port, authority.certificate("localhost")) as port:
        store = open_store(f"https://localhost:{port}", "p", wait_s=30)
        yield store
        store.close()


@pytest.fixture(autouse=True)
def _nobody_else_is_named(monkeypatch):
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_a_ca_of_ones_own_is_trusted_when_its_file_is_named(store, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    assert store.budget("alice").user == "alice"


def test_a_ca_of_ones_own_is_trusted_when_its_directory_is_named(store, authority, monkeypatch, tmp_path):
    directory = tmp_path / "trusted"
    directory.mkdir()
    asked = ["openssl", "x509", "-noout", "-hash", "-in", str(authority.path)]
    digest = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    (directory / f"{digest}.0").write_bytes(authority.path.read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", str(directory))
    assert store.budget("alice").user == "alice"


def test_a_ca_that_nobody_named_is_told_at_once_with_the_variable_that_would_name_it(store):
    with pytest.raises(StoreUnavailableError) as refused:
        store.budget("alice")
    assert refused.value.message.startswith("the server https://localhost:")
    assert refused.value.message.endswith(" is not trusted: unable to get local issuer certificate")
    assert refused.value.hint.endswith("name that: SSL_CERT_FILE=ca.pem")


def test_another_ca_is_told_with_the_file_that_has_it(store, monkeypatch, tmp_path):
    other = Authority(tmp_path / "other")
    monkeypatch.setenv("SSL_CERT_FILE", str(other.path))
    with pytest.raises(StoreUnavailableError) as refused:
        store.budget("alice")
    assert refused.value.hint == f"put the certificate of its CA into {other.path}, which SSL_CERT_FILE names"


def test_a_certificate_for_another_name_is_told(server, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    with https_before(server.port, authority.certificate("budgets.example")) as port:
        store = open_store(f"https://localhost:{port}", "p", wait_s=30)
        with pytest.raises(StoreUnavailableError) as refused:
            store.budget("alice")
    assert refused.value.message.endswith("certificate is not valid for 'localhost'")
    assert "SSL_CERT_FILE has no part in this" in refused.value.hint


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SSL_CERT_FILE", "missing.pem", "which cannot be used: No such file or directory"),
        ("SSL_CERT_FILE", "text.pem", "which cannot be used: it holds no certificate in PEM"),
        ("SSL_CERT_FILE", "", "SSL_CERT_FILE is set, and empty"),
        ("SSL_CERT_DIR", "missing", "SSL_CERT_DIR names missing, which is no directory"),
    ],
)
def test_a_variable_that_names_no_certificates_is_an_error(home, monkeypatch, name, value, said):
    (home / "work" / "text.pem").write_text("no certificate")
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidValueError, match=said):
        open_store("https://localhost:9", "p").budget("alice")
