"""HTTPS by certificate files."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mcp_server.http.tls import Certificate, out_of_time, server_context
from stillroom.errors import McpError
from tests.mcp_server.http.conftest import Tokens, serving
from tests.mcp_server.http.wire import bearer, headers_for, message

if TYPE_CHECKING:
    from pathlib import Path


def make_certificate(
    folder: Path,
    name: str = "server",
    password: bytes | None = None,
    *,
    left: timedelta = timedelta(days=1),
) -> Certificate:
    """A certificate for 127.0.0.1 that vouches for itself, from yesterday on for so long from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + left)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    files = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )
    return files


def test_server_with_a_certificate_speaks_tls_and_nothing_else(tokens: Tokens, tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    trust = ssl.create_default_context(cafile=str(files.certificate))
    arguments = ("--tls", str(files.certificate), str(files.key))
    with serving("--tokens", str(tokens.file.path), *arguments) as server:
        assert server.url.startswith("https://127.0.0.1:")
        asked = message("tools/list")
        response = httpx.post(
            server.url,
            json=asked,
            headers={**headers_for(asked), **bearer(tokens.reader)},
            verify=trust,
            timeout=60,
            trust_env=False,
        )
        assert response.status_code == 200
        with pytest.raises(httpx.HTTPError):
            httpx.get(server.root.replace("https", "http"), timeout=60, trust_env=False)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=60) as plain,
            old.wrap_socket(plain) as connection,
        ):
            assert connection.version() == "TLSv1.2"


def test_certificate_is_told_of_before_and_after_its_time(tmp_path: Path) -> None:
    files, now = make_certificate(tmp_path), datetime.now(UTC)
    assert out_of_time(files, now) == ""
    late = now + timedelta(days=2)
    assert out_of_time(files, late).startswith(f"{files.certificate} expired at {late.year}-")
    assert "is not good before" in out_of_time(files, now - timedelta(days=2))
    # The server's own is the first of a chain.
    chain = files.certificate.read_bytes()
    files.certificate.write_bytes(chain + make_certificate(tmp_path, "other").certificate.read_bytes())
    assert out_of_time(files, now) == ""


def test_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    one, other = make_certificate(tmp_path, "one"), make_certificate(tmp_path, "other")
    with pytest.raises(McpError, match="are no certificate and its key") as caught:
        server_context(Certificate(one.certificate, other.key))
    assert "--tls-key" in caught.value.hint


def test_key_with_a_password_is_refused_without_asking_for_it(tmp_path: Path) -> None:
    with pytest.raises(McpError, match="are no certificate and its key"):
        server_context(make_certificate(tmp_path, password=b"secret"))


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    files = make_certificate(tmp_path)
    with pytest.raises(McpError, match="the certificate cannot be read: No such file"):
        server_context(Certificate(files.certificate, tmp_path / "missing.key"))
