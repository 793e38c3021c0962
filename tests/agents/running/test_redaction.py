"""What is written down of a run holds no secret, neither a known one nor one that looks like one."""

from __future__ import annotations

import pytest

from agents.running.redaction import Redactor

SECRETS = {
    "OpenAI": "sk-proj-Abc123Abc123Abc123Abc1",
    "Anthropic": "sk-ant-api03-abcdefghijklmnop",
    "Stripe": "sk_live_abcdefgh1234",
    "GitHub": "ghp_abcdefghijklmnopqrstuvwxyz0123",
    "fine-grained": "github_pat_11ABCDEFG0abcdefghijkl_mn",
    "GitLab": "glpat-abcdefghij_klmnop",
    "Hugging Face": "hf_abcdefghijklmnopqrstuv",
    "Slack": "xoxb-1234567890-abcdef",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "Google": "AIzaSyA1234567890abcdefghijklmnopqrstu",
    "JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_what_looks_like_a_key_is_taken_out_wherever_it_stands(secret: str) -> None:
    for text in (secret, f"use {secret}, please", f'{{"x": "{secret}"}}', f"https://h/?k={secret}&a=1"):
        clean = Redactor().text(text)
        assert secret not in clean
        assert "[redacted]" in clean


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abcdef.123", "Authorization: [redacted]"),
        ("X-API-Key: 0123456789", "X-API-Key: [redacted]"),
        ('{"password": "hunter22"}', '{"password": "[redacted]"}'),
        ("postgres://me:pa55@db/x", "postgres://[redacted]@db/x"),
        ("tool --api-key 0123456789 -v", "tool --api-key [redacted] -v"),
        ("MY_SERVICE_TOKEN=0123456789", "MY_SERVICE_TOKEN=[redacted]"),
        ("密码：hunter22。", "密码：[redacted]"),
        ("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb", "a\n[redacted]\nb"),
        ("so it begins: 0123456789abc …", "so it begins: …"),
    ],
)
def test_what_is_named_a_secret_loses_its_value(text: str, clean: str) -> None:
    assert Redactor().text(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "The prompt had 345 tokens: 300 and 45.",
        "https://example.org/a@b?page=2",
        "mail me@example.org: the secretary knows",
        "sk-learn and hf_hub are packages",
        "7 * 4 * 1.2 = 33.6",
        "密码学是一门学科",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_a_known_secret_is_taken_out_of_names_values_and_urls() -> None:
    redactor = Redactor(["p@ss w0rd", "", "1", "none"])
    told = redactor.value({"p@ss w0rd": ["is p@ss w0rd", 1, None, True], "url": "http://h/?q=p%40ss%20w0rd"})
    assert told == {"[redacted]": ["is [redacted]", 1, None, True], "url": "http://h/?q=[redacted]"}
    assert redactor.text("1 of none") == "1 of none"


def test_a_value_under_a_secret_name_is_taken_out_and_counts_stay() -> None:
    given = {
        "env": {"OPENAI_API_KEY": "abc", "LANG": "zh"},
        "Authorization": "x",
        "max_tokens": 5,
        "token": "",
    }
    told = Redactor().value(given)
    assert told["env"] == {"OPENAI_API_KEY": "[redacted]", "LANG": "zh"}
    assert (told["Authorization"], told["max_tokens"], told["token"]) == ("[redacted]", 5, "")


def test_a_long_text_takes_no_long_time() -> None:
    for text in (
        "a" * 200_000,
        "-token" * 40_000,
        "Bearer " * 30_000,
        "://" * 60_000,
        "-----BEGIN " * 20_000,
    ):
        assert Redactor(["hunter22"]).text(text)
