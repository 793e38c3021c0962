"""Outlook's messages, made here stream by stream as [MS-OXMSG] and [MS-CFB] say: nothing free writes them."""

from __future__ import annotations

import struct
from pathlib import PurePath

import pytest

from rag.parsers import parse_document
from rag.parsers.containers import members
from stillroom.errors import ParseError

Folder = dict[str, "bytes | Folder"]

SECTOR, MINI_SECTOR, CUTOFF = 512, 64, 4096
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def ole_file(root: Folder) -> bytes:
    """An OLE file: streams below 4,096 bytes in its mini stream, siblings chained to the right."""
    entries: list[bytearray] = []
    data, mini = bytearray(), bytearray()
    fat: list[int] = []
    mini_fat: list[int] = []

    def chained(content: bytes, into: bytearray, table: list[int], size: int) -> int:
        first = len(table)
        count = -(-len(content) // size)
        table.extend([*range(first + 1, first + count), END][:count])
        into.extend(content.ljust(count * size, b"\0"))
        return first if count else END

    def entry(name: str, kind: int) -> int:
        raw = name.encode("utf-16-le")
        made = bytearray(
            raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw) + 2, kind, 1, FREE, FREE, FREE)
        )
        entries.append(made + bytes(36) + struct.pack("<IQ", END, 0))
        return len(entries) - 1

    def add(folder: Folder) -> int:
        first, previous = FREE, FREE
        for name, content in folder.items():
            number = entry(name, 2 if isinstance(content, bytes) else 1)
            if isinstance(content, bytes):
                small = len(content) < CUTOFF
                start = chained(content, *((mini, mini_fat, MINI_SECTOR) if small else (data, fat, SECTOR)))
                entries[number][116:128] = struct.pack("<IQ", start, len(content))
            else:
                entries[number][76:80] = struct.pack("<I", add(content))
            if previous == FREE:
                first = number
            else:
                entries[previous][72:76] = struct.pack("<I", number)
            previous = number
        return first

    entry("Root Entry", 5)
    entries[0][76:80] = struct.pack("<I", add(root))
    entries[0][116:128] = struct.pack("<IQ", chained(bytes(mini), data, fat, SECTOR), len(mini))
    table = struct.pack(f"<{len(mini_fat)}I", *mini_fat)
    padded = table.ljust(-(-len(table) // SECTOR) * SECTOR, b"\xff")
    mini_start = chained(padded, data, fat, SECTOR)
    directory = chained(b"".join(map(bytes, entries)), data, fat, SECTOR)
    fat_sectors = -(-(len(fat) + 2) // (SECTOR // 4))
    fat_start = len(fat)
    fat.extend([FAT] * fat_sectors)
    data.extend(struct.pack(f"<{len(fat)}I", *fat).ljust(fat_sectors * SECTOR, b"\xff"))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack(
        "<HHHHH6xIIIIIIIIII",
        0x3E,
        3,
        0xFFFE,
        9,
        6,
        0,
        fat_sectors,
        directory,
        0,
        CUTOFF,
        mini_start,
        len(padded) // SECTOR,
        END,
        0,
        fat_start,
    )
    places = [fat_start + number for number in range(fat_sectors)]
    return header[:76] + struct.pack("<109I", *places, *[FREE] * (109 - len(places))) + bytes(data)


def properties(
    *, header: int, times: dict[int, int] | None = None, numbers: dict[int, int] | None = None
) -> bytes:
    rows = [struct.pack("<HHIQ", 0x40, number, 6, value) for number, value in (times or {}).items()]
    rows += [struct.pack("<HHIQ", 3, number, 6, value) for number, value in (numbers or {}).items()]
    return bytes(header) + b"".join(rows)


def text(number: int, value: str) -> tuple[str, bytes]:
    return f"__substg1.0_{number:04X}001F", value.encode("utf-16-le")


# 2026-11-26 08:00 UTC in units of 100 ns since 1601.
SENT = (1795680000 + 11644473600) * 10**7
MESSAGE: Folder = dict(
    [
        text(0x0037, "缓存 and memory"),
        text(0x0C1A, "Ada"),
        text(0x5D01, "ada@example.org"),
        text(0x0E04, "Alan"),
        text(0x1000, "Grouped-query attention shares keys.\r\n" * 200),
        ("__properties_version1.0", properties(header=32, times={0x0039: SENT})),
        (
            "__attach_version1.0_#00000000",
            dict([text(0x3707, "报告.txt"), ("__substg1.0_37010102", b"attached words")]),
        ),
        (
            "__attach_version1.0_#00000001",
            dict(
                [
                    text(0x3001, "older"),
                    (
                        "__substg1.0_3701000D",
                        dict(
                            [
                                text(0x0037, "older"),
                                text(0x1000, "old words"),
                                ("__properties_version1.0", properties(header=24, times={0x0E06: SENT})),
                            ]
                        ),
                    ),
                ]
            ),
        ),
    ]
)


def test_an_outlook_message_is_its_header_and_its_text() -> None:
    document = parse_document(ole_file(MESSAGE), PurePath("m.msg"))
    assert (document.format, document.title) == ("msg", "缓存 and memory")
    assert document.sections[0].text.startswith(
        "From: Ada <ada@example.org>\nTo: Alan\nDate: 2026-11-26T08:00:00+00:00\nSubject: 缓存 and memory\n\n"
        "Grouped-query attention shares keys.\n"
    )
    assert document.metadata["date"] == "2026-11-26T08:00:00+00:00"
    assert document.notes == ("2 attachments: 报告.txt, older.eml",)


def test_an_outlook_messages_attachments_are_files_and_mails_of_their_own() -> None:
    found = {str(member.path): member.content for member in members(ole_file(MESSAGE), PurePath("m.msg"))}
    assert found["m.msg!/报告.txt"] == b"attached words"
    older = parse_document(found["m.msg!/older.eml"], PurePath("older.eml"))
    assert (older.format, older.title) == ("eml", "older")
    assert older.sections[0].text.endswith("\n\nold words")


def test_an_outlook_message_in_a_code_page_is_decoded_in_it() -> None:
    ansi: Folder = {
        "__substg1.0_0037001E": "显存".encode("gbk"),
        "__substg1.0_1000001E": "显存不够时会怎样？".encode("gbk"),
        "__properties_version1.0": properties(header=32, numbers={0x3FFD: 936}),
    }
    document = parse_document(ole_file(ansi), PurePath("m.msg"))
    assert document.sections[0].text == "Subject: 显存\n\n显存不够时会怎样？"


def test_an_outlook_message_in_html_alone_is_read_as_seen() -> None:
    page = "<html><body><p>marked <b>words</b></p></body></html>"
    html: Folder = {
        "__substg1.0_10130102": page.encode(),
        "__properties_version1.0": properties(header=32, numbers={0x3FDE: 65001}),
    }
    assert parse_document(ole_file(html), PurePath("m.msg")).sections[0].text == "marked words"


def test_a_cut_outlook_message_is_an_error() -> None:
    with pytest.raises(ParseError, match="damaged"):
        parse_document(ole_file(MESSAGE)[:2_000], PurePath("m.msg"))
