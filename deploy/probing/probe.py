"""Ask an endpoint what it can do, once, and remember it.

Seven to ten requests, four to six of which compute some tokens: well under a second on the bundled model.
What is asked is in ``questions`` and ``tool_calls``; who is asked, in ``identity``; where it is kept, in
``kept``.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from deploy.probing import kept, llama_cpp, ollama, questions, tool_calls, vllm
from deploy.probing.chat_api import MESSAGES, ChatApi, ChatReply, OllamaApi, OpenAiApi
from deploy.probing.identity import ENGINES, Identity, identify
from deploy.probing.report import LATE, Report, informed, not_asked
from deploy.probing.server import OK, Server
from deploy.refusals import ADDRESS_HINT, refusal_error
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.endpoint import Endpoint

# A server that was never asked before may have to load the model first.
FIRST_ANSWER_SECONDS: Final = 300.0
# A loaded model of any size answers with a few tokens within this time.
QUESTION_SECONDS: Final = 60.0


def probed(
    endpoint: Endpoint,
    *,
    cache_dir: Path | None = None,
    anew: bool = False,
    first_seconds: float = FIRST_ANSWER_SECONDS,
    seconds: float = QUESTION_SECONDS,
) -> Endpoint:
    """The endpoint with what its server can really do, its kind, and the context that it really gives.

    Args:
        endpoint: as it is known so far; what the server does not tell stays so.
        cache_dir: where reports are kept; None asks and keeps nothing.
        anew: ask although a report is kept.
        first_seconds: for the first answer of the model, which may have to be loaded.
        seconds: for each other answer.

    Raises:
        ModelError: nobody answers, the key is wrong, the model is not there, or no chat request is taken.

    Example:
        >>> probed(endpoint, cache_dir=cache_dir).capabilities.native_tools  # doctest: +SKIP
        False
    """
    with Server(endpoint, seconds=seconds) as server:
        identity = identify(server)
        endpoint = replace(endpoint, engine=ENGINES.get(identity.kind, endpoint.engine))
        name = kept.entry_name(endpoint, identity.facts)
        report = None if cache_dir is None or anew else kept.read(cache_dir, name, now=time.time())
        if report is None:
            report = examine(server, identity, first_seconds=first_seconds)
            if cache_dir is not None and report.complete:
                kept.write(cache_dir, name, report, now=time.time())
    return informed(endpoint, report, identity=name)


def probed_or_planned(endpoint: Endpoint) -> Endpoint:
    """The same for an engine that was just started: one that cannot be asked is left as it was planned."""
    try:
        return probed(endpoint)
    except ModelError as error:
        return not_asked(endpoint, error.message)


def examine(server: Server, identity: Identity, *, first_seconds: float) -> Report:
    """Ask the questions that cost tokens.

    Raises:
        ModelError: the server takes no chat request of that model, or goes away while it is asked.
    """
    facts = identity.facts
    api = _api(server, identity)
    plain = _plain(server, identity, first_seconds)
    opened = facts.says_opened if identity.kind == "ollama" else _opened(server, identity)
    thinking, form = questions.thinking(plain, claimed=facts.says_thinking, opened=opened)
    tools = tool_calls.tools(api, plain, claimed=facts.says_tools, thinks=bool(thinking.value))
    schema = questions.json_schema(api, thinks=bool(thinking.value))
    embeddings, dimensions = questions.embeddings(api)
    context_tokens, context_how = facts.context_tokens, facts.context_how
    if identity.kind == "ollama" and (given := ollama.given_context(server)):
        context_tokens, context_how = given, "/api/ps: context_length of the loaded model"
    return Report(
        server=facts.server,
        server_how=facts.server_how,
        tools=tools,
        json_schema=schema,
        thinking=thinking,
        embeddings=embeddings,
        reasoning_form=form,
        embedding_dimensions=dimensions,
        context_tokens=context_tokens,
        context_how=context_how,
        complete=LATE not in {tools, schema, embeddings},
    )


def _api(server: Server, identity: Identity) -> ChatApi:
    return OllamaApi(server) if identity.kind == "ollama" else OpenAiApi(server)


def _plain(server: Server, identity: Identity, seconds: float) -> ChatReply:
    """The beginning of an answer without anything special: it must come."""
    with Server(server.endpoint, seconds=seconds) as patient:
        reply = _api(patient, identity).chat(max_tokens=questions.PLAIN_TOKENS)
    endpoint = server.endpoint
    if reply is None:
        raise ModelError(
            f"{endpoint.model} at {endpoint.address} did not answer in time",
            hint="choose a smaller model: stillroom plan",
        )
    if reply.refusal is not None:
        raise _no_chat(endpoint, reply)
    return reply


def _no_chat(endpoint: Endpoint, reply: ChatReply) -> ModelError:
    from deploy.probing.second_look import served_models

    refusal = reply.refusal
    if refusal is None or refusal.status == OK:
        words = f": {refusal.words}" if refusal else ""
        return ModelError(
            f"{endpoint.address} answered with something that is no chat answer of {endpoint.model}{words}",
            hint=ADDRESS_HINT,
        )
    if refusal.kind == "other":
        return ModelError(
            refusal_error(endpoint, refusal).message, hint=f"look into that server's log; {ADDRESS_HINT}"
        )
    models = served_models(endpoint.base_url, endpoint.api_key) if refusal.kind == "no_model" else ()
    return refusal_error(endpoint, refusal, models=models)


def _opened(server: Server, identity: Identity) -> bool | None:
    """Whether the template ends the prompt with an opening tag; None where the server does not tell."""
    prompt: str | None = None
    if identity.kind == "vllm":
        prompt = vllm.prompt_end(server, MESSAGES)
    elif identity.kind == "llama.cpp":
        prompt = llama_cpp.prompt_end(server, MESSAGES)
    return None if prompt is None else prompt.rstrip().endswith("<think>")
