"""The library as a LangChain retriever, in a chain as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from deploy.chat import chat_model
from rag.ingesting.ingest import ingest
from rag.retrieval.langchain import LibraryRetriever
from rag.retrieval.options import RetrievalOptions
from rag.store.filters import parse_filter
from stillroom.errors import LibraryEmptyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from langchain_core.documents import Document

    from rag.library import Library
    from tests.conftest import ScriptedChat

QUESTION = "What does grouped-query attention share?"


def test_documents_say_where_their_text_stands(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    (best,) = LibraryRetriever(library=library, limit=1).invoke(QUESTION)
    told = best.metadata
    text = library.document_text(told["document_id"])
    assert text[told["start"] : told["end"]] == best.page_content
    assert (told["title"], told["path"]) == ("Attention", str(folder / "attention.md"))
    assert told["locator"] == "line 1"
    assert best.id == told["passage_id"]
    assert told["score"] == 1.0


def test_it_answers_in_a_chain(
    library: Library, folder: Path, scripted_chat: Callable[..., AbstractContextManager[ScriptedChat]]
) -> None:
    def joined(documents: list[Document]) -> str:
        return "\n".join(f"[{each.metadata['title']}] {each.page_content}" for each in documents)

    ingest(library, [folder])
    prompt = ChatPromptTemplate.from_template("From {passages} answer: {question}")
    with scripted_chat("Keys and values.") as chat:
        model = chat_model(chat.endpoint(), max_tokens=64)
        retriever = LibraryRetriever(library=library, limit=1)
        inputs = {"passages": retriever | RunnableLambda(joined), "question": RunnablePassthrough()}
        said = (inputs | prompt | model | StrOutputParser()).invoke(QUESTION)
        sent = chat.requests[0]["messages"][0]["content"]
    assert said == "Keys and values."
    assert "[Attention] # Attention" in sent
    assert sent.endswith(f"answer: {QUESTION}")


def test_it_searches_as_its_options_say(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    options = RetrievalOptions(stage="dense", only=parse_filter(languages=["zh"]))
    found = LibraryRetriever(library=library, options=options).invoke(QUESTION)
    assert {each.metadata["title"] for each in found} == {"知识蒸馏"}


def test_its_errors_are_the_librarys(library: Library) -> None:
    with pytest.raises(LibraryEmptyError):
        LibraryRetriever(library=library).invoke(QUESTION)
