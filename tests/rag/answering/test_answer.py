"""An answer is written with checked quotes, extracted word for word, or refused: never invented."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rag.answering.answer import answer, answer_from_hits
from rag.answering.reply import read_reply
from rag.document import Hit, Passage
from rag.ingesting.ingest import ingest
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from deploy.endpoint import Endpoint
    from rag.library import Library

    Serve = Callable[..., AbstractContextManager[Any]]

EXPERTS = "DeepSeek-MoE 16B activates 2.8 billion parameters for each token."
QUESTION = "How many parameters does DeepSeek-MoE 16B activate for each token?"


def hit(text: str, *, dense: float = 0.7, coverage: float = 0.9) -> Hit:
    return Hit(Passage("p", "d", "Experts", "/e.md", text, 0, len(text), None, 4), 1.0, dense, 5.0, coverage)


def reply(quote: str, text: str, passage: str = "P1") -> str:
    return json.dumps({"answer": [{"passage": passage, "quote": quote, "text": text}]})


def test_a_proven_reply_is_a_written_answer(scripted_chat: Serve) -> None:
    with scripted_chat(reply(EXPERTS, "It activates 2.8 billion parameters for each token.")) as chat:
        made = answer_from_hits(QUESTION, [hit(EXPERTS)], endpoint=chat.endpoint())
    assert (made.kind, made.notice) == ("written", "")
    assert made.text == "It activates 2.8 billion parameters for each token [1]."
    assert made.citations[0].quote == EXPERTS
    assert chat.requests[0]["response_format"]["json_schema"]["schema"]["anyOf"]


@pytest.mark.parametrize(
    "bad",
    [
        reply("It activates nine billion parameters at once.", "Nine billion."),
        reply(EXPERTS, "It activates 9.9 billion parameters for each token.", passage="P7"),
        "I think that it is about three.",
        '{"answer": [{"passage": "P1", "quote": ',
    ],
)
def test_a_reply_that_proves_nothing_gives_the_passages_own_sentences(scripted_chat: Serve, bad: str) -> None:
    with scripted_chat(bad) as chat:
        made = answer_from_hits(QUESTION, [hit(EXPERTS)], endpoint=chat.endpoint())
    assert made.kind == "extractive"
    assert made.text == f"{EXPERTS} [1]"
    assert "own sentences" in made.notice


def test_what_was_dropped_is_reported_beside_what_was_kept(scripted_chat: Serve) -> None:
    claims = [
        {"passage": "P1", "quote": EXPERTS, "text": "It activates 2.8 billion parameters for each token."},
        {"passage": "P1", "quote": EXPERTS, "text": "It activates 77 billion parameters."},
    ]
    with scripted_chat(json.dumps({"answer": claims})) as chat:
        made = answer_from_hits(QUESTION, [hit(EXPERTS)], endpoint=chat.endpoint())
    assert made.kind == "written"
    assert "77" in made.dropped[0]


def test_complete_claims_of_a_reply_that_was_cut_off_are_used() -> None:
    whole = {"passage": "P1", "quote": EXPERTS, "text": "It is small."}
    text = f'{{"answer": [{json.dumps(whole)}, {{"passage": "P1", "quo'
    assert [claim.text for claim in read_reply(text).claims] == ["It is small."]


def test_a_model_that_finds_nothing_refuses_unless_a_sentence_says_it_all(scripted_chat: Serve) -> None:
    with scripted_chat('{"not_answered": true}', '{"not_answered": true}') as chat:
        strong = answer_from_hits(QUESTION, [hit(EXPERTS)], endpoint=chat.endpoint())
        weak = answer_from_hits(
            QUESTION, [hit("DeepSeek-MoE has experts that share work.")], endpoint=chat.endpoint()
        )
    assert strong.kind == "extractive"
    assert (weak.kind, weak.citations) == ("refused", ())


def test_weak_evidence_is_refused_before_any_model_is_asked(scripted_chat: Serve) -> None:
    with scripted_chat() as chat:
        made = answer_from_hits(
            "What is the capital of France?",
            [hit(EXPERTS, dense=0.2, coverage=0.0)],
            endpoint=chat.endpoint(),
        )
    assert made.kind == "refused"
    assert chat.requests == []


def test_a_question_in_the_other_language_is_not_refused_for_sharing_no_words() -> None:
    made = answer_from_hits("每个词元激活多少参数？", [hit(EXPERTS, dense=0.45, coverage=0.0)], endpoint=None)
    assert made.kind == "extractive"
    assert "没有正在运行的模型" in made.notice


def test_a_model_is_not_asked_in_a_language_that_it_does_not_write(scripted_chat: Serve) -> None:
    with scripted_chat() as chat:
        endpoint = chat.endpoint(languages=("en",))
        made = answer_from_hits("DeepSeek-MoE 激活多少参数？", [hit(EXPERTS)], endpoint=endpoint)
    assert made.kind == "extractive"
    assert "不会写中文" in made.notice


def test_a_reasoning_model_thinks_freely_and_its_thought_stays_apart(scripted_chat: Serve) -> None:
    written = reply(EXPERTS, "It activates 2.8 billion parameters for each token.")
    with scripted_chat("P1 names 2.8 billion.</think>", written) as chat:
        made = answer_from_hits(QUESTION, [hit(EXPERTS)], endpoint=chat.endpoint(reasoning=True))
    assert made.kind == "written"
    assert made.reasoning == "P1 names 2.8 billion."
    assert "response_format" not in chat.requests[0]
    assert "P1 names 2.8 billion." in chat.requests[1]["messages"][-1]["content"]


def test_an_endpoint_that_refuses_is_an_error_with_a_hint(scripted_chat: Serve) -> None:
    with scripted_chat((500, "out of memory")) as chat, pytest.raises(ModelError, match="HTTP 500") as caught:
        answer_from_hits(QUESTION, [hit(EXPERTS)], endpoint=chat.endpoint())
    assert caught.value.hint


@pytest.mark.parametrize("json_schema", [True, False])
def test_a_server_that_gives_no_chat_answer_is_an_error_with_a_hint(
    scripted_chat: Serve, *, json_schema: bool
) -> None:
    with scripted_chat((200, "no such thing here")) as chat, pytest.raises(ModelError) as caught:
        answer_from_hits(QUESTION, [hit(EXPERTS)], endpoint=chat.endpoint(json_schema=json_schema))
    assert "no such thing here" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("endless", ['{"a":' * 5000, '{"a": ' + "1" * 5000])
def test_a_reply_that_runs_away_holds_no_claims(endless: str) -> None:
    assert read_reply(endless).claims == ()


def test_the_bundled_model_answers_a_library_with_quotes_that_stand_in_it(
    bundled_endpoint: Endpoint, library: Library, folder: Path
) -> None:
    ingest(library, [folder])
    question = "What does grouped-query attention share among heads?"
    made = answer(question, library, endpoint=bundled_endpoint)
    assert made.kind in {"written", "extractive"}
    assert made.citations
    for cited in made.citations:
        assert cited.quote in library.document_text(cited.document_id)
