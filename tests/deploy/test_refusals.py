"""Refusals as real servers word them become errors that say what is wrong, by how much, and what to do."""

from __future__ import annotations

import json

import httpx
import pytest

from deploy.broken_connection import broken_connection
from deploy.endpoint import Endpoint
from deploy.refusals import missing_model, read_refusal, refusal_error, server_words
from tests.deploy.conftest import RECORDINGS

ENDPOINT = Endpoint("http://gpu-box:8000/v1", "tiny", "vllm", 2048)


def recorded(name: str) -> tuple[int, str]:
    recording = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))
    return recording["status"], json.dumps(recording["body"])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "vllm/err_context_too_long",
            "at least 1 token too long: it has at least 2,049 of prompt, and the context holds 2,048",
        ),
        (
            "vllm/err_max_tokens_gt_ctx",
            "97,952 tokens too long: it has 100,000 of answer, and the context holds 2,048",
        ),
        (
            "ollama/chat_prompt_too_long_truncate_false",
            "3,727 tokens too long: it has 4,239 of prompt, and the context holds 512",
        ),
        (
            "ollama/chat_prompt_too_long_shift_false",
            "too long for the model's context: the prompt is longer than the context length",
        ),
    ],
)
def test_a_request_that_is_too_long_says_by_how_many_tokens(name: str, says: str) -> None:
    error = refusal_error(ENDPOINT, read_refusal(*recorded(name)))

    assert error.message.startswith("tiny at http://gpu-box:8000/v1: the request is ")
    assert says in error.message
    assert "larger context" in error.hint


# Not recorded here: the wording of vLLM before 0.9, of OpenAI, and of LM Studio by its bug tracker.
@pytest.mark.parametrize(
    ("words", "excess"),
    [
        (
            (
                "This model's maximum context length is 4096 tokens. However, you requested 4100 tokens "
                "(4000 in the messages, 100 in the completion). Please reduce the length."
            ),
            "4 tokens",
        ),
        (
            (
                "This model's maximum context length is 4096 tokens. However, you requested 500 output "
                "tokens and your prompt contains 3600 input tokens, for a total of 4100 tokens."
            ),
            "4 tokens",
        ),
        (
            (
                "Trying to keep the first 15857 tokens when context the overflows. However, the model is "
                "loaded with context length of only 4096 tokens, which is not enough."
            ),
            "11,761 tokens",
        ),
    ],
)
def test_other_servers_wordings_are_understood(words: str, excess: str) -> None:
    error = refusal_error(ENDPOINT, read_refusal(400, json.dumps({"error": {"message": words}})))

    assert f"the request is {excess} too long" in error.message


def test_the_hint_names_a_context_that_would_hold_the_request() -> None:
    refusal = read_refusal(*recorded("ollama/chat_prompt_too_long_truncate_false"))

    # 4,239 tokens, room for an answer, in steps of 1,024.
    assert refusal_error(ENDPOINT, refusal).hint.endswith("stillroom up --context 6144")


@pytest.mark.parametrize(
    "name", ["vllm/err_unknown_model", "ollama/chat_missing_model", "ollama/show_missing"]
)
def test_a_missing_model_lists_those_that_are_there(name: str) -> None:
    error = refusal_error(ENDPOINT, read_refusal(*recorded(name)), models=("r1", "smol"))

    assert error.message == "http://gpu-box:8000/v1 has no model tiny: it has r1, smol"
    assert error.hint.startswith("STILLROOM_ENDPOINT_MODEL=r1")


@pytest.mark.parametrize(
    ("key", "says"), [(None, "wants a key, and none was sent"), ("wrong", "refused the key that was sent")]
)
def test_a_wrong_key_names_the_setting(key: str | None, says: str) -> None:
    endpoint = Endpoint("http://gpu-box:8000/v1", "tiny", "vllm", 2048, api_key=key)

    error = refusal_error(endpoint, read_refusal(*recorded("vllm/err_wrong_key")))

    assert says in error.message
    assert "STILLROOM_ENDPOINT_API_KEY" in error.hint
    assert "wrong" not in error.message


@pytest.mark.parametrize("name", ["ollama/chat_tools_unsupported", "ollama/chat_think_unsupported"])
def test_what_a_model_cannot_do_is_said_in_the_servers_words(name: str) -> None:
    error = refusal_error(ENDPOINT, read_refusal(*recorded(name)))

    assert "does not support" in error.message
    assert error.hint.startswith("stillroom doctor")


def test_an_unknown_route_is_about_the_address() -> None:
    error = refusal_error(ENDPOINT, read_refusal(*recorded("vllm/embed_chat")))

    assert "takes no chat requests" in error.message
    assert "/v1" in error.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"error": {"message": "no", "code": 400}}', "no"),
        ('{"error": "{\\"error\\": {\\"message\\": \\"no\\"}}"}', "no"),
        ('{"detail": "Not Found"}', "Not Found"),
        ('{"detail": [{"msg": "missing"}]}', '[{"msg": "missing"}]'),
        ("<html><head><title>\n502 Bad Gateway </title>", 'a web page, "502 Bad Gateway"'),
        ("<!doctype html><html><p>x", "a web page"),
        ("plain\n  words", "plain words"),
        ("", ""),
        ("x" * 1000, "x" * 299 + "…"),
    ],
)
def test_a_servers_words_are_one_line_of_any_body(text: str, words: str) -> None:
    assert server_words(text) == words


@pytest.mark.parametrize("password", ["hush", "hu/sh", "hu@sh"])
@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_no_error_shows_the_password_in_an_address(password: str, status: int) -> None:
    endpoint = Endpoint(f"http://me:{password}@gpu-box:8000/v1", "tiny", "vllm", 2048)
    away = broken_connection(endpoint, httpx.ConnectError("Connection refused"))
    said = [refusal_error(endpoint, read_refusal(status, "no")), missing_model(endpoint, ["other"]), away]
    for error in said:
        assert "http://gpu-box:8000/v1" in error.message
        assert password not in error.message + str(error.hint)
