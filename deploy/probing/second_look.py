"""What is asked of a server after it refused a request, to say precisely why: which models, how many tokens.

Best effort: a server that does not tell, or is gone, leaves the first message as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from deploy.endpoint import Endpoint
from deploy.probing.identity import listed_models
from deploy.probing.server import OK, Server
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS: Final = 10.0


def served_models(base_url: str, api_key: str | None = None) -> tuple[str, ...]:
    """The names of the models that a server has; empty where it does not say."""
    with Server(Endpoint(base_url, "", "vllm", 0, api_key=api_key), seconds=_SECONDS) as server:
        try:
            listing = server.get(f"{server.api_url}/models")
        except ModelError:
            return ()
    return listed_models(listing) if listing else ()


def prompt_tokens(endpoint: Endpoint, request: Mapping[str, Any]) -> int | None:
    """Tokens of a chat request's prompt, as vLLM counts them apart; None where the server does not.

    In its refusal vLLM says "at least": it stops counting one token beyond the context.
    """
    body = {key: request[key] for key in ("model", "messages", "tools") if request.get(key)}
    with Server(endpoint, seconds=_SECONDS) as server:
        try:
            reply = server.post(f"{server.root_url}/tokenize", body)
        except ModelError:
            return None
    return reply.number_at("count") if reply and reply.status == OK else None
