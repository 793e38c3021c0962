"""Mail: who wrote what to whom in any encoding, one form of the text, attachments as files of their own."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest

from rag.parsers import parse_document
from rag.parsers.containers import has_text, holds_members, members

if TYPE_CHECKING:
    from rag.document import ParsedDocument


def parsed(content: bytes, name: str = "m.eml") -> ParsedDocument:
    document = parse_document(content, PurePath(name))
    assert document.format == "eml"
    return document


def message(**headers: str) -> EmailMessage:
    made = EmailMessage()
    made["From"] = "Ada <ada@example.org>"
    made["To"] = "Alan <alan@example.org>"
    made["Date"] = "Thu, 26 Nov 2026 08:00:00 +0100"
    made["Subject"] = headers.get("subject", "缓存 and memory")
    return made


def test_a_mails_header_stands_above_its_text_and_is_metadata() -> None:
    mail = message()
    mail.set_content("Grouped-query attention shares keys.\n")
    document = parsed(mail.as_bytes())
    assert document.title == "缓存 and memory"
    assert document.sections[0].text == (
        "From: Ada <ada@example.org>\nTo: Alan <alan@example.org>\nDate: Thu, 26 Nov 2026 08:00:00 +0100\n"
        "Subject: 缓存 and memory\n\nGrouped-query attention shares keys."
    )
    assert document.metadata == {
        "author": "Ada <ada@example.org>",
        "to": "Alan <alan@example.org>",
        "date": "2026-11-26T08:00:00+01:00",
        "subject": "缓存 and memory",
    }


def test_of_two_forms_the_plain_one_is_read_and_html_alone_is_read_as_seen() -> None:
    both = message()
    both.set_content("plain words")
    both.add_alternative("<html><body><p>marked words</p></body></html>", subtype="html")
    assert parsed(both.as_bytes()).sections[0].text.endswith("\n\nplain words")
    alone = message()
    alone.set_content("<style>x</style><p>marked <b>words</b></p><pre>a  b</pre>", subtype="html")
    assert parsed(alone.as_bytes()).sections[0].text.endswith("\n\nmarked words\n\n```\na  b\n```")


@pytest.mark.parametrize("stated", ["gb2312", "gbk", "us-ascii", "no-such", "utf-8"])
def test_a_body_in_gbk_is_decoded_whatever_the_mail_states(stated: str) -> None:
    head = f"From: a@b.c\nTo: b@c.d\nSubject: x\nContent-Type: text/plain; charset={stated}\n\n"
    document = parsed(head.encode() + "显存不够时会怎样？请降低上下文长度，镕".encode("gbk"))
    assert document.sections[0].text.endswith("显存不够时会怎样？请降低上下文长度，镕")


@pytest.mark.parametrize(
    "subject",
    [
        "显存不够怎么办".encode("gbk"),
        "显存不够怎么办".encode(),
        b"=?gb2312?B?z9S05rK7ubvU9cO0sOw=?=",
        b"=?utf-8?Q?=E6=98=BE=E5=AD=98=E4=B8?=\n =?utf-8?Q?=8D=E5=A4=9F=E6=80=8E=E4=B9=88=E5=8A=9E?=",
    ],
)
def test_a_subject_is_decoded_however_it_was_written(subject: bytes) -> None:
    mail = b"From: a@b.c\nTo: b@c.d\nDate: x\nSubject: " + subject + b"\n\nwords\n"
    assert parsed(mail).title == "显存不够怎么办"


def test_attachments_are_files_of_their_own_with_their_names() -> None:
    mail = message()
    mail.set_content("see the report")
    mail.add_attachment("甲\n乙\n".encode("gbk"), maintype="text", subtype="plain", filename="季度 报告.txt")
    mail.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="../../up.pdf")
    forwarded = message(subject="older")
    forwarded.set_content("old words")
    mail.add_attachment(forwarded)
    content = mail.as_bytes()
    assert holds_members(content, PurePath("m.eml"))
    assert has_text(content, PurePath("m.eml"))
    found = {str(member.path): member.content for member in members(content, PurePath("m.eml"))}
    assert list(found) == ["m.eml!/季度 报告.txt", "m.eml!/up.pdf", "m.eml!/older.eml"]
    assert found["m.eml!/季度 报告.txt"] == "甲\n乙\n".encode("gbk")
    assert parse_document(found["m.eml!/older.eml"], PurePath("older.eml")).title == "older"
    assert "3 attachments" in parsed(content).notes[0]


def test_a_name_in_an_encoded_word_is_decoded() -> None:
    mail = (
        b"From: a@b.c\nTo: b@c.d\nSubject: x\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/mixed; boundary="=b"\n\n'
        b"--=b\nContent-Type: text/plain\n\nwords\n--=b\nContent-Type: text/plain\n"
        b'Content-Disposition: attachment; filename="=?gbk?B?sai45i50eHQ=?="\n\ninner\n--=b--\n'
    )
    assert [str(member.path) for member in members(mail, PurePath("m.eml"))] == ["m.eml!/报告.txt"]


def test_pictures_that_belong_to_the_text_are_left_out() -> None:
    mail = message()
    mail.set_content("<p>words <img src='cid:logo'></p>", subtype="html")
    mail.add_related(b"\x89PNG", maintype="image", subtype="png", cid="<logo>", filename="logo.png")
    assert list(members(mail.as_bytes(), PurePath("m.eml"))) == []


def test_a_mail_is_recognized_by_its_header_whatever_its_name() -> None:
    mail = message()
    mail.set_content("words")
    assert parse_document(mail.as_bytes(), PurePath("saved.txt")).format == "eml"
    assert (
        parse_document(b"From: here\n\nand more words: none of them mail\n", PurePath("a.txt")).format
        == "text"
    )


def test_a_mail_that_has_lost_its_boundaries_keeps_its_words() -> None:
    head = b"From: a@b.c\nTo: b@c.d\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed\n\n"
    assert parsed(head + b"words all the same\n").sections[0].text.endswith("\n\nwords all the same")


def test_mails_within_mails_end_somewhere() -> None:
    inner = message(subject="core")
    inner.set_content("core words")
    for depth in range(8):
        outer = message(subject=f"level {depth}")
        outer.set_content("words")
        outer.add_attachment(inner)
        inner = outer
    listed = list(members(inner.as_bytes(), PurePath("m.eml")))
    assert "within each other" in str(listed[-1].error)
