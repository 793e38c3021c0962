"""Mail messages (EML): the header's lines and the text; attachments are files of their own.

Of a message in two forms the plain one is read, of one in HTML alone what a reader sees of it. Pictures that
belong to the text are left out.
"""

from __future__ import annotations

import email
import email.errors
import email.message
import email.policy
from typing import TYPE_CHECKING

from rag.document import ParsedDocument, Section
from rag.parsers.html import decode_page, page_tree
from rag.parsers.html_blocks import blocks
from rag.parsers.mail_header import decoded_words, header_text, shown_header, text_of
from rag.parsers.unpacking import Entry
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions
    from rag.parsers.unpacking import Room

# A message has a few dozen parts; one of thousands is an attack.
_MAX_PARTS = 1_000


class _RawHeaders(email.policy.Compat32):
    """Headers as they stand: the library's own reading drops bytes beyond ASCII."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        """The field's text, with its bytes beyond ASCII as surrogates."""
        del name
        return value


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The message's header and text.

    Raises:
        ParseError: it cannot be read.
    """
    message = _message(content, path)
    shown, metadata = shown_header(message)
    body = "\n\n".join(filter(None, (_body_text(part, path) for part in _bodies(message))))
    attachments = [name for name, _ in _attachments(message)]
    notes = (f"{len(attachments)} attachments: {', '.join(attachments)[:300]}",) if attachments else ()
    subject = header_text(message, "Subject")
    return ParsedDocument(
        title=subject or path.stem,
        format="eml",
        sections=(Section(f"{shown}\n\n{body}".strip(), heading=(subject,) if subject else ()),),
        metadata=metadata,
        notes=notes,
    )


def entries(content: bytes, path: PurePath, _options: ParseOptions, room: Room) -> Iterator[Entry]:
    """The attachments; a message that was forwarded whole is one.

    Raises:
        ParseError: the message cannot be read.
    """
    for name, part in _attachments(_message(content, path)):
        room.count_member()
        attached = _attached_bytes(part)
        room.take(len(attached))
        yield Entry(name, attached)


def _message(content: bytes, path: PurePath) -> Message:
    try:
        return email.message_from_bytes(content.removeprefix(b"\xef\xbb\xbf"), policy=_RawHeaders())
    except (email.errors.MessageError, LookupError, ValueError, TypeError, RecursionError) as error:
        raise ParseError(
            f"{path} is damaged: {error}", hint="open it in a mail program and save it"
        ) from error


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold something, without looking into messages that were forwarded."""
    waiting = [message]
    for _ in range(_MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop(0)
        inner = _inside(part)
        if inner and part.get_content_maintype() == "multipart":
            waiting[:0] = inner
        else:
            yield part


def _inside(part: Message) -> list[Message]:
    """The messages and parts that a part holds."""
    # Of a part that holds none, the library would decode the text, and stumble over a header of its.
    payload = part.get_payload() if part.is_multipart() else None
    return (
        [each for each in payload if isinstance(each, email.message.Message)]
        if isinstance(payload, list)
        else []
    )


def _bodies(message: Message) -> Iterator[Message]:
    """The parts that are the message's text: plain ones, or HTML where a group has no plain one."""
    texts = [part for part in _leaves(message) if _is_body(part)]
    plain = [part for part in texts if _kind(part) == "text/plain" and _payload(part).strip()]
    yield from plain or [part for part in texts if _kind(part) == "text/html"]


def _kind(part: Message) -> str:
    """The type of a part that holds no others; where it should, its boundaries are lost, and it is text."""
    return "text/plain" if part.get_content_maintype() == "multipart" else part.get_content_type()


def _is_body(part: Message) -> bool:
    is_text = _kind(part) in {"text/plain", "text/html"}
    return is_text and part.get_content_disposition() != "attachment" and not _file_name(part)


def _attachments(message: Message) -> Iterator[tuple[str, Message]]:
    """Parts that are files, with names."""
    pages = b"".join(_payload(part) for part in _leaves(message) if part.get_content_type() == "text/html")
    for number, part in enumerate(_leaves(message), start=1):
        if part is message or _is_body(part) or _stands_in(part, pages):
            continue
        name = _file_name(part)
        if part.get_content_maintype() == "message":
            yield name or f"{_forwarded_subject(part) or f'message {number}'}.eml", part
        elif name or part.get_content_disposition() == "attachment":
            yield name or f"part {number}{_suffix(part)}", part


def _stands_in(part: Message, pages: bytes) -> bool:
    """Whether it is a picture that the text shows."""
    identity = str(part.get("Content-ID") or "").strip().strip("<>").encode("utf-8", "replace")
    return bool(identity) and part.get_content_maintype() == "image" and b"cid:" + identity in pages


def _suffix(part: Message) -> str:
    import mimetypes

    return mimetypes.guess_extension(part.get_content_type()) or ""


def _file_name(part: Message) -> str:
    """Its name, whether encoded as RFC 2231 has it, as RFC 2047 has it (which is wrong and usual), or raw."""
    try:
        name = part.get_filename()
    except (LookupError, ValueError, TypeError, AttributeError):
        return ""
    return decoded_words(name) if name else ""


def _forwarded_subject(part: Message) -> str:
    inner = _inside(part)
    return header_text(inner[0], "Subject").replace("/", "_") if inner else ""


def _payload(part: Message) -> bytes:
    """A part's bytes, without their transfer encoding."""
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError):
        return b""
    return payload if isinstance(payload, bytes) else b""


def _attached_bytes(part: Message) -> bytes:
    inner = _inside(part)
    if part.get_content_maintype() != "message" or not inner:
        return _payload(part)
    try:
        return inner[0].as_bytes()
    except (LookupError, ValueError, TypeError, AttributeError):
        return b""


def _body_text(part: Message, path: PurePath) -> str:
    content = _payload(part)
    charset = str(part.get_content_charset() or "")
    if _kind(part) == "text/plain":
        return text_of(content, charset).replace("\r\n", "\n").strip("\n")
    page, complete = page_tree(decode_page(content, path, charset).text, path)
    body = page.find("body")
    whole = page if body is None else body
    return "\n\n".join(text for _, text in blocks(whole)) if complete else whole.text_content()
