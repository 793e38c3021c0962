"""An answer's sentences are matched to the passages of tools; what comes from nowhere is pointed out."""

from __future__ import annotations

import pytest

from agents.running.citing import CitedAnswer, cite_answer
from agents.tools import ToolResult
from rag.document import Citation

LAKE = "The Baikal is a lake in Siberia. It is 1642 metres deep. It freezes in January."
SALT = "Table salt is sodium chloride. A spoon of table salt weighs 5 g."


def found(*passages: str, query_sentence: int = 0) -> ToolResult:
    """What a search gave: passages numbered from 1, each with one of its sentences as the quote."""
    citations = []
    for marker, text in enumerate(passages, 1):
        quote = text.split(". ")[query_sentence].rstrip(".") + "."
        start = text.index(quote)
        place = f"line {marker}"
        citations.append(
            Citation(
                marker, f"d{marker}", "Notes", "/n.md", f"p{marker}", place, quote, start, start + len(quote)
            )
        )
    data = {"passages": [{"marker": m, "text": text} for m, text in enumerate(passages, 1)]}
    return ToolResult("\n".join(passages), data, tuple(citations))


def cited(answer: str, *results: ToolResult, question: str = "How deep is the Baikal?") -> CitedAnswer:
    return cite_answer(question, answer, results)


def test_a_sentence_is_marked_with_the_passage_that_bears_it() -> None:
    done = cited("The Baikal is 1642 metres deep. I like lakes.", found(SALT, LAKE))
    assert done.text == "The Baikal is 1642 metres deep [1]. I like lakes."
    assert done.notices == ()


def test_the_quote_is_the_sentence_that_the_answer_rests_on() -> None:
    (citation,) = cited("The Baikal is 1642 metres deep.", found(LAKE)).citations
    assert citation.quote == "It is 1642 metres deep."
    assert LAKE[citation.start : citation.end] == citation.quote


def test_a_quote_further_down_has_its_own_line() -> None:
    text = "The Baikal is a lake.\nIt is 1642 metres deep."
    quote = "The Baikal is a lake."
    citation = Citation(1, "d", "Notes", "/n.md", "p", "line 7", quote, 100, 100 + len(quote))
    result = ToolResult(text, {"passages": [{"marker": 1, "text": text}]}, (citation,))
    (done,) = cited("The Baikal is 1642 metres deep.", result).citations
    assert (done.locator, done.start) == ("line 8", 100 + text.index("It"))


def test_markers_are_numbered_anew_in_the_order_of_the_text() -> None:
    done = cited("The Baikal is 1642 metres deep [2]. A spoon of salt weighs 5 g [1].", found(SALT, LAKE))
    assert done.text == "The Baikal is 1642 metres deep [1]. A spoon of salt weighs 5 g [2]."
    assert [citation.document_id for citation in done.citations] == ["d2", "d1"]


def test_of_two_searches_that_number_alike_the_one_that_bears_the_sentence_is_cited() -> None:
    done = cited("The Baikal is 1642 metres deep [1].", found(SALT), found(LAKE))
    assert done.citations[0].quote == "It is 1642 metres deep."


@pytest.mark.parametrize("marker", [" [7]", "【7】", " [7][7]"])
def test_a_marker_that_refers_to_nothing_is_taken_out_and_said(marker: str) -> None:
    done = cited(f"I like lakes{marker}.", found(LAKE))
    assert done.text == "I like lakes."
    assert done.notices[0] == "The model cited [7]; no tool gave such a passage."


def test_a_marker_behind_what_its_passage_does_not_say_is_taken_out_and_said() -> None:
    done = cited("Penguins swim to Siberia every winter [1].", found(LAKE))
    assert done.text == "Penguins swim to Siberia every winter."
    assert done.notices[0] == "The model cited [1] for something that the passage does not say."


def test_a_sentence_that_denies_its_passage_is_not_borne() -> None:
    assert "[1]" not in cited("The Baikal does not freeze in January.", found(LAKE)).text


@pytest.mark.parametrize(
    "text",
    ["See [1](http://x.example).", "`a[1]` is code.", "```\nx = [1]\n```", "It is the list [1, 2, 3]."],
)
def test_brackets_that_are_no_markers_stay(text: str) -> None:
    assert cited(text, found(LAKE)).text == text


def test_headings_and_tables_carry_no_markers() -> None:
    answer = "# The Baikal is 1642 metres deep\n\n| lake | Baikal 1642 metres deep |\n"
    assert cited(answer, found(LAKE)).text == answer.strip()


@pytest.mark.parametrize(
    ("answer", "unknown"),
    [
        ("It is 1700 m deep.", "1700"),
        ("It is 1,642 m deep.", ""),
        ("它深１６４２米。", ""),
        ("It is 1642.0 m deep.", ""),
        ("1. It is 1642 m deep.\n2. It is cold.", ""),
        ("It is 1642 m [1] deep.", ""),
        ("It holds 23.6 units.", ""),
        ("It holds 23.7 units.", "23.7"),
    ],
)
def test_a_number_that_no_tool_gave_is_pointed_out(answer: str, unknown: str) -> None:
    notices = cited(answer, found(LAKE), ToolResult("23.615 units")).notices
    assert [notice for notice in notices if "no tool returned" in notice] == (
        [f"The model wrote {unknown}; no tool returned that."] if unknown else []
    )


def test_numbers_of_the_question_and_of_earlier_turns_are_known() -> None:
    done = cite_answer("Is 41 prime?", "41 is prime, 43 too.", (), known=["What of 43?"])
    assert done.notices == ()


@pytest.mark.parametrize(
    "quoted", ["“it has many salty fish”", '"it has many salty fish"', "「很多很咸的鱼住在湖里」"]
)
def test_a_quotation_that_stands_nowhere_is_pointed_out(quoted: str) -> None:
    notices = cited(f"The text says {quoted}.", found(LAKE)).notices
    assert any("that stands in no text" in notice for notice in notices)


def test_a_quotation_that_stands_in_a_result_is_not() -> None:
    done = cited("The text says “It freezes in january”.", found(LAKE))
    assert not any("stands in no text" in notice for notice in done.notices)


def test_where_no_sentence_is_borne_the_quotes_are_offered_as_what_they_are() -> None:
    done = cited("Lake Siberia: nobody has measured how deep, they say.", found(LAKE))
    assert done.citations[0].quote == "The Baikal is a lake in Siberia."
    assert done.notices == (
        "No sentence of the answer could be matched to a passage; the quotes below speak of the same.",
    )


def test_chinese_answers_are_marked_and_told_in_chinese() -> None:
    passage = "贝加尔湖位于西伯利亚。湖水最深处达1642米。"
    citation = Citation(1, "d", "湖", "/h.md", "p", "line 1", "贝加尔湖位于西伯利亚。", 0, 11)
    result = ToolResult(passage, {"passages": [{"marker": 1, "text": passage}]}, (citation,))
    done = cite_answer("贝加尔湖有多深？", "贝加尔湖湖水最深处达1642米。湖里有9条鱼。", (result,))
    assert done.text == "贝加尔湖湖水最深处达1642米[1]。湖里有9条鱼。"
    assert done.notices == ("模型写了 9，没有工具返回过。",)
    assert done.citations[0].quote == "湖水最深处达1642米。"


def test_an_answer_without_any_result_stays_as_it_is() -> None:
    assert cite_answer("Hi", "Hello.", ()) == CitedAnswer("Hello.", (), ())


def test_a_long_row_of_blanks_costs_no_more_than_its_length() -> None:
    done = cited("The Baikal is" + " " * 300_000 + "1642 metres deep  [7].", found(LAKE))
    assert done.text.endswith("1642 metres deep [1].")
