"""Which server answers at an address, what it says of itself and of a model: the questions that cost nothing.

They need no token of the model's. Together they name what a kept report is of, so that a server that was
restarted with other flags, or a model that was replaced, is asked anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from deploy.probing import llama_cpp, ollama, vllm
from deploy.probing.facts import Facts
from deploy.refusals import missing_model, read_refusal, refusal_error
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from deploy.probing.server import Reply, Server
    from deploy.spec import EngineName

Kind = Literal["vllm", "llama.cpp", "ollama", "other"]

# Which of our three engines a server of that kind is like, in the API that is used; others stay what the
# setting says.
ENGINES: Final[dict[Kind, EngineName]] = {"vllm": "vllm", "llama.cpp": "embedded", "ollama": "ollama"}

_DENIED: Final = frozenset({401, 403})
# Under these names OpenAI-compatible servers give a model's context in their list of models.
_CONTEXT_NAMES: Final = ("max_model_len", "context_length", "max_context_length", "context_window")


@dataclass(frozen=True, slots=True)
class Identity:
    """A server, and what it says for nothing."""

    kind: Kind
    facts: Facts


def identify(server: Server) -> Identity:
    """Ask who is there.

    Raises:
        ModelError: nobody answers, the key is wrong, or the model is not among those that are served.
    """
    listing = server.get(f"{server.api_url}/models")
    if listing is None:
        raise ModelError(f"{server.endpoint.address} did not answer in time", hint="stillroom status")
    if listing.status in _DENIED:
        raise refusal_error(server.endpoint, read_refusal(listing.status, listing.text))
    models = listed_models(listing)
    owner = listing.text_at("data", 0, "owned_by")
    if owner == "vllm":
        _require(server, models)
        return Identity("vllm", vllm.facts(server, _entry(listing, server.endpoint.model)))
    if owner == "llamacpp" or listing.server == "llama.cpp":
        # llama.cpp answers to any name with the model that it has, so that nobody would notice.
        _require(server, models)
        return Identity("llama.cpp", llama_cpp.facts(server, _entry(listing, server.endpoint.model)))
    # LM Studio answers every route with success, so the version itself has to be there.
    version = server.get(f"{server.root_url}/api/version")
    if version is not None and (number := version.text_at("version")):
        return Identity("ollama", ollama.facts(server, number))
    return Identity("other", _other(listing, owner, server.endpoint.model))


def listed_models(listing: Reply) -> tuple[str, ...]:
    """The names of the models that a server lists, other names of the same model included."""
    entries = listing.get("data")
    names: list[str] = []
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            aliases = entry.get("aliases")
            names += [str(entry.get("id") or ""), *map(str, aliases if isinstance(aliases, list) else ())]
    return tuple(dict.fromkeys(name for name in names if name))


def _require(server: Server, models: tuple[str, ...]) -> None:
    if models and server.endpoint.model not in models:
        raise missing_model(server.endpoint, models)


def _entry(listing: Reply, model: str) -> dict[str, object]:
    """What the list says of the model; empty where it says nothing."""
    entries = listing.get("data")
    found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    named = [entry for entry in found if model == entry.get("id") or model in (entry.get("aliases") or ())]
    return named[0] if named else {}


def _other(listing: Reply, owner: str, model: str) -> Facts:
    from deploy.probing.server import positive

    entry = _entry(listing, model)
    told = [(name, tokens) for name in _CONTEXT_NAMES if (tokens := positive(entry.get(name)))]
    name, tokens = told[0] if told else ("", None)
    return Facts(
        server="an OpenAI-compatible server",
        server_how=f"/v1/models: owned_by {owner}" if owner else "it is none of the three that are known",
        fingerprint=json.dumps({k: v for k, v in entry.items() if k != "created"}, sort_keys=True),
        context_tokens=tokens,
        context_how=f"/v1/models: {name}" if told else "",
    )
