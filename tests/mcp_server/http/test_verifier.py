"""Who is let in now: the file is looked at with each request."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
import pytest

from mcp_server.http.tokens import TokenFile, digest, environment_record
from mcp_server.http.verifier import FileTokenVerifier

if TYPE_CHECKING:
    from pathlib import Path

    from mcp.server.auth.provider import AccessToken

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "tokens.json")


def verify(verifier: FileTokenVerifier, token: str) -> AccessToken | None:
    return anyio.run(verifier.verify_token, token)


def test_holder_is_named_with_scopes_and_without_the_token(file: TokenFile) -> None:
    token = file.add("laptop", ["ingest"], now=NOW)

    verified = verify(FileTokenVerifier(file), token)

    assert verified is not None
    assert (verified.client_id, verified.scopes) == ("laptop", ["read", "ingest"])
    assert token not in repr(verified)


def test_token_is_good_from_when_it_was_made_until_it_is_revoked(file: TokenFile) -> None:
    verifier = FileTokenVerifier(file)
    assert verifier.records() == ()
    token = file.add("laptop", [], now=NOW)
    verified = verify(verifier, token)
    assert verified is not None
    assert verifier.still_holds(verified)

    file.revoke("laptop")

    assert verify(verifier, token) is None
    assert not verifier.still_holds(verified)


def test_another_token_of_the_same_name_is_another(file: TokenFile) -> None:
    verifier = FileTokenVerifier(file)
    verified = verify(verifier, file.add("laptop", [], now=NOW))
    file.revoke("laptop")
    file.add("laptop", [], now=NOW)
    assert verified is not None
    assert not verifier.still_holds(verified)


def test_file_that_others_may_read_lets_nobody_in_until_it_is_mended(
    file: TokenFile, caplog: pytest.LogCaptureFixture
) -> None:
    token = file.add("laptop", [], now=NOW)
    verifier = FileTokenVerifier(file)
    file.path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        assert verify(verifier, token) is None
        assert verify(verifier, token) is None
    assert caplog.text.count("no token of the file is good") == 1

    file.path.chmod(0o600)

    assert verify(verifier, token) is not None


def test_file_that_is_gone_lets_nobody_in(file: TokenFile) -> None:
    token = file.add("laptop", [], now=NOW)
    verifier = FileTokenVerifier(file)
    assert verify(verifier, token) is not None
    file.path.unlink()
    assert verify(verifier, token) is None


def test_token_of_the_environment_is_good_whatever_the_file_says(file: TokenFile) -> None:
    made_up = "a-token-that-a-person-made-up"
    verifier = FileTokenVerifier(file, environment_record(made_up, ["ingest"]))
    file.path.write_text("damaged")
    file.path.chmod(0o600)

    verified = verify(verifier, made_up)

    assert verified is not None
    assert (verified.client_id, verified.token) == ("environment", digest(made_up))
    assert verify(verifier, "another") is None
