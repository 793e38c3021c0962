"""The formats that are read: for each its parser, the parser's version and what it is recognized by.

The first format whose test says yes is the file's. Those that content alone decides come first, then those
that are text and differ by name (Markdown, program text), and plain text last. A parser's module is imported
when its format comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rag.parsers import sniff
from rag.parsers.sniff import begins, holds_entry, holds_stream, named, named_code, named_data
from rag.parsers.unread import unread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import PurePath


@dataclass(frozen=True, slots=True)
class Format:
    """A format that is read.

    Attributes:
        name: as documents carry it.
        version: raised when the same bytes would give another text, or when files that were of this format
            are now taken for another: the next ingest parses this format's files again, and no others.
        recognized: whether a file is of this format.
        suffixes: what its files are usually called; a file of this format with another format's suffix is
            mislabelled, and its document carries a note that says so.
        parser: a module with ``parse(content, path, options)``; empty where there are only members.
        opener: a module with ``entries(content, path, options, room)``, for what holds other files.
    """

    name: str
    version: int
    recognized: Callable[[sniff.Evidence], bool]
    suffixes: tuple[str, ...]
    parser: str = ""
    opener: str = ""


_OPEN_DOCUMENT: Final = (".odt", ".ods", ".odp", ".ott", ".odg")
_PICTURES: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif")
_MARKDOWN: Final = (".md", ".markdown", ".mdown", ".mkd")
# Suffixes, and whole names of files without one.
_CODE_NAMES: Final = """
.py .pyi .pyw .js .jsx .ts .tsx .mjs .cjs .mts .cts .vue .svelte .java .kt .kts .scala .groovy .c .h
.cc .cpp .cxx .hpp .hh .hxx .cu .cuh .m .mm .cs .fs .go .rs .rb .php .swift .dart .lua .pl .pm .r
.jl .ex .exs .erl .hs .ml .clj .sol .zig .nim .proto .thrift .graphql .sh .bash .zsh .ksh .ps1 .bat
.sql .ddl .psql .toml .ini .cfg .conf .properties .service .yaml .yml .tf .hcl .mk .cmake .css .scss
.less .xml .xsd .xsl makefile gnumakefile dockerfile rakefile gemfile jenkinsfile vagrantfile
"""
_CODE: Final = tuple(_CODE_NAMES.split())
_TABLES: Final = (".csv", ".tsv", ".tab")
_JSON: Final = (".json", ".jsonl", ".ndjson", ".geojson")

FORMATS: Final = (
    # By content alone.
    Format("pdf", 5, sniff.is_pdf, (".pdf",), "rag.parsers.pdf"),
    Format("docx", 5, holds_entry("word/document.xml"), (".docx", ".docm"), "rag.parsers.docx"),
    Format("pptx", 5, holds_entry("ppt/presentation.xml"), (".pptx", ".pptm", ".ppsx"), "rag.parsers.pptx"),
    Format("xlsx", 5, holds_entry("xl/workbook.xml"), (".xlsx", ".xlsm", ".xltx"), "rag.parsers.xlsx"),
    Format("xls", 5, holds_stream("Workbook", "Book"), (".xls",), "rag.parsers.xls"),
    Format("opendocument", 5, holds_entry("content.xml"), _OPEN_DOCUMENT, "rag.parsers.opendocument"),
    Format("rtf", 5, begins(b"{\\rtf"), (".rtf",), "rag.parsers.rtf"),
    Format("doc", 5, holds_stream("WordDocument"), (".doc", ".dot"), "rag.parsers.doc"),
    Format("image", 5, sniff.is_image, _PICTURES, "rag.parsers.image"),
    Format("epub", 4, holds_entry("META-INF/container.xml"), (".epub",), "rag.parsers.epub"),
    Format("msg", 4, sniff.is_outlook, (".msg",), "rag.parsers.msg", opener="rag.parsers.msg"),
    # What holds other files, and is none of the formats above that are ZIP archives too.
    Format("zip", 4, sniff.is_zip, (".zip",), opener="rag.parsers.zip_archive"),
    Format("tar", 4, sniff.is_tar, (".tar",), opener="rag.parsers.tar_archive"),
    Format("gzip", 4, begins(sniff.GZIP_MARK), (".gz", ".tgz"), opener="rag.parsers.tar_archive"),
    Format("bzip2", 4, begins(sniff.BZIP2_MARK), (".bz2", ".tbz", ".tbz2"), opener="rag.parsers.tar_archive"),
    Format("xz", 4, begins(sniff.XZ_MARK), (".xz", ".txz"), opener="rag.parsers.tar_archive"),
    # Text, by its name …
    Format("markdown", 4, named(*_MARKDOWN), _MARKDOWN, "rag.parsers.markdown"),
    Format("rst", 4, named(".rst", ".rest"), (".rst", ".rest"), "rag.parsers.rst"),
    Format("code", 4, named_code(*_CODE), _CODE, "rag.parsers.source_code"),
    Format("csv", 4, named_data(*_TABLES), _TABLES, "rag.parsers.csv_table"),
    Format("ipynb", 4, sniff.is_notebook, (".ipynb",), "rag.parsers.notebook"),
    Format("json", 4, named_data(*_JSON), _JSON, "rag.parsers.json_file"),
    # … by what it says …
    Format("html", 4, sniff.is_html, (".html", ".htm", ".xhtml"), "rag.parsers.html"),
    Format("eml", 4, sniff.is_mail, (".eml", ".mht", ".mhtml"), "rag.parsers.eml", opener="rag.parsers.eml"),
    # … and all other text.
    Format("text", 4, sniff.is_text, (".txt", ".text", ".log", ""), "rag.parsers.text"),
)

_BY_NAME: Final = {entry.name: entry for entry in FORMATS}


def find_format(content: bytes, path: PurePath) -> Format:
    """The format of a file that is not empty.

    Raises:
        ParseError: it is of no format that is read, or damaged beyond recognition.
    """
    evidence = sniff.Evidence(content, path)
    for entry in FORMATS:
        if entry.recognized(evidence):
            return entry
    raise unread(evidence)


def parser_version(format_name: str) -> int:
    """The version of a format's parser: a document that another version made is parsed again.

    It is 0 for a format that is read no more, which no document was ever made by.
    """
    entry = _BY_NAME.get(format_name)
    return entry.version if entry else 0


def expected_format(path: PurePath) -> str:
    """The format that a file's name promises, or empty where it promises none."""
    suffix = path.suffix.lower()
    return next((entry.name for entry in FORMATS if suffix and suffix in entry.suffixes), "")
