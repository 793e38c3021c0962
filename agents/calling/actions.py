"""Actions of a model that has no tool calling of its own: one JSON object, a call or the final answer.

Pure: the schema that an action keeps to, and the reading of what came back. What a model is told of it is
``wording``'s business. It does not call models or tools.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agents.calling.grammar_schema import GrammarSchemas
from agents.calling.offered import Offered, needed_arguments, signature
from agents.calling.reply_text import (
    WrittenCall,
    closed_after_spaces,
    cut_answer,
    nests_too_deeply,
    written_calls,
)
from agents.foreign_schema import argument_problems
from agents.slips import set_right
from rag.prompt_text import closed_object
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.calling.offered import Offer

# The branch that ends the run. No tool may have this name.
FINAL: Final = "final_answer"
# Calls in one reply, where several are allowed.
MOST_CALLS: Final = 4

_LONGEST_ANSWER_CHARACTERS: Final = 600
_SHOWN_NAMES: Final = 30

ANSWER: Final = Offered(FINAL, "", closed_object({"answer": {"type": "string", "minLength": 1}}))


@dataclass(frozen=True, slots=True)
class Action:
    """What a model decided: ``name`` is a tool's, or ``FINAL`` with the one argument ``answer``."""

    name: str
    arguments: Mapping[str, Any]


class InvalidActionError(ValueError):
    """A reply is no action; the message tells the model what is wrong with it."""


class EmptyAnswerError(InvalidActionError):
    """The reply is the final answer, and holds no word."""


def action_schema(
    tools: Sequence[Offer],
    *,
    may_answer: bool = True,
    answer_characters: int = _LONGEST_ANSWER_CHARACTERS,
    answers: Sequence[Offer] = (ANSWER,),
    most_calls: int = 1,
    whole_numbers: bool = False,
) -> dict[str, Any]:
    """One ``anyOf`` branch a tool and, where ``may_answer``, one a way of answering.

    The name comes first in each, so that a model decides what to do before it writes the arguments. An answer
    longer than ``answer_characters`` could not be finished in the tokens that the reply has.

    Args:
        tools: with schemas of any quality; references of two of them never collide.
        may_answer: there is a branch for the answer.
        answer_characters: of the plain answer.
        answers: the plain one, or those of an agent whose answer is structured.
        most_calls: with more than one every branch is a list, ``{"actions": […]}``: of so many calls, or of
            the answer. A model that need not choose between a list and a call goes on to the second one.
        whole_numbers: numbers with bounds are whole ones within them, which any grammar holds.
    """
    schemas = GrammarSchemas(whole_numbers=whole_numbers)
    calls = [_branch(tool.name, schemas.rewritten(_object(tool.parameters))) for tool in tools]
    said: list[dict[str, Any]] = []
    for answer in answers if may_answer else ():
        if answer is ANSWER:
            text = {"type": "string", "minLength": 1, "maxLength": answer_characters}
            said.append(_branch(FINAL, closed_object({"answer": text})))
        else:
            said.append(_branch(answer.name, schemas.rewritten(_object(answer.parameters))))
    branches = [*calls, *said]
    if calls and most_calls > 1:
        branches = [_listed(calls, most_calls), *(_listed([answer], 1) for answer in said)]
    schema: dict[str, Any] = {"anyOf": branches}
    return {"$defs": schemas.definitions, **schema} if schemas.definitions else schema


def require_names(tools: Sequence[Offer], answers: Sequence[Offer] = (ANSWER,)) -> None:
    """Refuse tools that their names do not tell apart, from each other or from the answer.

    Of two tools of one name one could never run, and which is not for a model to say.

    Raises:
        ToolError: a name is there twice, or is that of the answer.
    """
    seen: set[str] = set()
    for offer in (*tools, *answers):
        if offer.name in seen:
            raise ToolError(
                f"a tool is called {offer.name!r}, which stands for the answer"
                if offer in answers
                else f"two tools are called {offer.name!r}",
                hint="give each tool a name of its own",
            )
        seen.add(offer.name)


def read_actions(
    text: str, tools: Sequence[Offer], *, answers: Sequence[Offer] = (ANSWER,), most_calls: int = 1
) -> tuple[Action, ...]:
    """The actions in a reply: one answer, or one call or more, in any form that models write them.

    Arguments are read kindly (``agents.slips``) and then held to the tool's own schema.

    Args:
        text: without its thought.
        tools: what may be called.
        answers: what may be answered.
        most_calls: those that come after them are left out.

    Raises:
        InvalidActionError: there is no call in the text, a name is unknown, or arguments do not keep to the
            schema. No other exception, whatever the text is.
    """
    known = {offer.name: offer for offer in (*tools, *answers)}
    written = written_calls(text, tuple(known))
    if not written and (closed := closed_after_spaces(text)):
        written = written_calls(closed, tuple(known))
    if not written and ANSWER in answers and (cut := cut_answer(text)):
        return (Action(FINAL, {"answer": f"{cut} …"}),)
    if not written:
        holds = "holds no complete" if text.strip() else "is empty and should be a"
        problem = f'the reply {holds} JSON object with "action" and "args"'
        if was_cut_off(text):
            problem += ": it was cut off, so write less"
        raise InvalidActionError(problem)
    actions: list[Action] = []
    for call in written[:most_calls]:
        action = _read(call, known)
        if action.name in {answer.name for answer in answers}:
            # An answer beside calls was written before their results were known.
            return tuple(actions) or (action,)
        if action not in actions:
            actions.append(action)
    return tuple(actions)


def checked(name: object, arguments: object, tools: Sequence[Offer]) -> Action:
    """A call that a server read by itself, held to the tool's schema.

    Raises:
        InvalidActionError: the name is unknown, or the arguments do not keep to the schema.
    """
    return _read(WrittenCall(name, arguments), {tool.name: tool for tool in tools})


def exhausted_tools(calls: Sequence[tuple[str, Mapping[str, Any]]], tools: Sequence[Offer]) -> frozenset[str]:
    """The tools that were called twice with the same needed arguments.

    Such a call brings nothing new, and a small model that made it makes it again: the tool's branch is left
    out of the decisions that follow. A changed optional argument (one result fewer) is not something new.

    Args:
        calls: names and arguments, oldest first.
        tools: say which arguments are needed.
    """
    needed = {tool.name: needed_arguments(tool) for tool in tools}
    seen: set[str] = set()
    exhausted: set[str] = set()
    for name, arguments in calls:
        call = json.dumps([name, *(arguments.get(key) for key in needed.get(name, ()))], default=str)
        if call in seen:
            exhausted.add(name)
        seen.add(call)
    return frozenset(exhausted)


def _read(call: WrittenCall, known: Mapping[str, Offer]) -> Action:
    offer = _named(call.name, known)
    if offer is None:
        shown = ", ".join(list(known)[:_SHOWN_NAMES])
        raise InvalidActionError(f"there is no action {_short(call.name)}; there are {shown}")
    if not isinstance(call.arguments, Mapping):
        raise InvalidActionError(f'{offer.name}: "args" must be a JSON object, not {_short(call.arguments)}')
    if offer is ANSWER:
        return Action(FINAL, {"answer": _answer(call.arguments)})
    if nests_too_deeply(call.arguments):
        raise InvalidActionError(f'{offer.name}: "args" is nested too deeply')
    arguments = set_right(call.arguments, offer.parameters)
    if problems := argument_problems(arguments, offer.parameters):
        raise InvalidActionError(f"{signature(offer)}: {', '.join(problems)}")
    return Action(offer.name, arguments)


def _named(name: object, known: Mapping[str, Offer]) -> Offer | None:
    """The offer of that name; of that name but for its case or a module in front, if only one is."""
    if not isinstance(name, str):
        return None
    if name in known:
        return known[name]
    plain = name.strip().rpartition("functions.")[2].casefold()
    alike = [offer for known_name, offer in known.items() if known_name.casefold() == plain]
    return alike[0] if len(alike) == 1 else None


def _answer(arguments: Mapping[str, Any]) -> str:
    answer = arguments.get("answer")
    # A small model answers "…" or "." where it has nothing to say: that is no answer.
    if not isinstance(answer, str) or not re.search(r"\w", answer):
        raise EmptyAnswerError(f'{FINAL} needs an answer in words: {{"answer": text}} in "args"')
    return answer.strip()


def was_cut_off(text: str) -> bool:
    """Whether JSON in a reply does not come to its end."""
    return text.count("{") > text.count("}")


def _object(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool's schema as that of an object, which arguments are; one that says nothing takes none."""
    if parameters.get("type") == "object":
        return parameters
    return {"additionalProperties": bool(parameters), **parameters, "type": "object"}


def _branch(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if arguments.get("additionalProperties") is False and not arguments.get("properties"):
        # As a constant it has no room for white space, which a small model may write without end.
        arguments = {"const": {}}
    return closed_object({"action": {"const": name}, "args": arguments})


def _listed(branches: list[dict[str, Any]], most: int) -> dict[str, Any]:
    listed = {"type": "array", "items": _either(branches), "minItems": 1, "maxItems": most}
    return closed_object({"actions": listed})


def _either(branches: list[dict[str, Any]]) -> dict[str, Any]:
    return branches[0] if len(branches) == 1 else {"anyOf": branches}


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."  # noqa: PLR2004 (fits one line of a terminal)
