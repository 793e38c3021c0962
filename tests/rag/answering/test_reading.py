"""A model reads what was found with what stands around it, never more than fits, and the rest is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rag.answering.answer import answer
from rag.answering.prompt import build_prompt
from rag.answering.reading import choose_reading
from rag.ingesting.ingest import ingest
from rag.prompt_text import estimate_tokens
from rag.retrieval.retrieve import retrieve

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rag.library import Library

    Serve = Callable[..., AbstractContextManager[Any]]

QUESTION = "What is the reactor's coolant pressure?"
FILLER = "The valve opens when its spring gives way, and the crew writes that down in the log. "
FACT = "The coolant pressure of the reactor is 12 bar."
AFTER = "It was 9 bar until the winter of the second year."


@pytest.fixture
def plant(library: Library, tmp_path: Path) -> Library:
    """A library with one long section, and a second document that repeats its fact."""
    folder = tmp_path / "plant"
    folder.mkdir()
    text = f"# Plant\n\n{FILLER * 14}{FACT} {AFTER} {FILLER * 14}\n"
    (folder / "plant.md").write_text(text, encoding="utf-8")
    (folder / "copy.md").write_text(
        f"# Copied from the plant's book\n\n{FILLER * 14}{FACT} {AFTER} {FILLER * 13}\n", encoding="utf-8"
    )
    ingest(library, [folder])
    return library


@pytest.mark.parametrize("context_tokens", [700, 1024, 2048, 8192])
def test_prompt_and_reply_fit_the_context_whatever_its_size(plant: Library, context_tokens: int) -> None:
    hits = retrieve(plant, QUESTION, limit=6)
    sizes = {"context_tokens": context_tokens, "max_tokens": 256}
    reading = choose_reading(QUESTION, hits, plant, **sizes)
    prompt = build_prompt(QUESTION, reading.hits, **sizes)

    assert estimate_tokens(prompt.system + prompt.user) + prompt.answer_tokens <= context_tokens
    assert FACT in prompt.user
    assert prompt.left_out == ()


def test_a_large_context_shows_more_than_was_found_and_repeats_are_named(plant: Library) -> None:
    hits = retrieve(plant, QUESTION, limit=1)
    reading = choose_reading(QUESTION, hits, plant, context_tokens=8192, max_tokens=256)

    assert len(reading.hits[0].passage.text) > len(hits[0].passage.text)
    stored = plant.document_text(reading.hits[0].passage.document_id)
    passage = reading.hits[0].passage
    assert stored[passage.start : passage.end] == passage.text

    everything = retrieve(plant, QUESTION, limit=6)
    crowded = choose_reading(QUESTION, everything, plant, context_tokens=8192, max_tokens=256)
    assert any("says the same as" in line for line in crowded.left_out)


def test_a_quote_of_what_was_read_is_cited_in_its_place(plant: Library, scripted_chat: Serve) -> None:
    quote = f"{FACT} {AFTER}"
    claim = {"passage": "P1", "quote": quote, "text": "The coolant pressure was 9 bar until the second year."}
    with scripted_chat(json.dumps({"answer": [claim]})) as chat:
        made = answer(QUESTION, plant, endpoint=chat.endpoint(), limit=2)

    assert made.kind == "written"
    cited = made.citations[0]
    assert cited.quote == quote
    assert plant.document_text(cited.document_id)[cited.start : cited.end] == quote
    assert cited.locator == "line 3"
    assert quote in chat.requests[0]["messages"][-1]["content"]
