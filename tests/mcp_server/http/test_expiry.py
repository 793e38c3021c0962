"""Until when a token is good: how that is written, kept, shown and enforced."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.small_file import write_whole
from mcp_server.http.expiry import is_over, read_expiry
from mcp_server.http.tokens import TokenFile
from mcp_server.http.verifier import FileTokenVerifier
from stillroom.errors import McpError
from tests.mcp_server.http.conftest import Tokens, serving
from tests.mcp_server.http.test_end import long_call
from tests.mcp_server.http.wire import bearer, call, message
from tests.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mcp_server.http.conftest import HttpServer

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ZONES = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=ZONES)  # noqa: DTZ001


@given(MOMENTS, st.integers(1, 100_000), st.sampled_from([("h", 1), ("d", 24), ("w", 168)]))
def test_a_length_counts_from_now_whatever_the_zone(now: datetime, count: int, unit: tuple[str, int]) -> None:
    expires_at = read_expiry(f"{count}{unit[0]}", now)
    assert expires_at is not None
    assert expires_at.utcoffset() == timedelta(0)
    assert expires_at == now.replace(microsecond=0) + count * unit[1] * HOUR


@given(MOMENTS, st.integers(0, 20_000))
def test_a_day_counts_to_its_end_in_utc(now: datetime, days: int) -> None:
    last = now.astimezone(UTC).date() + timedelta(days=days)
    expires_at = read_expiry(last.isoformat(), now)
    assert expires_at is not None
    assert not is_over(expires_at, expires_at - timedelta(microseconds=1))
    assert is_over(expires_at, expires_at)
    assert (expires_at - timedelta(seconds=1)).date() == last
    assert (expires_at.hour, expires_at.minute, expires_at.utcoffset()) == (0, 0, timedelta(0))


@given(MOMENTS, st.one_of(st.text(max_size=12), st.from_regex(r"-?[0-9]{1,8}[-.hdwmy ]?[0-9]{0,4}\s?")))
def test_whatever_else_is_written_is_a_moment_to_come_or_refused(now: datetime, text: str) -> None:
    try:
        expires_at = read_expiry(text, now)
    except McpError:
        return
    assert (expires_at is None) == (text == "never")
    assert expires_at is None or expires_at > now


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0d",
        "2026-11-25",
        "2026-02-30",
        "30",
        "30 d",
        "-1d",
        "٣d",
        "30D",
        "9999-12-31",
        "999999w",
        "tomorrow",
    ],
)
def test_what_is_over_or_no_time_is_refused(text: str) -> None:
    with pytest.raises(McpError) as caught:
        read_expiry(text, NOW)
    assert "--expires 30d" in caught.value.hint


def test_a_token_that_never_expires_is_written_as_every_version_reads_it(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    file.add("laptop", [], now=NOW)

    written = json.loads(file.path.read_text(encoding="utf-8"))

    assert written["version"] == 1
    assert set(written["tokens"][0]) == {"name", "scopes", "sha256", "created_at"}


def test_a_file_with_a_token_that_expires_is_refused_by_those_who_would_let_it_in_for_ever(
    tmp_path: Path,
) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    file.add("laptop", [], now=NOW)
    file.add("guest", [], now=NOW, expires_at=NOW + HOUR)

    assert json.loads(file.path.read_text(encoding="utf-8"))["version"] == 2
    assert [record.expires_at for record in file.read()] == [None, NOW + HOUR]
    file.revoke("guest")
    assert json.loads(file.path.read_text(encoding="utf-8"))["version"] == 1


@pytest.mark.parametrize(
    "moment", ['"2027-01-31T00:00:00"', '"soon"', "[]"], ids=["no zone", "no time", "list"]
)
def test_a_moment_that_cannot_be_read_lets_nobody_in(tmp_path: Path, moment: str) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    token = file.add("laptop", [], now=NOW, expires_at=NOW + HOUR)
    content = file.path.read_text(encoding="utf-8")
    file.path.write_text(content.replace('"2026-11-26T13:00:00Z"', moment), encoding="utf-8")

    with pytest.raises(McpError, match="is damaged"):
        file.read()
    assert anyio.run(FileTokenVerifier(file).verify_token, token) is None


def test_a_token_is_good_until_its_moment_and_not_from_it_on(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    token = file.add("laptop", [], now=NOW, expires_at=NOW + HOUR)
    clock = [NOW + HOUR - timedelta(microseconds=1)]
    verifier = FileTokenVerifier(file, clock=lambda: clock[0])
    verified = anyio.run(verifier.verify_token, token)
    assert verified is not None
    assert (verifier.still_holds(verified), verifier.has_expired(token)) == (True, False)

    clock[0] = NOW + HOUR

    assert anyio.run(verifier.verify_token, token) is None
    assert (verifier.still_holds(verified), verifier.has_expired(token)) == (False, True)
    assert not verifier.has_expired(token + "x")
    # Whoever made tokens wants to be asked for one, also when the last of them is over.
    assert verifier.records()


def test_an_expired_token_is_refused_and_told_so_and_nobody_else_is(
    guarded: HttpServer, tokens: Tokens
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    token = tokens.file.add("over", [], now=NOW, expires_at=past)
    try:
        response = guarded.send(message("tools/list"), token)
        assert response.status_code == 401
        said = response.headers["www-authenticate"]
        assert said.startswith('Bearer error="invalid_token", error_description="the token has expired", ')
        assert 'resource_metadata="' in said
        assert response.json()["error"]["message"] == "the token has expired"
        for other in (token[:-1], token.upper(), f"x{token}", ""):
            refused = guarded.send(call("list_sources"), other)
            assert refused.status_code == 401
            assert "expired" not in refused.text + refused.headers["www-authenticate"]
        guarded.require_alive(tokens.reader)
        assert token not in guarded.logged
    finally:
        tokens.file.revoke("over")


def test_what_is_open_for_a_token_ends_when_it_expires(tmp_path: Path, library_dir: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.json")
    token = tokens.add("guest")
    with serving("--tokens", str(tokens.file.path), "--library", str(library_dir)) as server:
        called = long_call(server, token)
        _let_expire(tokens.file, "guest")

        assert called.ended(60)
        assert called.broken is None
        assert server.send(message("tools/list"), token).status_code == 401
        server.require_alive(tokens.reader)


def test_a_server_whose_only_token_expired_lets_nobody_in(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "tokens.json")
    token = file.add("over", [], now=NOW, expires_at=NOW + HOUR)
    with serving("--tokens", str(file.path)) as server:
        for headers in ({}, bearer(token)):
            assert server.send(message("tools/list"), headers=headers).status_code == 401
        assert wait_until(lambda: server.logged.count(" 401 ") == 2)


def _let_expire(file: TokenFile, name: str) -> None:
    """As time would: the record says that the moment has come."""
    records = [
        {**token, "expires_at": "2026-11-26T13:00:00Z"} if token["name"] == name else token
        for token in json.loads(file.path.read_text(encoding="utf-8"))["tokens"]
    ]
    write_whole(file.path, json.dumps({"version": 2, "tokens": records}).encode(), owner_only=True)
