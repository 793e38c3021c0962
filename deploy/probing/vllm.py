"""What a vLLM server says of itself: its version, where the model is from, its context, when it started."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from deploy.probing.facts import Facts
from deploy.probing.server import positive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.probing.server import Server

# What the flags were is not told, so a report is kept for one run of the server. `created` in the list of
# models is the time of the request.
_STARTED: Final = re.compile(r"^process_start_time_seconds (\S+)", re.MULTILINE)


def facts(server: Server, entry: Mapping[str, object]) -> Facts:
    """What it says, its entry of the model in ``/v1/models`` given."""
    version = server.get(f"{server.root_url}/version")
    metrics = server.get(f"{server.root_url}/metrics")
    started = _STARTED.search(metrics.text) if metrics else None
    number = version.text_at("version") if version else ""
    context_tokens = positive(entry.get("max_model_len"))
    return Facts(
        server=f"vLLM {number}".strip(),
        server_how="/version" if number else "/v1/models: owned_by vllm",
        fingerprint=f"{entry.get('root')} {context_tokens} {started.group(1) if started else ''}",
        context_tokens=context_tokens,
        context_how="/v1/models: max_model_len" if context_tokens else "",
    )


def prompt_end(server: Server, messages: list[dict[str, str]]) -> str | None:
    """The last characters of the prompt that the template makes; None where the server does not tell."""
    body = {"model": server.endpoint.model, "messages": messages, "return_token_strs": True}
    reply = server.post(f"{server.root_url}/tokenize", body)
    tokens = reply.get("token_strs") if reply else None
    if not isinstance(tokens, list) or not tokens:
        return None
    # As the tokenizer writes them: byte-level BPE has other characters for a line's end and a space.
    return "".join(str(token) for token in tokens[-8:]).replace("Ċ", "\n").replace("Ġ", " ")
