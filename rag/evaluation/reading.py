"""Read a question set from a folder: ``documents.jsonl``, ``queries.jsonl``, ``qrels.tsv``, answers, spans.

documents.jsonl has ``id``, ``title`` and ``text`` a line, queries.jsonl ``id`` and ``text``; qrels.tsv has a
query's id, a document's id and a grade, parted by tabs, with or without a line of names above. Where they are
there, answers.jsonl has ``query_id`` and ``answers``, and spans.jsonl ``query_id``, ``doc_id``, ``start`` and
``end``, which count characters of the document's text. Further fields are passed over. What is read here is
untrusted, so pydantic checks it, and each complaint names file and line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.evaluation.jsonl import read_lines, read_numbered_lines, read_text
from rag.evaluation.question_set import Question, QuestionSet, SetDocument
from stillroom.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FORMAT = "docs/library.md, under “How well it finds”, describes the files of a question set"
_COLUMNS = 3


def read_question_set(folder: Path) -> QuestionSet:
    """The set that stands in a folder.

    Judgements of questions or documents that are not there are told of in the notes: a question that is not
    there is not asked, and a document that is not there counts as one that was not found.

    Raises:
        LibraryError: a file is missing or cannot be read, a line is not what it should be, an id comes twice,
            or no question has a judgement.
    """
    from rag.evaluation.lines import AnswersLine, DocumentLine, QueryLine

    if not folder.is_dir():
        raise LibraryError(f"there is no folder {folder} to read a question set from", hint=_FORMAT)
    documents = {
        line.id: SetDocument(line.id, line.title or "", line.text)
        for line in read_lines(folder / "documents.jsonl", DocumentLine, key=lambda line: line.id)
    }
    texts = {
        line.id: line.text
        for line in read_lines(folder / "queries.jsonl", QueryLine, key=lambda line: line.id)
    }
    judged = _read_grades(folder / "qrels.tsv")
    answers: dict[str, tuple[str, ...]] = {}
    if (folder / "answers.jsonl").exists():
        lines = read_lines(folder / "answers.jsonl", AnswersLine, key=lambda line: line.query_id)
        answers = {line.query_id: tuple(filter(str.strip, line.answers)) for line in lines}
    notes = _notes(documents, texts, judged)
    spans: dict[str, list[tuple[str, str]]] = {}
    try:
        spans = _read_spans(folder / "spans.jsonl", documents)
    except LibraryError as error:
        # No metric of documents needs them, and sets of other makers tell of spans in ways of their own.
        notes.append(f"spans.jsonl was left out: {error.message}")
    questions = tuple(
        Question(identity, text, judged[identity], answers.get(identity, ()), tuple(spans.get(identity, ())))
        for identity, text in texts.items()
        if identity in judged
    )
    if not documents or not questions:
        raise LibraryError(
            f"{folder} has {len(documents)} documents, {len(texts)} queries and judgements of {len(judged)}; "
            "at least one query must have a judgement, and one document must be there",
            hint=_FORMAT,
        )
    return QuestionSet(tuple(documents.values()), questions, tuple(notes))


def _read_grades(path: Path) -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = {}
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        columns = line.rstrip("\r").split("\t")
        if number == 1 and len(columns) == _COLUMNS and not _is_integer(columns[2]):
            # A line of names, which many sets have: "query-id corpus-id score".
            continue
        if len(columns) != _COLUMNS or not _is_integer(columns[2]):
            raise LibraryError(
                f"{path}, line {number}: {line[:80]!r} is not a query's id, a document's id and a whole "
                "number, parted by tabs",
                hint=_FORMAT,
            )
        query, document, grade = columns
        grades = judged.setdefault(query, {})
        if document in grades:
            raise LibraryError(
                f"{path}, line {number}: {query} and {document} were judged above already", hint=_FORMAT
            )
        grades[document] = int(grade)
    return judged


def _is_integer(text: str) -> bool:
    digits = text.strip().removeprefix("-")
    return digits.isascii() and digits.isdigit()


def _read_spans(path: Path, documents: Mapping[str, SetDocument]) -> dict[str, list[tuple[str, str]]]:
    from rag.evaluation.lines import SpanLine

    spans: dict[str, list[tuple[str, str]]] = {}
    if not path.exists():
        return spans
    for number, line in read_numbered_lines(path, SpanLine):
        document = documents.get(line.doc_id)
        if document is None:
            continue
        text = document.text[line.start : line.end]
        if not text.strip():
            raise LibraryError(
                f"{path}, line {number}: there is no text from character {line.start} to {line.end} of "
                f"{line.doc_id}, which has {len(document.text)}",
                hint=_FORMAT,
            )
        spans.setdefault(line.query_id, []).append((line.doc_id, text))
    return spans


def _notes(
    documents: Mapping[str, SetDocument],
    texts: Mapping[str, str],
    judged: Mapping[str, Mapping[str, int]],
) -> list[str]:
    unasked = len(judged.keys() - texts.keys())
    missing = len({document for grades in judged.values() for document in grades} - documents.keys())
    notes = []
    if unasked:
        notes.append(f"{unasked} questions of qrels.tsv are not in queries.jsonl and were not asked")
    if missing:
        notes.append(f"{missing} documents of qrels.tsv are not in documents.jsonl and cannot be found")
    return notes
