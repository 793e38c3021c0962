"""What is offered while a person types: every value finds its document again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_server.documents.finding import find_document
from mcp_server.resources.completion import Completing
from tests.mcp_server.shelf import NOTES, TEXTS

if TYPE_CHECKING:
    from agents.services import Services


@pytest.mark.parametrize("typed", ["", "水库", "手册", "valve", "MARLOW", "note-0"])
def test_every_document_that_is_offered_is_found_by_what_is_offered(shelf: Services, typed: str) -> None:
    offered = Completing(shelf).offered("document", typed)
    assert offered.values
    assert len({find_document(shelf.library(), value).id for value in offered.values}) == offered.total


def test_an_id_completes_to_itself(shelf: Services) -> None:
    identity = find_document(shelf.library(), "valve.md").id
    assert Completing(shelf).offered("first", identity[:12]).values == (identity,)


def test_documents_of_one_title_are_offered_by_their_ids(shelf: Services) -> None:
    both = {one.id for one in shelf.library().documents() if one.title == "Yearly report"}
    assert set(Completing(shelf).offered("document", "yearly").values) == both


def test_libraries_models_and_languages_are_offered(shelf: Services) -> None:
    completing = Completing(shelf)
    assert completing.offered("library", "sh").values == ("shelf",)
    assert "deepseek-r1:7b" in completing.offered("model", "r1:7").values
    assert completing.offered("language", "中").values == ("中文",)


def test_nothing_is_offered_for_free_text_or_another_library(shelf: Services) -> None:
    completing = Completing(shelf)
    assert completing.offered("question", "w").values == ()
    assert completing.offered("document", "", library="other").values == ()


def test_no_more_is_offered_than_the_protocol_takes_and_the_rest_is_counted(shelf: Services) -> None:
    offered = Completing(shelf).offered("document", "")
    assert offered.total == NOTES + len(TEXTS) + 1
    assert len(offered.values) <= 100
