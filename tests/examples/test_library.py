"""The example library: complete, readable in every format, and able to answer its own questions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rag.parsers import parse_document

EXAMPLES = Path(__file__).parents[2] / "examples"
LIBRARY = EXAMPLES / "library"
DOCUMENTS = sorted(path.relative_to(LIBRARY).as_posix() for path in LIBRARY.rglob("*") if path.is_file())
QUESTIONS: list[dict[str, Any]] = [
    json.loads(line) for line in (EXAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()
]
ANSWERABLE = [question for question in QUESTIONS if question["answerable"]]
FORMATS = {".md", ".txt", ".html", ".pdf", ".docx"}


def read(document: str) -> str:
    path = LIBRARY / document
    return "\n".join(section.text for section in parse_document(path.read_bytes(), path).sections)


def without_spaces(text: str) -> str:
    """Line breaks fall between Chinese characters in a PDF, so spaces cannot be compared."""
    return re.sub(r"\s+", "", text)


def test_both_languages_have_at_least_eight_documents() -> None:
    assert len([name for name in DOCUMENTS if name.startswith("en/")]) >= 8
    assert len([name for name in DOCUMENTS if name.startswith("zh/")]) >= 8


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_language_has_every_format(language: str) -> None:
    formats = {Path(name).suffix for name in DOCUMENTS if name.startswith(f"{language}/")}

    assert formats == FORMATS


def test_the_library_stays_small_enough_to_ship() -> None:
    assert sum((LIBRARY / name).stat().st_size for name in DOCUMENTS) < 1_500_000


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_reads_as_its_language(document: str) -> None:
    text = read(document)
    chinese = len(re.findall(r"[\u4e00-\u9fff]", text))

    if document.startswith("zh/"):
        assert chinese >= 600
    else:
        assert chinese == 0
        assert len(text.split()) >= 500


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_has_a_title_of_its_own(document: str) -> None:
    path = LIBRARY / document

    assert parse_document(path.read_bytes(), path).title != path.stem


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_no_machine_of_its_makers(document: str) -> None:
    text = read(document)

    assert not re.search(r"(?<![\w.])/(?:home|Users|root|work|tmp|mnt|usr)/|[A-Z]:\\", text)
    assert not re.search(r"\b(?:10|172|192)\.\d+\.\d+\.\d+\b|\.(?:internal|local|lan)\b", text)


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name.endswith(".pdf")])
def test_a_pdf_has_pages_a_title_and_text_on_each_page(document: str) -> None:
    from pypdf import PdfReader

    reader = PdfReader(LIBRARY / document)

    assert len(reader.pages) >= 2
    assert reader.metadata is not None
    assert reader.metadata.title
    assert all(len(page.extract_text()) > 200 for page in reader.pages)


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name.endswith(".docx")])
def test_a_word_document_has_real_headings_and_a_table(document: str) -> None:
    import docx

    opened = docx.Document(str(LIBRARY / document))
    headings = [
        paragraph
        for paragraph in opened.paragraphs
        if paragraph.style is not None and paragraph.style.name in {"Heading 1", "Heading 2"}
    ]

    assert len(headings) >= 5
    assert len(opened.tables) == 1


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name.endswith(".html")])
def test_the_main_text_of_a_web_page_comes_without_its_navigation(document: str) -> None:
    page = (LIBRARY / document).read_text(encoding="utf-8")
    text = read(document)

    for boilerplate in ("Glossary", "术语表", "Privacy", "版权声明", "Terms of use"):
        assert boilerplate not in text
    assert "<nav" in page
    assert "<footer" in page


@pytest.mark.parametrize("question", ANSWERABLE, ids=[question["id"] for question in ANSWERABLE])
def test_a_question_is_answered_by_the_sentence_it_names(question: dict[str, Any]) -> None:
    assert question["document"] in DOCUMENTS
    assert without_spaces(question["quote"]) in without_spaces(read(question["document"]))


def test_questions_cross_languages_and_include_some_without_an_answer() -> None:
    crossing = {
        question["language"]
        for question in ANSWERABLE
        if not question["document"].startswith(f"{question['language']}/")
    }
    unanswerable = [question for question in QUESTIONS if not question["answerable"]]

    assert crossing == {"en", "zh"}
    assert {question["language"] for question in unanswerable} == {"en", "zh"}
    assert not any("quote" in question or "document" in question for question in unanswerable)
    assert len({question["id"] for question in QUESTIONS}) == len(QUESTIONS)


def test_every_document_answers_at_least_one_question() -> None:
    assert {question["document"] for question in ANSWERABLE} == set(DOCUMENTS)


def test_the_demo_asks_in_english_in_chinese_and_beyond_the_library() -> None:
    demo = [question for question in QUESTIONS if question.get("demo")]

    assert [(question["language"], question["answerable"]) for question in demo] == [
        ("en", True),
        ("zh", True),
        ("en", False),
    ]
