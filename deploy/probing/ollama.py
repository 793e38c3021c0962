"""What an Ollama server says of itself and of a model, through its own API.

What it says can be wrong: with the chat template of R1's distills it claims tools, and never shows them to
the model. It is asked only whether asking further makes sense.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from deploy.engines.ollama_version import shortcoming
from deploy.probing.facts import Facts
from deploy.probing.server import OK, Reply, positive
from deploy.refusals import missing_model, read_refusal, refusal_error
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from deploy.probing.server import Server


def facts(server: Server, version: str) -> Facts:
    """What it says.

    Raises:
        ModelError: it does not have the model.
    """
    endpoint = server.endpoint
    shown = server.post(f"{server.root_url}/api/show", {"model": endpoint.model})
    tags = server.get(f"{server.root_url}/api/tags")
    if shown is None:
        raise ModelError(f"{endpoint.address} did not answer in time", hint="stillroom status")
    if shown.status != OK:
        refusal = read_refusal(shown.status, shown.text)
        if refusal.kind in {"no_model", "no_route"}:
            raise missing_model(endpoint, installed_models(tags), words=refusal.words)
        raise refusal_error(endpoint, refusal)
    claims = shown.get("capabilities")
    trained = _trained_tokens(shown)
    template = hashlib.sha256(shown.text_at("template").encode()).hexdigest()[:16]
    return Facts(
        server=f"Ollama {version}",
        server_how="; ".join(part for part in ("/api/version", shortcoming(version)) if part),
        # num_ctx goes with each request, and how much of it is given is part of what is found. The digest is
        # of weights, template and parameters together; a model that /api/tags does not list has none.
        fingerprint=f"{_digest(tags, endpoint.model)} {template} {endpoint.context_tokens}",
        context_tokens=trained,
        context_how="/api/show: what the model was trained for" if trained else "",
        says_tools="tools" in claims if isinstance(claims, list) else None,
        says_thinking="thinking" in claims if isinstance(claims, list) else None,
        says_opened=shown.text_at("template").rstrip().endswith("<think>"),
    )


def installed_models(tags: Reply | None) -> tuple[str, ...]:
    """The names that ``/api/tags`` lists."""
    return tuple(str(model["name"]) for model in _models(tags) if model.get("name"))


def given_context(server: Server) -> int | None:
    """The context that the loaded model has, for one request; None where it is not told."""
    loaded = server.get(f"{server.root_url}/api/ps")
    for model in _models(loaded):
        if model.get("name") in _names(server.endpoint.model):
            return positive(model.get("context_length"))
    return None


def _digest(tags: Reply | None, name: str) -> str:
    found = [str(model.get("digest", "")) for model in _models(tags) if model.get("name") in _names(name)]
    return found[0] if found else ""


def _models(reply: Reply | None) -> list[dict[str, object]]:
    models = reply.get("models") if reply else None
    return [model for model in models if isinstance(model, dict)] if isinstance(models, list) else []


def _names(name: str) -> tuple[str, ...]:
    """A name as it may be listed."""
    return (name, f"{name}:latest")


def _trained_tokens(shown: Reply) -> int | None:
    architecture = shown.text_at("model_info", "general.architecture")
    return shown.number_at("model_info", f"{architecture}.context_length")
