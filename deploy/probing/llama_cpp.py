"""What a llama.cpp server says of itself, ours or a person's own: ``/props``, and its list of models."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.loopback import is_loopback
from deploy.probing.facts import Facts
from deploy.probing.server import positive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.probing.server import Reply, Server


def facts(server: Server, entry: Mapping[str, object]) -> Facts:
    """What it says, its entry of the model in ``/v1/models`` given."""
    props = server.get(f"{server.root_url}/props")
    build = props.text_at("build_info") if props else ""
    context_tokens = props.number_at("default_generation_settings", "n_ctx") if props else None
    context_how = "/props: n_ctx of one slot"
    meta = entry.get("meta")
    if context_tokens is None and isinstance(meta, dict):
        context_tokens, context_how = positive(meta.get("n_ctx")), "/v1/models: n_ctx"
    return Facts(
        server=f"llama.cpp {build}".strip(),
        server_how="/props: build_info" if build else "/v1/models: owned_by llamacpp",
        fingerprint=_fingerprint(props, meta, here=is_loopback(server.root_url)),
        context_tokens=context_tokens,
        context_how=context_how if context_tokens else "",
    )


def prompt_end(server: Server, messages: list[dict[str, str]]) -> str | None:
    """The prompt that the template makes; None where the server does not tell."""
    reply = server.post(f"{server.root_url}/apply-template", {"messages": messages})
    return reply.text_at("prompt") or None if reply else None


def _fingerprint(props: Reply | None, meta: object, *, here: bool) -> str:
    """The weights' file, the chat template, and a mark that newer servers draw anew at each start."""
    if props is None:
        return str(meta)
    path = props.text_at("model_path")
    template = hashlib.sha256(props.text_at("chat_template").encode()).hexdigest()[:16]
    parts = [path, str(meta), template, props.text_at("media_marker"), str(props.get("total_slots"))]
    if here and path:
        try:
            seen = Path(path).stat()
        except OSError:  # the server runs in a container, say
            pass
        else:
            parts += [str(seen.st_size), str(seen.st_mtime_ns)]
    return " ".join(parts)
