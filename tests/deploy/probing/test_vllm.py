"""What vLLM's recorded answers tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.probing.probe import probed
from stillroom.errors import ModelError
from tests.deploy.probing.standing_in import (
    NOT_FOUND,
    Answer,
    endpoint,
    found,
    is_told_to_call,
    kept_to_schema,
    recorded,
    saying,
    serving,
)
from tests.deploy.raw_server import raw_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deploy.raw_server import Request

# By vllm/renderers/online_renderer.py of vLLM 0.32, and seen there.
NO_PARSER = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'


class Vllm:
    """A vLLM by its recordings.

    Args:
        tools: its answer to a request with tools.
        called: its answer where the model is told to call the tool.
        forced: the same where ``tool_choice`` says so too.
        plain: its answer to one without.
        prompt_end: the last tokens of the prompt that its template makes.
    """

    def __init__(
        self,
        tools: Answer,
        *,
        called: str = "vllm/tools_auto_regex",
        forced: str = "vllm/tools_named",
        plain: str = "vllm/chat",
        prompt_end: tuple[str, ...] = (),
    ) -> None:
        self.tools = tools
        self.called, self.forced = recorded(called), recorded(forced)
        self.plain = recorded(plain)
        self.prompt_end = prompt_end
        self.started = "1.79531787999e+09"

    def __call__(self, request: Request) -> Answer:
        """The answer to a request."""
        status, tokenized = recorded("vllm/tokenize_chat")
        token_strs = [*map(str, tokenized["tokens"]), *self.prompt_end]
        fixed = {
            "/v1/models": recorded("vllm/models"),
            "/version": recorded("vllm/version"),
            "/metrics": (200, f"# HELP\nprocess_start_time_seconds {self.started}\n"),
            "/v1/embeddings": recorded("vllm/err_embeddings_on_generate"),
            "/tokenize": (status, {**tokenized, "token_strs": token_strs}),
        }
        if request.path != "/v1/chat/completions":
            return fixed.get(request.path, NOT_FOUND)
        if "tool_choice" in request.body:
            return self.forced
        if "tools" in request.body:
            return self.called if is_told_to_call(request) else self.tools
        if "response_format" in request.body:
            return saying(self.plain, kept_to_schema(request))
        return self.plain


def test_a_vllm_without_a_tool_parser_refuses_tools() -> None:
    refusal = (400, {"error": {"message": NO_PARSER, "type": "BadRequestError", "code": 400}})
    with raw_server(serving(Vllm(refusal))) as server:
        asked = probed(endpoint(server.url))

    told = found(asked)
    assert asked.engine == "vllm"
    assert not asked.capabilities.native_tools
    assert told["server"] == ("vLLM 0.32.0", "/version")
    assert told["tools"] == ("constrained", f"refused: {NO_PARSER}")
    assert told["JSON schema"][0] == "yes"
    assert told["embeddings"] == ("no", "HTTP 404: Not Found")
    assert (asked.context_tokens, told["context"][0]) == (2048, "2,048 tokens")


def test_a_tool_parser_alone_is_not_enough() -> None:
    # The recorded server had a parser for Hermes, and SmolLM2's template, which shows no tools: 40 tokens.
    with raw_server(serving(Vllm(recorded("vllm/tools_auto")))) as server:
        told = found(probed(endpoint(server.url)))

    assert told["tools"] == (
        "constrained",
        "37 tokens of prompt, 40 with a tool definition: the model never sees it",
    )


def showing_tools(*, called: str = "vllm/tools_auto_regex", forced: str = "vllm/tools_named") -> Vllm:
    """A vLLM with a parser, and a template that shows tools."""
    status, body = recorded("vllm/tools_auto")
    return Vllm(
        (status, {**body, "usage": {**body["usage"], "prompt_tokens": 127}}), called=called, forced=forced
    )


def test_a_template_that_shows_tools_and_a_call_that_is_read_make_them_native() -> None:
    with raw_server(serving(showing_tools())) as server:
        asked = probed(endpoint(server.url))

    assert asked.capabilities.native_tools
    assert found(asked)["tools"] == (
        "native",
        "37 tokens of prompt, 127 with a tool definition; told to call it, the model did",
    )
    # An enforced call would say nothing of how the model's own calls are read.
    assert not any("tool_choice" in (request.body or {}) for request in server.requests)


def test_a_model_that_answers_in_words_where_it_is_told_to_call_has_no_native_tools() -> None:
    with raw_server(serving(showing_tools(called="vllm/tools_auto_forced_text"))) as server:
        asked = probed(endpoint(server.url))

    assert not asked.capabilities.native_tools
    assert found(asked)["tools"][1].endswith(
        "told to call it, the model answered in words: \"Ceci n'est pas un temps de l'enfant.\""
    )


@pytest.mark.parametrize(
    ("forced", "how"),
    [
        ("vllm/tools_auto_regex", "forced by tool_choice, the model did"),
        # Enforced, with a text in the place of the arguments: no call that could be run.
        ("vllm/tools_named", "in 64 tokens it came to no call, not with tool_choice either"),
    ],
)
def test_an_answer_that_was_cut_off_is_followed_by_an_enforced_call(forced: str, how: str) -> None:
    with raw_server(serving(showing_tools(called="vllm/chat_length", forced=forced))) as server:
        asked = probed(endpoint(server.url))

    assert asked.capabilities.native_tools
    assert found(asked)["tools"][1] == f"37 tokens of prompt, 127 with a tool definition; {how}"


def test_a_call_of_a_tool_that_was_not_offered_is_none() -> None:
    with raw_server(serving(showing_tools(called="vllm/tools_named_strict"))) as server:
        asked = probed(endpoint(server.url))

    assert not asked.capabilities.native_tools
    assert "the model called add, which there is not" in found(asked)["tools"][1]


@pytest.mark.parametrize(
    ("server", "form"),
    [
        (Vllm(NOT_FOUND, plain="vllm/reason_plain"), "apart"),
        # As seen of vLLM 0.32 with SmolLM2's tokenizer and a template that opens the thought.
        (Vllm(NOT_FOUND, prompt_end=("ass", "istant", "Ċ", "<", "think", ">", "Ċ")), "opened"),
    ],
    ids=["parser", "template"],
)
def test_thinking_is_seen_by_its_field_or_by_the_template(server: Vllm, form: str) -> None:
    with raw_server(serving(server)) as running:
        capabilities = probed(endpoint(running.url)).capabilities

    assert (capabilities.reasoning, capabilities.reasoning_form) == (True, form)


def test_a_model_that_thinks_before_it_keeps_to_a_schema_is_not_taken_for_one_that_cannot() -> None:
    class Thinking(Vllm):
        def __call__(self, request: Request) -> Answer:
            if "nonsense" in str(request.body):
                return recorded("vllm/bad_schema")
            return (
                self.plain
                if request.body and "response_format" in request.body
                else super().__call__(request)
            )

    with raw_server(serving(Thinking(NOT_FOUND, plain="vllm/reason_plain"))) as server:
        told = found(probed(endpoint(server.url)))

    assert told["JSON schema"] == (
        "yes",
        "it refuses a schema that is none; an answer would take a whole thought",
    )


def test_a_server_that_was_started_anew_is_asked_anew(tmp_path: Path) -> None:
    vllm = Vllm(NOT_FOUND)
    with raw_server(serving(vllm)) as server:
        probed(endpoint(server.url), cache_dir=tmp_path)
        vllm.tools = recorded("vllm/tools_auto")
        assert found(probed(endpoint(server.url), cache_dir=tmp_path))["tools"][1].startswith("refused")

        vllm.started = "1.79531799999e+09"
        assert found(probed(endpoint(server.url), cache_dir=tmp_path))["tools"][1].startswith("37 tokens")


def test_a_server_of_embeddings_alone_takes_no_chat_requests() -> None:
    def pooling(request: Request) -> Answer:
        return recorded("vllm/embed_models") if request.path == "/v1/models" else recorded("vllm/embed_chat")

    with raw_server(serving(pooling)) as server, pytest.raises(ModelError, match="takes no chat requests"):
        probed(endpoint(server.url, "minilm"))


def test_a_wrong_key_names_its_setting() -> None:
    with (
        raw_server(serving(lambda _: recorded("vllm/err_wrong_key"))) as server,
        pytest.raises(ModelError, match="refused the key that was sent") as caught,
    ):
        probed(endpoint(server.url, api_key="sesame"))
    assert server.requests[0].headers["authorization"] == "Bearer sesame"
    assert "STILLROOM_ENDPOINT_API_KEY" in caught.value.hint


def test_a_model_that_is_not_there_lists_those_that_are() -> None:
    with (
        raw_server(serving(Vllm(NOT_FOUND))) as server,
        pytest.raises(ModelError, match="has no model nope: it has tiny, tiny-alias"),
    ):
        probed(endpoint(server.url, "nope"))
