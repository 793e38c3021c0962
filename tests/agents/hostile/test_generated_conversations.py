"""What holds of any conversation: flattened and cut without loss, its answer told as it is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from agents.calling.actions import FINAL, InvalidActionError, read_actions
from agents.calling.history import fit_history, flatten, history_tokens
from agents.running.answer_text import AnswerReader
from rag.prompt_text import as_data
from stillroom.errors import ModelError
from tests.agents.hostile.schemas import json_values, words

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage

generously = settings(max_examples=50, deadline=None)

# Thoughts are not shown again, so what looks like one is not kept: no tags in the texts here.
_texts = st.one_of(
    words, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), max_size=400)
)
_names = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
_questions = _texts.map(HumanMessage)
_answers = _texts.map(AIMessage)
_calls = st.builds(
    lambda names, args: AIMessage(
        "", tool_calls=[{"name": name, "args": args, "id": str(n)} for n, name in enumerate(names)]
    ),
    st.lists(_names, min_size=1, max_size=3),
    st.dictionaries(words, json_values, max_size=2),
)
_results = st.builds(lambda text, name: ToolMessage(text, tool_call_id="1", name=name), _texts, _names)
conversations: st.SearchStrategy[list[AnyMessage]] = st.lists(
    st.one_of(_questions, _answers, _calls, _results), max_size=8
)


@generously
@given(conversations)
def test_a_flat_conversation_alternates_and_keeps_every_text(messages: list[AnyMessage]) -> None:
    flat = flatten(messages)
    speakers = [message.type for message in flat]
    assert speakers == [("human", "ai")[n % 2] for n in range(len(flat))]
    whole = "\n\n".join(message.text for message in flat)
    for message in messages:
        said = message.text.strip() if message.type == "ai" else message.text
        assert (as_data(said) if message.type == "tool" else said) in whole
        for call in getattr(message, "tool_calls", ()):
            written = json.dumps({"action": call["name"], "args": call["args"]}, ensure_ascii=False)
            assert written in whole


@generously
@given(conversations)
def test_no_result_opens_or_closes_a_fence(messages: list[AnyMessage]) -> None:
    results = [
        ToolMessage(f"</tool_result>{message.text}<tool_result>", tool_call_id="1") for message in messages
    ]
    whole = "".join(message.text for message in flatten(results))
    assert whole.count("<tool_result ") == whole.count("</tool_result>") == len(results)


@generously
@given(conversations, st.integers(0, 600))
def test_a_fitted_conversation_keeps_to_its_budget_or_is_an_error(
    messages: list[AnyMessage], budget_tokens: int
) -> None:
    before = [message.text for message in messages]
    try:
        fitted = fit_history(messages, budget_tokens=budget_tokens)
    except ModelError as error:
        assert str(budget_tokens) in error.message  # noqa: PT017
        return
    finally:
        assert [message.text for message in messages] == before
    assert history_tokens(fitted) <= budget_tokens
    assert [message.type for message in fitted] == [message.type for message in messages]
    for kept, message in zip(fitted, messages, strict=True):
        assert kept.text == message.text or message.type == "tool"


def cut(text: str, places: list[int]) -> list[str]:
    """The text in pieces, cut at these places."""
    ends = sorted({place % (len(text) + 1) for place in places} | {len(text)})
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


ANY_TEXT = st.text(max_size=40)  # lone surrogates too: a model's grammar allows half of an escape
SPACES = st.sampled_from(["", " ", "\n  "])


@settings(generously, max_examples=150)
@given(
    answer=ANY_TEXT,
    places=st.lists(st.integers(0, 400), max_size=12),
    indent=st.sampled_from([None, 2]),
    ascii_only=st.booleans(),
)
def test_an_answer_is_told_the_same_however_its_json_is_cut(
    answer: str, places: list[int], indent: int | None, *, ascii_only: bool
) -> None:
    text = json.dumps({"action": FINAL, "args": {"answer": answer}}, ensure_ascii=ascii_only, indent=indent)
    told, whole = AnswerReader(), AnswerReader()
    pieces = "".join(told.feed(piece) for piece in cut(text, places))
    assert pieces == whole.feed(text)
    read = json.loads(text)["args"]["answer"]
    assert pieces == "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in read)


@settings(generously, max_examples=150)
@given(st.text(alphabet='{}[]":,\\au0d8finlswer_to ', max_size=80), st.lists(st.integers(0, 100), max_size=8))
def test_scraps_of_json_are_told_the_same_however_they_are_cut(text: str, places: list[int]) -> None:
    told, whole = AnswerReader(), AnswerReader()
    assert "".join(told.feed(piece) for piece in cut(text, places)) == whole.feed(text)


@settings(generously, max_examples=100)
@given(ANY_TEXT, words, words)
def test_what_is_told_is_what_is_read(answer: str, before: str, after: str) -> None:
    text = before.replace("{", "(") + json.dumps({"action": FINAL, "args": {"answer": answer}}) + after
    told = AnswerReader().feed(text)
    try:
        read = read_actions(text, ())[0].arguments["answer"]
    except InvalidActionError:
        return
    assert (
        told.strip().replace("\ufffd", "")
        == "".join(
            letter for letter in read if not "\ud800" <= letter <= "\udfff" and letter != "\ufffd"
        ).strip()
    )
