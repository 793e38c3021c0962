"""Rich Text and Word's binary format: the text comes out, in whatever encoding it was written."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from rag.parsers import parse_document
from rag.parsers.doc_text import blocks
from stillroom.errors import ParseError

FIXTURES = Path(__file__).parent / "fixtures"


def rtf(body: str, head: str = r"\ansi\ansicpg936\deff0") -> str:
    content = ("{\\rtf1" + head + "{\\fonttbl{\\f0\\fnil\\fcharset134 SimSun;}}" + body + "}").encode("gbk")
    return parse_document(content, Path("a.rtf")).sections[0].text


def test_chinese_rich_text_is_decoded_from_escapes_of_its_code_page() -> None:
    assert rtf(r"\f0\'d6\'aa\'ca\'b6\'d5\'f4\'c1\'f3 distillation\par") == "知识蒸馏 distillation"


def test_chinese_rich_text_is_decoded_from_unicode_escapes() -> None:
    assert rtf(r"\u37327?\u21270? and \u-10179?\u-8704?\par") == "量化 and 😀"


def test_chinese_bytes_that_should_have_been_escapes_are_read() -> None:
    assert rtf(r"\f0 知识蒸馏\par") == "知识蒸馏"


def test_rich_texts_rows_are_rows_and_its_paragraphs_stand_apart() -> None:
    row = r"\trowd\cellx1000\cellx2000 {}\cell {}\cell\row "
    text = rtf("Before.\\par\n" + row.format("model", "GB") + row.format("7B", "4.2") + r"\pard After.\par")

    assert text == "Before.\n\n| model | GB |\n| --- | --- |\n| 7B | 4.2 |\n\nAfter."


def test_rich_text_says_who_wrote_it_and_when() -> None:
    info = rb"{\info{\title On words}{\author A. Writer}{\creatim\yr2026\mo1\dy5\hr9\min30}}"
    content = rb"{\rtf1\ansi" + info + rb"words\par}"
    parsed = parse_document(content, Path("a.rtf"))

    assert parsed.title == "On words"
    assert parsed.metadata == {"author": "A. Writer", "created": "2026-01-05T09:30:00"}
    assert parsed.sections[0].text == "words"


def test_rich_text_of_endless_braces_is_refused() -> None:
    with pytest.raises(ParseError, match="more than 1000 braces"):
        rtf("{" * 2000 + "x" + "}" * 2000)


def test_an_old_word_file_is_read_from_its_pieces() -> None:
    parsed = parse_document((FIXTURES / "legacy.doc").read_bytes(), Path("legacy.doc"))
    text = "\n\n".join(section.text for section in parsed.sections)

    assert "We had a good day" not in text
    assert "After we had a good day of swimming in the lake, it’s important to eat something nice" in text
    assert "| Berries | Blueberry, Strawberry, Cranberry | 150 |" in text.splitlines()
    assert parsed.sections[-1].heading == ("Swimming in the lake", "Let’s swim!", "Let’s eat")
    assert parsed.metadata == {"author": "Christoph Auer", "created": "2026-07-14T14:59:00"}


def test_an_old_word_file_whose_styles_are_broken_is_read_without_headings() -> None:
    content = bytearray((FIXTURES / "legacy.doc").read_bytes())
    at = content.index(struct.pack("<H", 0xA5EC))
    content[at + 0xA2 : at + 0xAA] = b"\xff" * 8
    parsed = parse_document(bytes(content), Path("legacy.doc"))

    assert [section.heading for section in parsed.sections] == [()]
    assert "Let’s swim!" in parsed.sections[0].text


def written(text: str) -> str:
    return "\n\n".join(block for _, block in blocks(text))


def test_a_fields_command_is_not_shown_and_its_result_is() -> None:
    assert written('See \x13 HYPERLINK "http://x.org" \x14the site\x15.\rNext\x13 PAGE \x15.\r') == (
        "See the site.\n\nNext."
    )


def test_cells_end_rows_and_empty_cells_stay() -> None:
    assert written("a\x07b\x07\x071\x07\x07\x07After.\r") == "| a | b |\n| --- | --- |\n| 1 |  |\n\nAfter."


def test_an_encrypted_word_file_says_so() -> None:
    content = bytearray((FIXTURES / "legacy.doc").read_bytes())
    at = content.index(struct.pack("<H", 0xA5EC))
    content[at + 0x0B] |= 0x01
    with pytest.raises(ParseError, match="is encrypted"):
        parse_document(bytes(content), Path("legacy.doc"))


def test_an_old_word_file_cut_short_is_damaged_and_names_the_command_that_converts_it() -> None:
    content = (FIXTURES / "legacy.doc").read_bytes()
    with pytest.raises(ParseError, match="is damaged"):
        parse_document(content[:3000], Path("legacy.doc"))
