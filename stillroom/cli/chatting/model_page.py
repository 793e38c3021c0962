"""What answers in a chat: the model, how it is made to call tools and how that was told, the context filled.

It shows; what can be switched is the session's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from stillroom.cli.chatting.visible import harmless

if TYPE_CHECKING:
    from deploy.endpoint import Endpoint
    from stillroom.cli.chatting.session import Session
    from stillroom.cli.chatting.texts import Texts
    from stillroom.cli.output import Output


def show_model(output: Output, session: Session, texts: Texts) -> None:
    """The model, in a few lines.

    Raises:
        EngineUnavailableError: none runs.
    """
    from agents.calling.way import calling_way

    endpoint = session.endpoint()
    lines = [
        texts.model_is.format(model=endpoint.model, engine=endpoint.engine, url=endpoint.address),
        texts.way_is.format(way=texts.ways[calling_way(endpoint)]),
    ]
    told = texts.way_chosen if session.rooms.settings.agent_calling != "auto" else _how(endpoint, texts)
    lines += [told] if told else []
    lines.append(_context(session, endpoint, texts))
    others = [name for name in session.served_models() if name != endpoint.model]
    if others:
        lines.append(texts.models_others.format(names=", ".join(others)))
    for line in lines:
        output.stdout.print(Text(harmless(line), style="dim"))


def _how(endpoint: Endpoint, texts: Texts) -> str:
    """What was seen when the endpoint was asked whether it calls tools; empty where nobody asked."""
    found = [item for item in endpoint.capabilities.findings if item.name == "tools"]
    return texts.way_told.format(how=f"{found[0].value}, {found[0].how}") if found else ""


def _context(session: Session, endpoint: Endpoint, texts: Texts) -> str:
    """The most that one request of the last run took: what the next one starts from."""
    filled = session.asked[-1].context_tokens if session.asked else 0
    context = f"{endpoint.context_tokens:,}"
    if not filled:
        return texts.context_is.format(context=context)
    share = f"{filled / endpoint.context_tokens:.0%}"
    return texts.context_filled.format(filled=f"{filled:,}", context=context, percent=share)
