"""The error for a file that no parser reads: what it looks like, and what a person can do about it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from rag.parsers.signatures import binary_signature
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from rag.parsers.sniff import Evidence

_UNREAD_ENTRIES: Final = (
    ("Index/Document.iwa", "an Apple iWork document", "export it as PDF from Pages, Numbers or Keynote"),
    ("FixedDocumentSequence.fdseq", "an XPS document", "print it to PDF"),
)

# Why a file is worth no hint of its own.
_NO_TEXT_TO_FIND = "leave it out: there is no text in it to find"


def unread(evidence: Evidence) -> ParseError:
    """The error that names what the file looks like."""
    if "EncryptedPackage" in evidence.ole_streams:
        return ParseError(
            f"{evidence.path} is an Office file encrypted with a password",
            hint="open it in Office, and take the password away under File, Info, Protect Document; or: "
            f"msoffcrypto-tool -p PASSWORD {shlex.quote(str(evidence.path))} readable",
        )
    for name, what, hint in _UNREAD_ENTRIES:
        if name in evidence.zip_names:
            return _error(evidence, what, hint)
    if evidence.zip_names:
        return _error(evidence, "a document of an unknown kind in a ZIP archive", "7z x {}")
    if signature := binary_signature(evidence.content):
        what, hint = signature
        return _error(evidence, what, hint or _NO_TEXT_TO_FIND)
    first = evidence.content[:8].hex(" ")
    return ParseError(
        f"{evidence.path} is binary and of no format that is read (it begins with {first})",
        hint="file " + shlex.quote(str(evidence.path)),
    )


def _error(evidence: Evidence, what: str, hint: str) -> ParseError:
    name = shlex.quote(str(evidence.path))
    return ParseError(f"{evidence.path} is {what}, which is not read", hint=hint.replace("{}", name))
