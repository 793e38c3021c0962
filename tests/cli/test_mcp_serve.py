"""``stillroom mcp serve --http`` and ``stillroom mcp token``, as a person types them."""

from __future__ import annotations

import json
import signal
import stat
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mcp_server.http.tokens import TokenFile
from mcp_server.jobs.store import JobStore
from tests.cli.conftest import refused
from tests.mcp_server.http.test_tls import make_certificate
from tests.mcp_server.http.wire import bearer, call, headers_for, message

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.conftest import Home

MADE_UP = "made-up-by-a-person-0123456789"


def ask(url: str, sent: dict[str, Any], token: str = "") -> httpx.Response:
    headers = {**headers_for(sent), **(bearer(token) if token else {})}
    return httpx.post(url, json=sent, headers=headers, timeout=120, trust_env=False)


@contextmanager
def serving(home: Home, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The command while it serves, and what it said of where."""
    with home.start("mcp", "serve", "--http", "--port", "0", "--json", *arguments) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_token_is_made_shown_once_listed_and_revoked(home: Home) -> None:
    made = home.run("mcp", "token", "add", "laptop", "--scope", "ingest")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert token.startswith("stillroom_")
    assert "may: read, ingest. It is not shown again" in made.stderr
    file = home.state_dir / "mcp-tokens.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in file.read_text(encoding="utf-8")

    (listed,) = home.json("mcp", "token", "list")["tokens"]
    assert (listed["name"], listed["scopes"]) == ("laptop", ["read", "ingest"])
    shown = home.run("mcp", "token", "list").stdout
    assert "laptop" in shown
    assert token not in shown

    refused(home.run("mcp", "token", "add", "laptop"), "there is a token 'laptop' already")
    assert home.json("mcp", "token", "revoke", "laptop")["revoked"] is True
    refused(home.run("mcp", "token", "revoke", "laptop"), "there is no token 'laptop'; there are: none")
    assert home.run("mcp", "token", "list").stdout == "no tokens\n"


def test_token_that_expires_says_until_when_and_how_long_that_is(home: Home) -> None:
    made = home.run("mcp", "token", "add", "guest", "--expires", "30d", "--json")
    expires_at = json.loads(made.stdout)["expires_at"]
    assert f"It is good until {expires_at}." in made.stderr
    home.json("mcp", "token", "add", "laptop")

    listed = home.json("mcp", "token", "list")["tokens"]

    assert [(one["name"], one["expires_at"], one["expired"]) for one in listed] == [
        ("guest", expires_at, False),
        ("laptop", None, False),
    ]
    shown = home.run("mcp", "token", "list").stdout
    assert "in 29 d 23 h" in shown
    assert "never" in shown
    past = datetime(2026, 1, 1, tzinfo=UTC)
    TokenFile(home.state_dir / "mcp-tokens.json").add("over", [], now=past, expires_at=past)
    assert home.json("mcp", "token", "list")["tokens"][-1]["expired"] is True


@pytest.mark.parametrize("expires", ["2020-01-01", "soon", "0d"])
def test_time_at_which_a_token_cannot_expire_is_a_mistake_of_usage(home: Home, expires: str) -> None:
    done = home.run("mcp", "token", "add", "guest", "--expires", expires)
    assert done.returncode == 2
    assert "--expires 30d" in done.stderr
    assert not (home.state_dir / "mcp-tokens.json").exists()


def test_only_the_first_token_needs_a_server_to_start_again(home: Home) -> None:
    again = "must be started again"
    assert again in home.run("mcp", "token", "add", "first").stderr
    assert again not in home.run("mcp", "token", "add", "second").stderr


@pytest.mark.parametrize("name", ["../x", "local"])
def test_name_that_cannot_be_a_tokens_is_a_mistake_of_usage(home: Home, name: str) -> None:
    assert home.run("mcp", "token", "add", name).returncode == 2


def test_revoking_the_last_token_says_that_nobody_is_asked_then(home: Home) -> None:
    for name in ("first", "second"):
        home.json("mcp", "token", "add", name)
    assert "the last token" not in home.run("mcp", "token", "revoke", "first").stderr
    assert "the last token" in home.run("mcp", "token", "revoke", "second").stderr

    with serving(home) as (process, told):
        assert told["token_needed"] is False
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    assert "No token is asked for: every program of this machine may use it" in errors


@pytest.mark.parametrize(("option", "state"), [((), "cancelled"), (("--keep-jobs",), "queued")])
def test_jobs_of_a_revoked_token_are_cancelled_unless_they_are_kept(
    home: Home, option: tuple[str, ...], state: str
) -> None:
    home.json("mcp", "token", "add", "ci")
    store = JobStore(home.state_dir / "jobs.sqlite3")
    own = store.add("ingest", {"paths": ["/x"]}, owner="ci", library="").id
    other = store.add("ingest", {"paths": ["/x"]}, owner="laptop", library="").id

    revoked = home.run("mcp", "token", "revoke", "ci", *option)

    assert revoked.returncode == 0, revoked.stderr
    assert f"1 unfinished {'go on' if option else 'are cancelled'}: {own}" in revoked.stderr
    states = [job.state for job in (store.find(own), store.find(other)) if job]
    assert states == [state, "queued"]


def test_scope_that_is_none_is_refused_with_those_there_are(home: Home) -> None:
    refused(home.run("mcp", "token", "add", "x", "--scope", "root"), "'root' is none of read, ingest, agent")


def test_command_says_where_it_listens_serves_and_ends_with_success(home: Home) -> None:
    with serving(home) as (process, told):
        assert told["url"] == f"http://127.0.0.1:{told['port']}/mcp"
        assert (told["token_needed"], told["encrypted"], told["pid"]) == (False, False, process.pid)
        tools = ask(told["url"], message("tools/list")).json()["result"]["tools"]
        assert {"search_library", "ingest", "job_status", "run_agent"} <= {tool["name"] for tool in tools}
        assert "library default is empty" in ask(told["url"], call("list_sources")).text
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=120)
    assert (process.returncode, rest) == (0, "")
    assert " - POST /mcp tools/call list_sources 200 " in errors
    assert errors.endswith("stopped\n")


@pytest.mark.parametrize("transport", [(), ("--http", "--port", "0")])
def test_root_of_ingests_that_is_no_folder_keeps_the_server_from_starting(
    home: Home, transport: tuple[str, ...]
) -> None:
    home.environment["STILLROOM_MCP_INGEST_ROOTS"] = '["/a","/b"]'
    refused(
        home.run("mcp", "serve", *transport),
        """mcp_ingest_roots names '["/a","/b"]': it is not an absolute path""",
        "STILLROOM_MCP_INGEST_ROOTS='/home/you/notes:/home/you/work'",
    )


def test_command_tells_a_person_how_to_connect(home: Home) -> None:
    with home.start("mcp", "serve", "--http", "--port", "0") as process:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    said, url = first.split(" listens on ")
    assert said == "Stillroom's MCP server"
    assert url.startswith("http://127.0.0.1:")
    assert second == f"Connect: stillroom mcp install CLIENT --http {url}"
    assert process.returncode == 0


def test_listening_for_other_machines_needs_a_token_and_says_that_it_is_not_encrypted(home: Home) -> None:
    everywhere = ("--host", "0.0.0.0")
    refused(
        home.run("mcp", "serve", "--http", "--port", "0", *everywhere),
        "listening on 0.0.0.0 lets other machines in, and there is no token",
        "stillroom mcp token add NAME",
    )
    token = home.json("mcp", "token", "add", "phone")["token"]
    with serving(home, *everywhere, "--log-format", "json", "--access-log", str(home.folder / "log")) as (
        process,
        told,
    ):
        assert told["token_needed"] is True
        assert ask(told["url"], message("tools/list")).status_code == 401
        assert ask(told["url"], message("tools/list"), token).status_code == 200
        home.json("mcp", "token", "revoke", "phone")
        assert ask(told["url"], message("tools/list"), token).status_code == 401
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    assert "Tokens travel unencrypted" in errors
    assert "by any address of this machine and by its name; by another name with --allow-host NAME" in errors
    lines = [json.loads(line) for line in (home.folder / "log").read_text(encoding="utf-8").splitlines()]
    assert [(line["caller"], line["status"]) for line in lines] == [("", 401), ("phone", 200), ("", 401)]
    assert token not in errors + json.dumps(lines)


def test_token_of_the_environment_is_asked_for_and_has_its_scopes(home: Home) -> None:
    home.environment["STILLROOM_MCP_TOKEN"] = MADE_UP
    home.environment["STILLROOM_MCP_TOKEN_SCOPES"] = "read"
    with serving(home) as (_, told):
        assert ask(told["url"], message("tools/list")).status_code == 401
        assert ask(told["url"], message("tools/list"), MADE_UP).status_code == 200
        assert ask(told["url"], call("run_agent", question="x"), MADE_UP).status_code == 403
    assert MADE_UP not in home.run("settings").stdout

    home.environment["STILLROOM_MCP_TOKEN"] = "short"
    refused(home.run("mcp", "serve", "--http", "--port", "0"), "at least 24 are needed")


def test_file_of_tokens_that_others_may_read_keeps_the_server_from_starting(home: Home) -> None:
    home.json("mcp", "token", "add", "x")
    (home.state_dir / "mcp-tokens.json").chmod(0o644)
    refused(home.run("mcp", "serve", "--http", "--port", "0"), "may be read by others", "chmod 600 ")


@pytest.mark.parametrize("option", [("--host", "127.0.0.1"), ("--port", "1"), ("--tls-cert", "x")])
def test_option_of_http_without_http_is_refused(home: Home, option: tuple[str, str]) -> None:
    done = home.run("mcp", "serve", *option)
    refused(done, f"{option[0]} needs --http")
    assert done.returncode == 2


@pytest.mark.parametrize(
    "option",
    [
        ("--library", "../x"),
        ("--allow-origin", "https://app.example/"),
        ("--trust-proxy", "proxy.lan"),
        ("--public-url", "https://box.example"),
    ],
)
def test_option_that_cannot_be_used_is_a_mistake_of_usage_in_our_words(
    home: Home, option: tuple[str, str]
) -> None:
    done = home.run("mcp", "serve", "--http", "--port", "0", *option)
    refused(done, option[1])
    assert done.returncode == 2
    assert "pattern" not in done.stderr


def test_file_of_tokens_that_is_named_and_missing_is_refused_and_not_made(home: Home) -> None:
    named = ("--tokens", str(home.folder / "misspelt" / "tokens.json"))
    for words in (("serve", "--http", "--port", "0"), ("token", "list"), ("token", "revoke", "x")):
        refused(home.run("mcp", *words, *named), f"there is no file of tokens {named[1]}")
    assert not (home.folder / "misspelt").exists()

    home.json("mcp", "token", "add", "x", *named)
    assert [one["name"] for one in home.json("mcp", "token", "list", *named)["tokens"]] == ["x"]
    home.environment["STILLROOM_MCP_TOKENS_FILE"] = str(home.folder / "elsewhere.json")
    refused(home.run("mcp", "token", "list"), "there is no file of tokens")


def test_expired_certificate_is_told_of(home: Home) -> None:
    files = make_certificate(home.folder, left=-timedelta(hours=1))
    with serving(home, "--tls-cert", str(files.certificate), "--tls-key", str(files.key)) as (process, told):
        assert told["encrypted"] is True
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    assert f"Clients will refuse the certificate: {files.certificate} expired at " in errors


def test_certificate_without_its_key_is_refused(home: Home) -> None:
    refused(home.run("mcp", "serve", "--http", "--tls-cert", "x"), "--tls-cert and --tls-key go together")
