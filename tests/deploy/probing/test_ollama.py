"""What Ollama's recorded answers tell of it; its own claims are not believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.probing.probe import probed
from stillroom.errors import ModelError
from tests.deploy.probing.standing_in import (
    Answer,
    endpoint,
    found,
    is_told_to_call,
    kept_to_schema,
    recorded,
    saying,
    serving,
    uncounted,
)
from tests.deploy.raw_server import raw_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deploy.raw_server import Request

NO_ROUTE: Answer = (404, "404 page not found")


class Ollama:
    """An Ollama server by its recordings.

    Args:
        show: what it says of the model.
        plain: its answer to a request without tools.
        tools: its answer to the same with tools.
        called: its answer where the model is told to call the tool.
        counts: it says how many tokens a prompt has.
    """

    def __init__(
        self,
        show: str,
        *,
        plain: str,
        tools: str,
        called: str = "ollama/chat_tool_call_forced",
        counts: bool = True,
    ) -> None:
        self.routes = {
            "/v1/models": "ollama/v1_models",
            "/api/version": "ollama/version",
            "/api/tags": "ollama/tags",
            "/api/show": show,
            "/api/ps": "ollama/ps_after_num_ctx_1024",
            "/api/embed": "ollama/embed_llm",
        }
        kept = (lambda answer: answer) if counts else uncounted
        self.plain, self.tools, self.called = (kept(recorded(name)) for name in (plain, tools, called))

    def __call__(self, request: Request) -> Answer:
        """The answer to a request."""
        if request.path in self.routes:
            return recorded(self.routes[request.path])
        if request.path != "/api/chat":
            return NO_ROUTE
        if "tools" in request.body:
            return self.called if is_told_to_call(request) else self.tools
        if "format" in request.body:
            return saying(self.plain, kept_to_schema(request))
        return self.plain


R1_TEMPLATE = Ollama(
    "ollama/show_r1tmpl", plain="ollama/chat_r1tmpl_no_tools", tools="ollama/chat_r1tmpl_tools_short"
)
WITHOUT_TOOLS = Ollama("ollama/show", plain="ollama/chat_nonstream", tools="ollama/chat_tools_unsupported")
WITH_TOOLS = Ollama(
    "ollama/show_tools_model", plain="ollama/chat_nonstream", tools="ollama/chat_tools_supported"
)


def test_tools_that_the_template_of_r1_never_shows_are_not_native_although_the_server_claims_them() -> None:
    with raw_server(serving(R1_TEMPLATE)) as server:
        asked = probed(endpoint(server.url, "smol-r1tmpl"))

    told = found(asked)
    assert asked.engine == "ollama"
    assert not asked.capabilities.native_tools
    assert told["server"] == ("Ollama 0.33.0-rc2", "/api/version")
    assert told["tools"] == (
        "constrained",
        (
            "23 tokens of prompt, 23 with a tool definition: the model never sees it, "
            "although the server claims that it takes them"
        ),
    )
    assert (asked.capabilities.reasoning, asked.capabilities.reasoning_form) == (True, "apart")


def test_a_model_of_which_the_server_says_that_it_takes_no_tools_is_not_asked_with_them() -> None:
    with raw_server(serving(WITHOUT_TOOLS)) as server:
        asked = probed(endpoint(server.url, "smollm2:135m"))

    assert not asked.capabilities.native_tools
    assert found(asked)["tools"] == ("constrained", "the server says that the model takes none")
    assert not any("tools" in (request.body or {}) for request in server.requests)


def with_tools(called: str, *, counts: bool = True) -> Ollama:
    """A model whose template shows tools."""
    show, plain = "ollama/show_tools_model", "ollama/chat_nonstream"
    return Ollama(show, plain=plain, tools="ollama/chat_tools_supported", called=called, counts=counts)


def test_a_template_that_shows_tools_and_a_call_that_is_read_make_them_native() -> None:
    with raw_server(serving(WITH_TOOLS)) as server:
        asked = probed(endpoint(server.url, "smol-tools"))

    assert asked.capabilities.native_tools
    assert found(asked)["tools"] == (
        "native",
        "22 tokens of prompt, 150 with a tool definition; told to call it, the model did",
    )


@pytest.mark.parametrize(
    ("called", "how"),
    [
        ("ollama/chat_tool_call_unknown_function", "the model did, and the server took the call for text: "),
        ("ollama/chat_tool_call_try1", "the model did, and the server took the call for text: "),
        ("ollama/chat_tool_call_try0", "the model answered in words: "),
    ],
)
def test_a_model_that_sees_tools_is_made_to_call_them_where_its_calls_come_back_as_text(
    called: str, how: str
) -> None:
    with raw_server(serving(with_tools(called))) as server:
        asked = probed(endpoint(server.url, "smol-tools"))

    assert not asked.capabilities.native_tools
    way, told = found(asked)["tools"]
    assert way == "constrained"
    assert told.startswith(f"22 tokens of prompt, 150 with a tool definition; told to call it, {how}")


def test_an_answer_that_was_cut_off_before_a_call_leaves_it_to_the_count() -> None:
    with raw_server(serving(with_tools("ollama/chat_r1go_tools"))) as server:
        asked = probed(endpoint(server.url, "smol-tools"))

    assert asked.capabilities.native_tools
    assert found(asked)["tools"][1].endswith("150 with a tool definition; its call did not come in time")
    # Ollama knows no tool_choice, so there is no second try.
    assert sum("tools" in (request.body or {}) for request in server.requests) == 2


@pytest.mark.parametrize(
    ("called", "way", "how"),
    [
        ("ollama/chat_tool_call_forced", "native", "told to call it, the model did"),
        ("ollama/chat_tool_call_try1", "constrained", "the server took the call for text"),
        ("ollama/chat_r1go_tools", "constrained", "its call did not come in time"),
    ],
)
def test_where_tokens_are_not_counted_the_call_alone_decides(called: str, way: str, how: str) -> None:
    with raw_server(serving(with_tools(called, counts=False))) as server:
        told = found(probed(endpoint(server.url, "smol-tools")))

    assert told["tools"][0] == way
    assert told["tools"][1].startswith("the server does not count the prompt's tokens; ")
    assert how in told["tools"][1]


def test_a_template_of_ones_own_for_r1_that_shows_no_tools_is_seen_through_too() -> None:
    tools = "ollama/chat_r1go_tools"
    r1 = Ollama("ollama/show_r1go", plain="ollama/chat_r1tmpl_no_tools", tools=tools)
    with raw_server(serving(r1)) as server:
        asked = probed(endpoint(server.url, "smol-r1go"))

    assert not asked.capabilities.native_tools
    assert "23 tokens of prompt, 23 with a tool definition" in found(asked)["tools"][1]


def test_another_template_of_the_same_model_is_asked_anew(tmp_path: Path) -> None:
    changed = with_tools("ollama/chat_tool_call_try1")
    with raw_server(serving(WITH_TOOLS)) as server:
        probed(endpoint(server.url, "smol-tools"), cache_dir=tmp_path)
        asked = len(server.requests)
        kept = probed(endpoint(server.url, "smol-tools"), cache_dir=tmp_path).capabilities
        assert kept.native_tools
        assert not any(request.path == "/api/chat" for request in server.requests[asked:])
    port = server.port

    def templated(request: Request) -> Answer:
        status, body = changed(request)
        return status, {**body, "template": "{{ .Prompt }}"} if request.path == "/api/show" else body

    with raw_server(serving(templated), port=port) as server:
        asked_again = probed(endpoint(server.url, "smol-tools"), cache_dir=tmp_path)
    assert not asked_again.capabilities.native_tools
    assert asked_again.capabilities.identity not in {"", kept.identity}


def test_the_context_is_the_one_that_the_loaded_model_was_given() -> None:
    with raw_server(serving(WITHOUT_TOOLS)) as server:
        asked = probed(endpoint(server.url, "smollm2:135m"))

    told = found(asked)
    assert (asked.context_tokens, asked.capabilities.context_tokens) == (1024, 1024)
    assert told["context"] == (
        "1,024 tokens",
        "/api/ps: context_length of the loaded model; 8,192 were asked for",
    )
    chats = [request.body for request in server.requests if request.path == "/api/chat"]
    assert {body["options"]["num_ctx"] for body in chats} == {8192}


def test_a_model_that_is_not_loaded_has_the_context_that_it_was_trained_for() -> None:
    with raw_server(serving(R1_TEMPLATE)) as server:
        told = found(probed(endpoint(server.url, "smol-r1tmpl")))

    assert told["context"] == ("8,192 tokens", "/api/show: what the model was trained for")


def test_a_release_that_cuts_long_prompts_without_telling_is_pointed_out() -> None:
    def old(request: Request) -> Answer:
        return (200, {"version": "0.11.4"}) if request.path == "/api/version" else WITHOUT_TOOLS(request)

    with raw_server(serving(old)) as server:
        told = found(probed(endpoint(server.url, "smollm2:135m")))

    assert told["server"][0] == "Ollama 0.11.4"
    assert "it cuts long prompts without telling" in told["server"][1]


def test_vectors_and_their_dimensions_are_found() -> None:
    class Embedding(Ollama):
        def __call__(self, request: Request) -> Answer:
            if request.path == "/api/embed":
                return 200, {"model": "m", "embeddings": [[0.25] * 768]}
            return super().__call__(request)

    ollama = Embedding("ollama/show", plain="ollama/chat_nonstream", tools="ollama/chat_tools_unsupported")
    with raw_server(serving(ollama)) as server:
        asked = probed(endpoint(server.url, "smollm2:135m"))

    assert (asked.capabilities.embeddings, asked.capabilities.embedding_dimensions) == (True, 768)
    assert found(asked)["embeddings"][0] == "yes, 768 dimensions"
    with raw_server(serving(WITHOUT_TOOLS)) as server:
        asked = probed(endpoint(server.url, "smollm2:135m"))
    assert found(asked)["embeddings"][1].startswith("HTTP 501: This server does not support embeddings")


def test_a_model_that_is_not_there_lists_those_that_are() -> None:
    missing = Ollama("ollama/show_missing", plain="ollama/chat_nonstream", tools="ollama/chat_nonstream")
    with (
        raw_server(serving(missing)) as server,
        pytest.raises(ModelError, match=r"has no model nope: it has smol-tools:latest, .*smollm2:135m"),
    ):
        probed(endpoint(server.url, "nope"))
