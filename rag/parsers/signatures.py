"""How binary formats begin that no parser reads, and what a person can do about each.

Signatures are those of file(1)'s public database and of the formats' own specifications.
"""

from __future__ import annotations

from typing import Final

# (offset, signature, what it is, what to do or nothing; "{}" is the file's name)
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
    (0, b"%!PS", "a PostScript document", "ps2pdf {} readable.pdf"),
    (32769, b"CD001", "a disc image (ISO 9660)", "7z x {}"),
)


def binary_signature(content: bytes) -> tuple[str, str] | None:
    r"""What the bytes begin as and what to do about it, or None where they begin as nothing known.

    Example:
        >>> binary_signature(b"\x7fELF\x02\x01")
        ('a program (ELF)', '')
    """
    for offset, signature, what, hint in _SIGNATURES:
        if content[offset : offset + len(signature)] == signature:
            return what, hint
    return None
