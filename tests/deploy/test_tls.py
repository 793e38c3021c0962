"""Certificates are read only where there is TLS, and nothing is trusted where they were not."""

from __future__ import annotations

import ssl

from deploy.tls import verification


def test_https_is_checked_against_the_systems_certificates() -> None:
    assert verification("https://example.com/v1") is True
    assert verification("HTTPS://example.com/v1") is True


def test_without_tls_no_certificate_is_read_and_none_would_be_believed() -> None:
    context = verification("http://127.0.0.1:8080/v1")

    assert isinstance(context, ssl.SSLContext)
    assert context.cert_store_stats()["x509_ca"] == 0
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
