"""The file of tokens: digests alone, for its owner alone."""

from __future__ import annotations

import os
import re
import stat
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from mcp_server.http.tokens import TokenFile, digest, environment_record, holder
from stillroom.errors import McpError

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "state" / "tokens.json")


def test_token_is_kept_as_its_digest_in_a_file_of_its_owner_alone(file: TokenFile) -> None:
    token = file.add("laptop", ["agent"], now=NOW)

    (record,) = file.read()
    assert (record.name, record.scopes) == ("laptop", ("read", "agent"))
    assert record.created_at == "2026-11-26T12:00:00+00:00"
    assert record.sha256 == digest(token)
    assert token not in file.path.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_tokens_are_long_and_differ_and_can_be_recognized(file: TokenFile) -> None:
    made = {file.add(f"n{number}", [], now=NOW) for number in range(5)}
    assert len(made) == 5
    assert all(re.fullmatch(r"stillroom_[\w-]{43}", token) for token in made)


def test_no_file_is_no_token(file: TokenFile) -> None:
    assert file.read() == ()


def test_holder_is_found_by_the_whole_token_only(file: TokenFile) -> None:
    first, second = file.add("first", [], now=NOW), file.add("second", [], now=NOW)
    records = file.read()

    found = holder(second, records)
    assert found is not None
    assert found.name == "second"
    for other in ("", first[:-1], first + "x", first.upper(), "\udcff", "é"):
        assert holder(other, records) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_file_that_others_may_read_is_refused_with_the_command_that_mends_it(
    file: TokenFile, mode: int
) -> None:
    file.add("laptop", [], now=NOW)
    file.path.chmod(mode)

    for use in (file.read, lambda: file.add("other", [], now=NOW), lambda: file.revoke("laptop")):
        with pytest.raises(McpError, match=f"its mode is {mode:04o}, and 0600 is needed") as caught:
            use()
        assert caught.value.hint == f"chmod 600 {file.path}"


def test_revoked_token_is_gone_and_the_others_stay(file: TokenFile) -> None:
    token = file.add("laptop", [], now=NOW)
    file.add("ci", [], now=NOW)

    assert file.revoke("laptop").name == "laptop"

    assert holder(token, file.read()) is None
    assert [record.name for record in file.read()] == ["ci"]
    with pytest.raises(McpError, match="no token 'laptop'; there are: ci") as caught:
        file.revoke("laptop")
    assert caught.value.hint == "stillroom mcp token list"


def test_name_is_given_once(file: TokenFile) -> None:
    file.add("laptop", [], now=NOW)
    with pytest.raises(McpError, match="there is a token 'laptop' already") as caught:
        file.add("laptop", [], now=NOW)
    assert caught.value.hint == "stillroom mcp token revoke laptop"


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "é", "a" * 65, "a\n"])
def test_name_that_no_log_could_show_is_refused(file: TokenFile, name: str) -> None:
    with pytest.raises(McpError, match="cannot name a token"):
        file.add(name, [], now=NOW)


@pytest.mark.parametrize("name", ["local", "environment"])
def test_name_of_those_without_a_token_of_the_file_is_refused(file: TokenFile, name: str) -> None:
    with pytest.raises(McpError, match=f"the name '{name}' is taken"):
        file.add(name, [], now=NOW)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"version": 1,\n "tokens": nonsense}', "is no file of tokens: it is not JSON at line 2, column 12"),
        ('{"version": 1}', "is no file of tokens: it has no list of 'tokens'"),
        (
            '{"version": 1, "tokens": [{"name": "x", "scopes": ["root"], "sha256": "", "created_at": ""}]}',
            "is damaged at tokens.0.scopes.0: it may be 'read', 'ingest' or 'agent'",
        ),
        ('{"version": 0, "tokens": []}', "is damaged at version: at least 1 is needed"),
        ('{"version": 9, "tokens": []}', "has version 9, and up to 2 is read: a newer Stillroom wrote it"),
    ],
)
def test_damaged_file_is_an_error_that_names_the_place_and_what_to_do(
    file: TokenFile, content: str, message: str
) -> None:
    file.path.parent.mkdir()
    file.path.write_text(content)
    file.path.chmod(0o600)
    with pytest.raises(McpError, match=message) as caught:
        file.read()
    assert "stillroom mcp token add NAME" in caught.value.hint
    assert "delete" not in caught.value.hint


def test_file_of_another_kind_is_told_so_and_keeps_its_mode(tmp_path: Path) -> None:
    other = tmp_path / "passwd"
    other.write_text("root:x:0:0:root:/root:/bin/sh\n")
    other.chmod(0o644)
    for path, said in (
        (other, "is no file of tokens: it is not JSON at line 1, column 1"),
        (tmp_path, "it is a folder"),
    ):
        with pytest.raises(McpError, match=said) as caught:
            TokenFile(path).read()
        assert "chmod" not in caught.value.hint
        assert "root" not in caught.value.message.removeprefix(str(path))


def test_file_that_somebody_named_must_be_there(file: TokenFile) -> None:
    with pytest.raises(McpError, match=f"there is no file of tokens {file.path}") as caught:
        file.read(must_be_there=True)
    assert caught.value.hint == f"to make it: stillroom mcp token add NAME --tokens {file.path}"
    file.add("x", [], now=NOW)
    assert [record.name for record in file.read(must_be_there=True)] == ["x"]


def test_two_who_add_at_once_both_keep_theirs(file: TokenFile) -> None:
    threads = [
        threading.Thread(target=file.add, args=(f"n{number}", []), kwargs={"now": NOW}) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {record.name for record in file.read()} == {f"n{number}" for number in range(8)}


def test_token_of_the_environment_is_refused_if_it_could_be_guessed() -> None:
    with pytest.raises(McpError, match="has 8 characters; at least 24 are needed") as caught:
        environment_record("hunter22", ["agent"])
    assert "hunter22" not in str(caught.value)
    record = environment_record("x" * 24, ["agent"])
    assert (record.name, record.scopes) == ("environment", ("read", "agent"))
