"""Damage: whatever is cut from a file or flipped in it, what comes is text or our own error, nothing else."""

from __future__ import annotations

import gzip
import json
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.parsers import parse_document
from rag.parsers.containers import members
from rag.parsers.options import ParseOptions
from rag.parsers.unpacking import Limits
from stillroom.errors import ParseError
from tests.rag.parsers.test_containers import tarred, zipped
from tests.rag.parsers.test_epub import book
from tests.rag.parsers.test_msg import MESSAGE, ole_file

if TYPE_CHECKING:
    from collections.abc import Mapping

FIXTURES = Path(__file__).parent / "fixtures"

MAIL = b"""From: =?gbk?B?sai45g==?= <a@b.c>
To: b@c.d
Date: Thu, 26 Nov 2026 08:00:00 +0100
Subject: x
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=b"

--=b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

5ZOI5ZOI
--=b
Content-Type: text/html

<p>x</p>
--=b
Content-Type: message/rfc822

From: c@d.e
To: f@g.h
Subject: y

words
--=b--
"""
NOTEBOOK = json.dumps(
    {
        "nbformat": 4,
        "metadata": {"authors": [{"name": "Ada"}]},
        "cells": [
            {"cell_type": "markdown", "source": ["# A\n", "words"]},
            {"cell_type": "code", "source": "f()", "outputs": [{"data": {"text/plain": "1"}}]},
        ],
    }
).encode()
PAGE = (
    "<!doctype html><html><head><meta charset=gbk><title>T</title></head><body><h1>蒸馏</h1><table><tr><th>a"
    "<td rowspan=3 colspan=2>b<table><tr><td>c</td></tr></table></td></tr></table><pre>x</pre><ul><li>y</ul>"
    "<dl><dt>t<dd>d</dl></body></html>"
).encode("gbk")
RST = (
    b"T\n=\n\n.. note:: x\n\n:a: b\n\n+---+---+\n| a | b |\n+---+---+\n| c     |\n+-------+\n\n"
    b"- x\n\n  1. y\n\n.. foo:: z\n"
)
MARKDOWN = (
    "---\ntitle: T\ntags: [a, b]\n---\n# 一\n\n```py\n# x\n```\n\nT\n-\n\n| a | b |\n|---|---|\n".encode()
)
CODE = b"import x\n\n@d\nclass A(B):\n    def f(self):\n        return '''x'''\n\n\ndef g(): ...\n"
TABLE = '姓名,"a\nb",c\n张三,"x ""y""",1\n李四,z,2\n'.encode("gb18030")
FILES: Final[Mapping[str, bytes]] = {
    "a.zip": zipped({"甲.txt": b"words " * 20, "in.zip": zipped({"b.md": b"# B\n"})}),
    "a.tar": tarred({"a.txt": b"words", "b.csv": b"a,b\n1,2\n"}),
    "a.tar.xz": tarred({"a.txt": b"words " * 50}, "w:xz"),
    "a.gz": gzip.compress(b"words " * 50),
    "a.epub": book(),
    "a.msg": ole_file(MESSAGE),
    "a.eml": MAIL,
    "a.ipynb": NOTEBOOK,
    "a.html": PAGE,
    "a.rst": RST,
    "a.md": MARKDOWN,
    "a.py": CODE,
    "a.csv": TABLE,
    "a.json": b'{"a": [1, {"b": "c"}], "d": null, "e": [{"x": 1}, {"x": 2.5e3}]}',
    "a.jsonl": b'{"a": 1}\n{"a": 2}\n{"b": [1]}\n',
    "a.txt": "蒸馏，量化。\n".encode("utf-16"),
    **{path.name: path.read_bytes() for path in sorted(FIXTURES.iterdir()) if path.suffix != ".md"},
}
SMALL = Limits(depth=3, members=50, member_bytes=1 << 20, unpacked_bytes=1 << 22)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes with a piece cut out or doubled, and some of them changed."""
    made = bytearray(content)
    for _ in range(draw(st.integers(0, 12))):
        made[draw(st.integers(0, len(made) - 1))] = draw(st.integers(0, 255))
    start = draw(st.integers(0, len(made)))
    end = draw(st.one_of(st.just(len(made)), st.integers(start, len(made)), st.just(start)))
    doubled = draw(st.booleans())
    return bytes(made[:start] + (made[start:end] * 2 if doubled else b"") + made[end:])


def read(content: bytes, path: PurePath) -> None:
    try:
        # Tesseract takes seconds a picture.
        document = parse_document(content, path, ParseOptions(ocr=False))
    except ParseError:
        return
    assert any(section.text.strip() for section in document.sections)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(FILES))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(data=st.data())
def test_a_damaged_file_is_text_or_an_error_of_ours(name: str, data: st.DataObject) -> None:
    content = data.draw(damaged(FILES[name]))
    read(content, PurePath(name))
    for member in members(content, PurePath(name), limits=SMALL):
        if not member.error:
            read(member.content, member.path)
