"""The certificate that the HTTP server shows, checked before it opens; making one is not its business."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stillroom.errors import McpError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM.

    Attributes:
        certificate: the server's own first, then those that vouch for it.
        key: without a password.
    """

    certificate: Path
    key: Path


def out_of_time(files: Certificate, now: datetime) -> str:
    """Why clients would refuse the certificate at that moment, for its dates; empty where it is good.

    Raises:
        McpError: it cannot be read.
    """
    from cryptography import x509

    try:
        leaf = x509.load_pem_x509_certificates(files.certificate.read_bytes())[0]
        begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    except (OSError, ValueError) as error:
        raise McpError(f"the dates of {files.certificate} cannot be read: {error}") from error
    if now < begins:
        return f"{files.certificate} is not good before {_shown(begins)}"
    return f"{files.certificate} expired at {_shown(ends)}" if now > ends else ""


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")


def server_context(files: Certificate) -> ssl.SSLContext:
    """What encrypts connections: TLS 1.2 or newer.

    Raises:
        McpError: a file cannot be read, is no PEM, or the two do not belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A password would be asked for on the terminal.
        context.load_cert_chain(files.certificate, files.key, password=lambda: "")
    except ssl.SSLError as error:
        raise McpError(
            f"{files.certificate} and {files.key} are no certificate and its key: {error.reason or error}",
            hint="--tls-cert takes the chain and --tls-key its key, both in PEM and without a password",
        ) from error
    except OSError as error:
        raise McpError(
            f"the certificate cannot be read: {error.strerror}: {error.filename or files.certificate}"
        ) from error
    return context
