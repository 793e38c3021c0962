"""Documents that disagree are both named; sentences about different things are not taken for a conflict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rag.answering.answer import answer
from rag.answering.conflicts import differ
from rag.ingesting.ingest import ingest

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rag.library import Library

    Serve = Callable[..., AbstractContextManager[Any]]

HANDBOOK = "Remote work is allowed on two days a week."
MEMO = "Remote work is allowed on three days per week."


@pytest.mark.parametrize(
    ("first", "second", "numbers"),
    [
        (HANDBOOK, MEMO, ("2", "3")),
        ("The pump weighs 12 kg.", "The pump weighs 14kg.", ("12", "14")),
        ("The office opens at 8:30.", "The office opens at 9:00.", ("8:30", "9:00")),
        (
            "The city's population is 1,711,000.",
            "The city's population is 1,735,000.",
            ("1711000", "1735000"),
        ),
        ("保修期为两年。", "保修期为三年。", ("2", "3")),
        ("水泵的保修期是 24 个月。", "水泵保修期是 36 个月。", ("24", "36")),
        ("Ollama supports tools.", "Ollama does not support tools.", ("", "")),
        ("该模型支持工具调用。", "该模型不支持工具调用。", ("", "")),
    ],
)
def test_sentences_that_differ_in_one_number_or_in_denial_disagree(
    first: str, second: str, numbers: tuple[str, str]
) -> None:
    assert differ(first, second) == numbers


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Model A takes 4 GB.", "Model B takes 8 GB."),
        ("Llama 8B takes 5 GB of memory.", "Llama 70B takes 40 GB of memory."),
        ("In 2012 it had 3 lanes.", "In 2020 it had 4 lanes."),
        ("第二章讲述安装步骤。", "第三章讲述安装步骤。"),
        ("The pump weighs 12 kg.", "水泵重 14 公斤。"),
        ("The pump weighs 12 kg.", "The pump weighs 12 kg."),
        ("| pump | 12 |", "| pump | 14 |"),
    ],
)
def test_sentences_about_different_things_do_not_disagree(first: str, second: str) -> None:
    assert differ(first, second) is None


@pytest.fixture
def disagreeing(library: Library, tmp_path: Path) -> Library:
    """A library of two documents that disagree, in each language."""
    folder = tmp_path / "disagreeing"
    folder.mkdir()
    texts = {
        "handbook.md": f"# Handbook\n\nThese are the rules of the house. {HANDBOOK} Ask your lead first.\n",
        "memo.md": f"# Memo\n\nA few things have changed. {MEMO} The office stays open.\n",
        "手册.md": "# 产品手册\n\n本手册适用于新款水泵。水泵的保修期是 24 个月。请保留发票。\n",
        "网站.md": "# 官网说明\n\n感谢您的购买。水泵的保修期是 36 个月。欢迎来电。\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    ingest(library, [folder])
    return library


def test_an_extractive_answer_names_both_sources(disagreeing: Library) -> None:
    made = answer("On how many days is remote work allowed?", disagreeing, endpoint=None)

    assert made.kind == "extractive"
    assert [conflict.about for conflict in made.conflicts] in (["2 / 3"], ["3 / 2"])
    assert "The sources disagree" in made.text
    assert {"Handbook", "Memo"} <= {cited.document_title for cited in made.citations}
    assert "“Handbook”" in made.text
    assert "“Memo”" in made.text


def test_a_conflict_is_named_in_the_questions_language(disagreeing: Library) -> None:
    made = answer("水泵的保修期是几个月？", disagreeing, endpoint=None)

    assert "各来源说法不一" in made.text
    assert {"产品手册", "官网说明"} <= {cited.document_title for cited in made.citations}


def test_a_written_answer_from_one_source_names_the_other(disagreeing: Library, scripted_chat: Serve) -> None:
    claim = {"passage": "P1", "quote": HANDBOOK, "text": "Remote work is allowed on two days a week."}
    with scripted_chat(json.dumps({"answer": [claim]})) as chat:
        made = answer("On how many days is remote work allowed?", disagreeing, endpoint=chat.endpoint())

    assert made.kind == "written"
    assert made.text.startswith("Remote work is allowed on two days a week [1].")
    assert "“Memo” [2] says 3" in made.text
    assert made.citations[1].quote == MEMO
    assert (made.conflicts[0].first, made.conflicts[0].second) == (1, 2)
    for cited in made.citations:
        assert disagreeing.document_text(cited.document_id)[cited.start : cited.end] == cited.quote
