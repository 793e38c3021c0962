"""What is to be decided, and what was decided: values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agents.calling.actions import ANSWER, Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import AnyMessage

    from agents.calling.offered import Offer
    from deploy.endpoint import Endpoint


# An action is a name with short arguments, or an answer: some paragraphs, but no more than an eighth of the
# context, which tool results need.
_MOST_ACTION_TOKENS: Final = 1024
_ACTION_SHARE: Final = 8


def tokens_for_action(endpoint: Endpoint) -> int:
    """What a reply with one action may have, and what is kept free for it in the context.

    Example:
        >>> from deploy.endpoint import Endpoint
        >>> tokens_for_action(Endpoint("http://127.0.0.1:1/v1", "m", "vllm", context_tokens=4096))
        512
    """
    return min(_MOST_ACTION_TOKENS, endpoint.context_tokens // _ACTION_SHARE)


@dataclass(frozen=True, slots=True)
class Situation:
    """What is to be decided.

    Attributes:
        endpoint: says whether the model thinks and whether the server keeps to schemas.
        instructions: the agent's own; empty for none.
        messages: of the conversation, with the person's latest question in it.
        tools: what may be called.
        action_tokens: of one reply.
        answers: what may be answered; none where a tool has to be called.
        most_calls: in one reply.
        chooses_first: a model that does not think chooses a tool by name before it acts.
        takes_words: where a model that was asked for JSON writes words even when it is asked again, those are
            its answer.
    """

    endpoint: Endpoint
    instructions: str
    messages: Sequence[AnyMessage]
    tools: Sequence[Offer]
    action_tokens: int
    answers: Sequence[Offer] = (ANSWER,)
    most_calls: int = 1
    chooses_first: bool = True
    takes_words: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of it.

    Attributes:
        actions: the calls, or one answer.
        answer: its text, which is JSON where it is structured; None where there are calls.
        value: of a structured answer.
        thought: before the action; empty where there was none.
        tokens: of all requests, as far as the server counted.
        in_words: the answer is the words of a model that was asked for JSON, and wrote none.
    """

    actions: tuple[Action, ...]
    thought: str
    tokens: int
    answer: str | None = None
    value: object = None
    in_words: bool = False
