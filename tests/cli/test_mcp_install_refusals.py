"""What ``stillroom mcp install`` refuses, so that nothing is ignored and no secret written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import refused

if TYPE_CHECKING:
    from tests.cli.person import Person

TOKEN = "stillroom_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4"
URL = "https://box.example/mcp"


@pytest.mark.parametrize("pasted", [TOKEN, "eyJhbGciOiJIUzI1NiJ9.e30.x-y", "9lives", "A B", "TOKEN="])
def test_a_token_in_the_place_of_its_variable_is_refused_and_not_repeated(
    person: Person, pasted: str
) -> None:
    done = person.run("install", "cursor", "--http", URL, "--token-variable", pasted)

    refused(done, "is the name of a variable that holds the token")
    assert done.returncode == 2
    assert pasted not in done.stderr
    assert list(person.home.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://h:99999/mcp", "bad host or port"),
        ("http://h:0/mcp", "an address such as"),
        ("http://[h/mcp", "bad host or port"),
        ("http://h /mcp", "an address such as"),
        ("http://h\\mcp/x", "an address such as"),
        ("http://h/mcp?token=s3cret", "a token is never in the address"),
        ("http://h/mcp#s3cret", "a token is never in the address"),
        ("http://u:s3cret@h/mcp", "a name or a password in an address"),
        ("http://h/", "its path is missing"),
    ],
)
def test_an_address_that_no_client_could_use_is_refused_and_no_secret_repeated(
    person: Person, url: str, said: str
) -> None:
    done = person.run("install", "cursor", "--http", url)

    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "s3cret" not in done.stderr
    assert list(person.home.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--http", ""), "an address such as http://127.0.0.1:8620/mcp is needed"),
        (("--http", URL, "--library", "x"), "--library is for a server that the client starts"),
        (("--http", URL, "--write-token"), "--write-token writes the token that --token-variable names"),
        (("--write-token",), "--write-token writes the token that --token-variable names"),
        (("--uninstall", "--replace"), "--replace is for an installation"),
        (("--token-variable", "T"), "--token-variable is for --http"),
    ],
)
def test_an_option_that_would_have_no_effect_is_refused(
    person: Person, options: tuple[str, ...], said: str
) -> None:
    done = person.run("install", "cursor", *options)

    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert list(person.home.iterdir()) == []
