"""Certificates: the self-signed ones that are common where Codex runs."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ledger_pipelines.errors import ConfigurationError, SourceUnavailableError
from ledger_pipelines.sources.http.bodies import read_list
from ledger_pipelines.sources.http.exchange import HttpSource
from ledger_pipelines.sources.http.failures import Address
from ledger_pipelines_tests.sources.conftest import FakeTime, ScriptedServer, reply


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "codex.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "codex.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def secured(scripted: ScriptedServer, certificate: Path) -> str:
    """The scripted server's address, which speaks TLS with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    scripted.socket = context.wrap_socket(scripted.socket, server_side=True)
    scripted.script("/things", reply([1]))
    return scripted.url.replace("http:", "https:")


def _source(url: str, fake_time: FakeTime, ca_file: Path | None = None) -> HttpSource:
    address = Address(
        "Codex", url, "CODEX_URL", "", None if ca_file is None else str(ca_file), ca_setting="CODEX_CA_FILE"
    )
    return HttpSource(address, clock=fake_time.clock)


def test_a_self_signed_certificate_is_refused_at_once(secured: str, fake_time: FakeTime) -> None:
    with pytest.raises(SourceUnavailableError) as caught:
        _source(secured, fake_time).get("/things", read_list)
    assert str(caught.value) == (
        f"Codex at {secured}/things shows a certificate that is not trusted (self-signed certificate): "
        "name the file of its certificate authority in CODEX_CA_FILE."
    )
    assert fake_time.slept == []


def test_a_self_signed_certificate_that_is_named_is_trusted(
    secured: str, certificate: Path, fake_time: FakeTime
) -> None:
    assert _source(secured, fake_time, certificate).get("/things", read_list) == [1]


def test_https_where_http_is_spoken_is_said_clearly(scripted: ScriptedServer, fake_time: FakeTime) -> None:
    url = scripted.url.replace("http:", "https:")
    with pytest.raises(SourceUnavailableError) as caught:
        _source(url, fake_time).get("/things", read_list)
    assert str(caught.value) == (
        f"Codex could not be spoken to securely at {url}/things: "
        "check CODEX_URL, also whether it should begin with http:// or https://."
    )


def test_a_missing_file_of_certificates_is_said_before_anything_is_asked(
    tmp_path: Path, fake_time: FakeTime
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _source("https://127.0.0.1", fake_time, tmp_path / "none.pem")
    assert str(caught.value) == f"CODEX_CA_FILE names {tmp_path / 'none.pem'}, which does not exist."
