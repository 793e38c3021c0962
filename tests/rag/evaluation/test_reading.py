"""Question sets as files: what is read, and how a bad line is told of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.evaluation.question_set import Question, QuestionSet, SetDocument, subset
from rag.evaluation.reading import read_question_set
from stillroom.errors import LibraryError

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "question_set"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set of two documents and two questions."""
    write(
        tmp_path,
        "documents.jsonl",
        {"id": "d1", "title": "Tea", "text": "Green tea."},
        {"id": 2, "text": "咖啡"},
    )
    write(tmp_path, "queries.jsonl", {"id": "q1", "text": " which tea? "}, {"id": "q2", "text": "喝什么？"})
    (tmp_path / "qrels.tsv").write_text("q1\td1\t2\nq2\t2\t1\nq2\td1\t0\n", encoding="utf-8")
    return tmp_path


def write(folder: Path, name: str, *lines: object) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / name).write_text(text, encoding="utf-8")


def test_a_set_is_read_with_its_grades(folder: Path) -> None:
    assert read_question_set(folder) == QuestionSet(
        (SetDocument("d1", "Tea", "Green tea."), SetDocument("2", "", "咖啡")),
        (Question("q1", "which tea?", {"d1": 2}), Question("q2", "喝什么？", {"2": 1, "d1": 0})),
    )


def test_answers_and_spans_come_along_where_they_are(folder: Path) -> None:
    write(folder, "answers.jsonl", {"query_id": "q1", "answers": ["green", " "]})
    write(folder, "spans.jsonl", {"query_id": "q1", "doc_id": "d1", "start": 0, "end": 5})

    first, second = read_question_set(folder).questions

    assert first.answers == ("green",)
    assert first.spans == (("d1", "Green"),)
    assert (second.answers, second.spans) == ((), ())


def test_spans_of_another_kind_are_left_out_and_that_is_said(folder: Path) -> None:
    write(folder, "spans.jsonl", {"query": "q1", "offset": 3})

    asked = read_question_set(folder)

    assert asked.questions[0].spans == ()
    assert "spans.jsonl was left out" in asked.notes[0]


def test_a_line_of_names_above_the_judgements_is_passed_over(folder: Path) -> None:
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\r\nq1\td1\t1\r\n", encoding="utf-8")

    assert [question.id for question in read_question_set(folder).questions] == ["q1"]


def test_judgements_of_what_is_not_there_are_told_of(folder: Path) -> None:
    (folder / "qrels.tsv").write_text("q1\td1\t1\nq1\td9\t1\nq9\td1\t1\n", encoding="utf-8")

    asked = read_question_set(folder)

    assert asked.questions == (Question("q1", "which tea?", {"d1": 1, "d9": 1}),)
    assert asked.notes == (
        "1 questions of qrels.tsv are not in queries.jsonl and were not asked",
        "1 documents of qrels.tsv are not in documents.jsonl and cannot be found",
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "documents",
            '{"id": "d1", "text": "a"}\n{"id": "d1", "text": "b"}\n',
            "line 2: 'd1' stands in line 1",
        ),
        ("documents", '\n{"id": "d1"}\n', "line 2: text: Field required"),
        ("documents", '{"id": "", "text": "a"}\n', "line 1: id: String should have at least 1"),
        ("queries", '{"id": "q1", "text": "  "}\n', "line 1: text: String should have at least 1"),
        ("queries", '{"id": "q1", "text": "a"}\n{"id"', "line 2: Invalid JSON"),
        ("queries", '["q1", "a"]\n', "line 1: Input should be"),
        ("qrels", "q1\td1\t1\nq2 d1 1\n", "line 2: 'q2 d1 1' is not"),
        ("qrels", "q1\td1\t1\nq2\td1\thigh\n", "line 2: 'q2\\td1\\thigh' is not"),
        ("qrels", "q1\td1\t1\nq1\td1\t2\n", "line 2: q1 and d1 were judged above already"),
        ("qrels", "q8\td1\t1\n", "at least one query must have a judgement"),
        ("answers", '{"query_id": "q1", "answers": "tea"}\n', "line 1: answers: Input should be a valid"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(folder: Path, name: str, text: str, said: str) -> None:
    suffix = ".tsv" if name == "qrels" else ".jsonl"
    (folder / f"{name}{suffix}").write_text(text, encoding="utf-8")

    with pytest.raises(LibraryError) as failure:
        read_question_set(folder)

    assert said in failure.value.message
    assert str(folder) in failure.value.message
    assert failure.value.hint


def test_a_missing_folder_and_a_missing_file_are_named(folder: Path) -> None:
    with pytest.raises(LibraryError, match="there is no folder"):
        read_question_set(folder / "nowhere")
    (folder / "qrels.tsv").unlink()
    with pytest.raises(LibraryError, match=r"qrels\.tsv cannot be read: No such file"):
        read_question_set(folder)


def test_a_file_in_another_encoding_is_named_with_the_byte(folder: Path) -> None:
    (folder / "queries.jsonl").write_bytes('{"id": "q1", "text": "茶"}'.encode("gbk"))

    with pytest.raises(LibraryError, match=r"queries\.jsonl is not UTF-8: byte 22 is 0xb2"):
        read_question_set(folder)


def test_a_subset_asks_only_what_its_documents_answer() -> None:
    whole = read_question_set(EXAMPLE)

    part = subset(whole, documents=3, questions=4)

    assert [document.id for document in part.documents] == ["en-kettle", "en-bike", "en-sourdough"]
    assert [question.id for question in part.questions] == ["q01", "q02", "q03", "q04"]


def test_a_subset_drops_judgements_of_documents_that_it_leaves_out() -> None:
    whole = read_question_set(EXAMPLE)

    part = subset(whole, documents=10)

    assert next(question for question in part.questions if question.id == "q15").grades == {"en-tomato": 2}
    assert subset(whole) == whole


def test_the_example_is_whole() -> None:
    example = read_question_set(EXAMPLE)

    assert (len(example.documents), len(example.questions), example.notes) == (20, 30, ())
    assert all(question.answers for question in example.questions)
    assert sum(len(question.spans) for question in example.questions) == 6
