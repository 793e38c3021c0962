"""Outlook's messages (MSG): the header's lines and the text; attachments are files of their own.

An OLE file in which each property of the message is a stream named by its number ([MS-OXMSG] 2.1, numbers in
[MS-OXPROPS]). A message whose text is in RTF alone yields its header only, and says so.
"""

from __future__ import annotations

import datetime as dt
import io
import struct
from typing import TYPE_CHECKING, Any, Final

from rag.document import ParsedDocument, Section
from rag.parsers.html import decode_page, page_tree
from rag.parsers.html_blocks import blocks
from rag.parsers.mail_header import text_of
from rag.parsers.unpacking import Entry
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions
    from rag.parsers.unpacking import Room

_SUBJECT, _BODY, _HTML, _RTF = 0x0037, 0x1000, 0x1013, 0x1009
_SENDER_NAME, _SENDER_ADDRESS, _SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
_TO, _CC = 0x0E04, 0x0E03
_SENT, _DELIVERED = 0x0039, 0x0E06
_ATTACHED, _LONG_NAME, _SHORT_NAME, _SHOWN_NAME = 0x3701, 0x3707, 0x3704, 0x3001
_CODE_PAGE, _MESSAGE_CODE_PAGE = 0x3FFD, 0x3FDE

# Property types: Unicode text, text in the message's code page, bytes, a storage.
_UNICODE, _ANSI, _BINARY, _OBJECT = "001F", "001E", "0102", "000D"
_PROPERTIES = "__properties_version1.0"
_ATTACHMENT = "__attach_version1.0_#"
# Sixteen bytes a property, after a header whose length depends on where it stands.
_PROPERTY = struct.Struct("<HHI8s")
_HEADER_BYTES: Final = {"": 32, "embedded": 24}
# FILETIME counts 100 ns since 1601.
_EPOCH: Final = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
_MAX_DEPTH = 8

_DAMAGE: Final = (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error, OverflowError)


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The message's header and text.

    Raises:
        ParseError: it is damaged.
    """
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(content)) as ole:
            message = _Storage(ole, ())
            subject, shown, metadata = _header(message)
            body = _body(message, path)
            names = [name for name, _ in _attachments(message)]
            only_rtf = not body and message.raw(_RTF, _BINARY) is not None
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    notes: tuple[str, ...] = (f"{len(names)} attachments: {', '.join(names)[:300]}",) if names else ()
    if only_rtf:
        notes += ("its text is in compressed RTF alone, which is not read",)
    return ParsedDocument(
        title=subject or path.stem,
        format="msg",
        sections=(Section(f"{shown}\n\n{body}".strip(), heading=(subject,) if subject else ()),),
        metadata=metadata,
        notes=notes,
    )


def entries(content: bytes, path: PurePath, _options: ParseOptions, room: Room) -> Iterator[Entry]:
    """The attachments; a message that was attached is given as a mail of its header and text.

    Raises:
        ParseError: the message is damaged.
    """
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(content)) as ole:
            for name, attachment in _attachments(_Storage(ole, ())):
                room.count_member()
                attached = attachment.raw(_ATTACHED, _BINARY)
                if attached is None:
                    attached = _as_mail(attachment.below(_ATTACHED), path)
                room.take(len(attached))
                yield Entry(name, attached)
    except _DAMAGE as error:
        raise _damaged(path, error) from error


class _Storage:
    """A message or an attachment: a folder in the OLE file with a stream a property."""

    def __init__(self, ole: Any, folder: tuple[str, ...]) -> None:  # noqa: ANN401 (olefile has no types)
        self._ole = ole
        self._folder = folder

    def raw(self, number: int, kind: str) -> bytes | None:
        """A property's bytes, or None where it has none of that type."""
        name = [*self._folder, f"__substg1.0_{number:04X}{kind}"]
        if self._ole.get_type(name) != 2:  # noqa: PLR2004 (a stream)
            return None
        with self._ole.openstream(name) as stream:
            return bytes(stream.read())

    def text(self, number: int) -> str:
        """A property's text, or empty."""
        unicode_text = self.raw(number, _UNICODE)
        if unicode_text is not None:
            return unicode_text.decode("utf-16-le", "replace").rstrip("\0")
        ansi_text = self.raw(number, _ANSI)
        return text_of(ansi_text.rstrip(b"\0"), self.code_page()) if ansi_text is not None else ""

    def code_page(self) -> str:
        """The encoding of texts that are not Unicode, as Python names it, or empty."""
        fixed = self._fixed()
        value = fixed.get(_MESSAGE_CODE_PAGE) or fixed.get(_CODE_PAGE)
        number = int.from_bytes(value[:4], "little") if value else 0
        return {0: "", 65001: "utf-8", 20127: "ascii", 936: "gb18030"}.get(number, f"cp{number}")

    def time(self, number: int) -> str:
        """A property that is a time, ISO 8601, or empty."""
        value = self._fixed().get(number)
        if value is None:
            return ""
        ticks = int.from_bytes(value, "little")
        return (_EPOCH + dt.timedelta(microseconds=ticks // 10)).replace(microsecond=0).isoformat()

    def below(self, number: int) -> _Storage:
        """The message that an attachment holds."""
        if len(self._folder) > 2 * _MAX_DEPTH:
            raise ValueError("messages within messages without end")
        return _Storage(self._ole, (*self._folder, f"__substg1.0_{number:04X}{_OBJECT}"))

    def folders(self, prefix: str) -> list[_Storage]:
        """The storages right in this one whose names begin so, in order."""
        depth = len(self._folder)
        names = {
            entry[depth]
            for entry in self._ole.listdir(streams=True, storages=True)
            if len(entry) > depth and tuple(entry[:depth]) == self._folder and entry[depth].startswith(prefix)
        }
        return [_Storage(self._ole, (*self._folder, name)) for name in sorted(names)]

    def _fixed(self) -> dict[int, bytes]:
        """The properties of fixed length, by number."""
        name = [*self._folder, _PROPERTIES]
        if self._ole.get_type(name) != 2:  # noqa: PLR2004 (a stream)
            return {}
        with self._ole.openstream(name) as stream:
            content = bytes(stream.read())
        start = _HEADER_BYTES["embedded" if self._folder else ""]
        whole = len(content) - (len(content) - start) % _PROPERTY.size
        return {
            number: value for _, number, _, value in _PROPERTY.iter_unpack(content[start : max(start, whole)])
        }


def _header(message: _Storage) -> tuple[str, str, dict[str, str]]:
    subject = " ".join(message.text(_SUBJECT).split())
    name = message.text(_SENDER_NAME).strip()
    address = (message.text(_SENDER_SMTP) or message.text(_SENDER_ADDRESS)).strip()
    sender = f"{name} <{address}>" if name and "@" in address and address != name else name or address
    said = {
        "From": ("author", sender),
        "To": ("to", message.text(_TO).strip()),
        "Cc": ("cc", message.text(_CC).strip()),
        "Date": ("date", message.time(_SENT) or message.time(_DELIVERED)),
        "Subject": ("subject", subject),
    }
    lines = [f"{label}: {value}" for label, (_, value) in said.items() if value]
    return subject, "\n".join(lines), {key: value for key, value in said.values() if value}


def _body(message: _Storage, path: PurePath) -> str:
    if plain := message.text(_BODY).strip():
        return plain
    page = message.raw(_HTML, _BINARY)
    source = decode_page(page, path, message.code_page()).text if page else message.text(_HTML)
    if not source.strip():
        return ""
    tree, _ = page_tree(source, path)
    return "\n\n".join(text for _, text in blocks(tree))


def _attachments(message: _Storage) -> Iterator[tuple[str, _Storage]]:
    for number, attachment in enumerate(message.folders(_ATTACHMENT), start=1):
        is_message = attachment.raw(_ATTACHED, _BINARY) is None
        name = attachment.text(_LONG_NAME) or attachment.text(_SHORT_NAME) or attachment.text(_SHOWN_NAME)
        name = " ".join(name.split()) or f"attachment {number}"
        yield (f"{name.replace('/', '_')}.eml" if is_message else name), attachment


def _as_mail(message: _Storage, path: PurePath) -> bytes:
    """A message as a mail in UTF-8: its header's lines and its text."""
    _, shown, _ = _header(message)
    kind = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit"
    return f"{shown}\n{kind}\n\n{_body(message, path)}\n".encode()


def _damaged(path: PurePath, error: Exception) -> ParseError:
    return ParseError(
        f"{path} is damaged: {str(error) or type(error).__name__}",
        hint="open it in Outlook and save it again, or save it as .eml",
    )
