"""Containers: members are files of their own, names harmless, bombs end, one bad member stops no other."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest

from rag.parsers.containers import Member, has_text, holds_members, members
from rag.parsers.options import ParseOptions
from rag.parsers.unpacking import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# "echo 'The word is plum.' > inner.txt; zip -P sesame locked.zip inner.txt" and a second, open file.
FIXTURES = PurePath(__file__).parent / "fixtures"


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def found(content: bytes, name: str = "a.zip", limits: Limits = Limits()) -> list[Member]:  # noqa: B008
    return list(members(content, PurePath(name), limits=limits))


def texts(listed: list[Member]) -> dict[str, bytes]:
    return {str(member.path): member.content for member in listed if not member.error}


def errors(listed: list[Member]) -> dict[str, str]:
    return {str(member.path): member.error.message for member in listed if member.error}


def named_in(name: bytes, content: bytes = b"text") -> bytes:
    """A ZIP archive whose one name is these bytes, without the mark of UTF-8."""
    placeholder = "x" * len(name)
    return zipped({placeholder: content}).replace(placeholder.encode(), name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", zipped({"one.txt": b"1", "two/three.txt": b"3"})),
        ("a.tar", tarred({"one.txt": b"1", "two/three.txt": b"3"})),
        ("a.tar.gz", tarred({"one.txt": b"1", "two/three.txt": b"3"}, "w:gz")),
        ("a.tar.bz2", tarred({"one.txt": b"1", "two/three.txt": b"3"}, "w:bz2")),
        ("a.tar.xz", tarred({"one.txt": b"1", "two/three.txt": b"3"}, "w:xz")),
        ("wrong.txt", tarred({"one.txt": b"1", "two/three.txt": b"3"}, "w:gz")),
    ],
)
def test_members_stand_under_their_archives_name(name: str, content: bytes) -> None:
    assert texts(found(content, name)) == {f"{name}!/one.txt": b"1", f"{name}!/two/three.txt": b"3"}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_one_packed_file_has_its_own_name_back(pack: Callable[[bytes], bytes]) -> None:
    assert texts(found(pack(b"words"), "notes.txt.gz")) == {"notes.txt.gz!/notes.txt": b"words"}


def test_archives_in_archives_are_opened() -> None:
    inner = tarred({"deep.txt": b"deep"}, "w:gz")
    listed = texts(found(zipped({"in.tar.gz": inner, "top.txt": b"top"})))
    assert listed == {"a.zip!/in.tar.gz!/deep.txt": b"deep", "a.zip!/top.txt": b"top"}


@pytest.mark.parametrize("encoding", ["gbk", "utf-8", "big5", "cp932"])
def test_names_without_a_mark_are_decoded(encoding: str) -> None:
    name = {"gbk": "第一季度销售报告.txt", "big5": "會議記錄與報告.txt", "cp932": "これはレポートです.txt"}
    wanted = name.get(encoding, "第一季度销售报告.txt")
    assert texts(found(named_in(wanted.encode(encoding)))) == {f"a.zip!/{wanted}": b"text"}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("../../etc/passwd", "a.zip!/etc/passwd"),
        ("/etc/passwd", "a.zip!/etc/passwd"),
        ("C:\\Windows\\x.txt", "a.zip!/Windows/x.txt"),
        ("a\nb.txt", "a.zip!/a_b.txt"),
        ("..", "a.zip!/unnamed"),
    ],
)
def test_names_lead_nowhere_else(name: str, path: str) -> None:
    assert list(texts(found(zipped({name: b"x"})))) == [path]


def test_hidden_members_are_passed_over() -> None:
    files = {"__MACOSX/._a.txt": b"x", ".git/config": b"x", "a/.DS_Store": b"x", "b.txt": b"b"}
    assert list(texts(found(zipped(files)))) == ["a.zip!/b.txt"]


def test_two_members_of_one_name_are_two_files() -> None:
    twice = zipped({"a.txt": b"1", "b.txt": b"2"}).replace(b"b.txt", b"a.txt")
    assert texts(found(twice)) == {"a.zip!/a.txt": b"1", "a.zip!/a (2).txt": b"2"}


def test_links_out_of_a_tar_archive_are_passed_over() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert found(out.getvalue(), "a.tar") == []


def test_a_damaged_member_stops_no_other() -> None:
    good = zipped({"one.txt": b"one " * 20, "two.txt": b"two " * 20}, zipfile.ZIP_STORED)
    listed = found(good.replace(b"one one", b"one 0ne", 1))
    assert texts(listed) == {"a.zip!/two.txt": b"two " * 20}
    assert "damaged" in errors(listed)["a.zip!/one.txt"]


def test_what_stands_before_a_tar_archives_end_is_kept() -> None:
    whole = tarred({"one.txt": b"1" * 600, "two.txt": b"2" * 600})
    listed = found(whole[:2200], "a.tar")
    assert "a.tar!/one.txt" in texts(listed)
    assert "damaged" in errors(listed)["a.tar"]


def test_an_encrypted_member_needs_its_password_and_stops_no_other() -> None:
    from pathlib import Path

    content = Path(FIXTURES / "locked.zip").read_bytes()
    listed = found(content)
    assert texts(listed) == {"a.zip!/open.txt": b"The door is open.\n"}
    assert "encrypted (no password)" in errors(listed)["a.zip!/locked.txt"]

    wrong_then_right = ParseOptions(passwords=("wrong", "sesame"))
    opened = list(members(content, PurePath("a.zip"), wrong_then_right))
    assert texts(opened)["a.zip!/locked.txt"] == b"The word is plum.\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", zipped({"zeros": bytes(90_000_000)})),
        ("a.gz", gzip.compress(bytes(90_000_000), 1)),
        ("a.tar.gz", tarred({f"{n}.bin": bytes(30_000_000) for n in range(4)}, "w:gz")),
        ("a.tar.xz", tarred({"zeros": bytes(90_000_000)}, "w:xz")),
    ],
)
def test_what_unpacks_to_a_thousand_times_its_size_is_left_alone(name: str, content: bytes) -> None:
    listed = found(content, name)
    assert any("unpacks to" in message for message in errors(listed).values())
    assert sum(len(member.content) for member in listed) <= 64 * 1024**2


def test_too_deep_too_many_and_too_large_are_said_and_end() -> None:
    nested = b"core"
    for _ in range(6):
        nested = zipped({"in.zip" if nested[:2] == b"PK" else "core.txt": nested})
    assert "within each other; at most 3" in "".join(errors(found(nested, limits=Limits(depth=3))).values())
    many = zipped({f"{number}.txt": b"x" for number in range(50)})
    listed = found(many, limits=Limits(members=10))
    assert (len(texts(listed)), len(errors(listed))) == (10, 1)
    large = zipped({"large.txt": b"x" * 2000, "small.txt": b"y"})
    assert list(texts(found(large, limits=Limits(member_bytes=1000)))) == ["a.zip!/small.txt"]
    assert list(errors(found(large, limits=Limits(unpacked_bytes=1000)))) == ["a.zip"]


def test_a_file_that_holds_none_has_no_members() -> None:
    assert not holds_members(b"text", PurePath("a.txt"))
    assert has_text(b"text", PurePath("a.txt"))
    assert not has_text(zipped({"a": b"b"}), PurePath("a.zip"))
    assert found(b"PK\x03\x04 and no more") == []
