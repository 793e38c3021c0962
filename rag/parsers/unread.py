"""What a file is that no parser reads, from its first bytes, and what a person can do about it.

Signatures are those of file(1)'s public database and of the formats' own specifications.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from stillroom.errors import ParseError

if TYPE_CHECKING:
    from rag.parsers.sniff import Evidence

# (offset, signature, what it is, what to do; "{}" is the file's name)
_SIGNATURES: Final = (
    (
        0,
        b"\xd0\xcf\x11\xe0",
        "an old Office file, neither Word's nor Excel's",
        "soffice --headless --convert-to pptx {}",
    ),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z x {}"),
    (0, b"Rar!\x1a\x07", "a RAR archive", "unrar x {}"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", "unzstd {}"),
    (0, b"\x04\x22\x4d\x18", "an LZ4 archive", "unlz4 {}"),
    (0, b"\x1f\x9d", "a file that compress(1) packed", "uncompress {}"),
    (0, b"MSCF", "a Windows cabinet", "cabextract {}"),
    (0, b"!<arch>\n", "an ar archive or a Debian package", "ar x {}"),
    (0, b"\xed\xab\xee\xdb", "an RPM package", "rpm2cpio {} | cpio -idm"),
    (60, b"BOOKMOBI", "a Kindle book", "ebook-convert {} book.epub"),
    (0, b"AT&TFORM", "a DjVu document", "djvutxt {}"),
    (0, b"ITSF", "a compiled help file (CHM)", "7z x {}"),
    (0, b"\xff\x0aJXL", "a JPEG XL picture", "convert it to PNG"),
    (4, b"ftypheic", "a HEIC picture", "convert it to PNG"),
    (4, b"ftypavif", "an AVIF picture", "convert it to PNG"),
    (4, b"ftyp", "a video or sound (MP4 family)", "transcribe it into a text file"),
    (8, b"AVI ", "a video (AVI)", "transcribe it into a text file"),
    (8, b"WAVE", "sound (WAV)", "transcribe it into a text file"),
    (0, b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)", "transcribe it into a text file"),
    (0, b"OggS", "sound (Ogg)", "transcribe it into a text file"),
    (0, b"fLaC", "sound (FLAC)", "transcribe it into a text file"),
    (0, b"ID3", "sound (MP3)", "transcribe it into a text file"),
    (0, b"\xff\xfb", "sound (MP3)", "transcribe it into a text file"),
    (0, b"SQLite format 3\0", "a SQLite database", "sqlite3 {} .dump > dump.sql"),
    (0, b"PAR1", "a Parquet table", "export it as CSV"),
    (0, b"ARROW1", "an Arrow table", "export it as CSV"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file", "export it as CSV"),
    (0, b"\x93NUMPY", "a NumPy array", "export it as CSV"),
    (0, b"GGUF", "a model's weights (GGUF)", ""),
    (0, b"\x7fELF", "a program (ELF)", ""),
    (0, b"MZ", "a Windows program", ""),
    (0, b"\xca\xfe\xba\xbe", "a Java class or a macOS program", ""),
    (0, b"\xcf\xfa\xed\xfe", "a macOS program", ""),
    (0, b"\0asm", "WebAssembly", ""),
    (0, b"wOF2", "a font", ""),
    (0, b"\0\x01\0\0\0", "a font", ""),
    (0, b"OTTO", "a font", ""),
    (0, b"\x80\x04\x95", "a Python pickle", ""),
    (32769, b"CD001", "a disc image (ISO 9660)", "7z x {}"),
)

_UNREAD_ENTRIES: Final = (
    ("META-INF/container.xml", "an EPUB", "convert it to HTML"),
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
    for offset, signature, what, hint in _SIGNATURES:
        if evidence.content[offset : offset + len(signature)] == signature:
            return _error(evidence, what, hint or _NO_TEXT_TO_FIND)
    first = evidence.content[:8].hex(" ")
    return ParseError(
        f"{evidence.path} is binary and of no format that is read (it begins with {first})",
        hint="file " + shlex.quote(str(evidence.path)),
    )


def _error(evidence: Evidence, what: str, hint: str) -> ParseError:
    name = shlex.quote(str(evidence.path))
    return ParseError(f"{evidence.path} is {what}, which is not read", hint=hint.replace("{}", name))
