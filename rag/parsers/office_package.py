"""Office files as what they are: ZIP archives of XML parts, in Microsoft's and in OpenDocument's way.

Parts are parsed without entities and without the network, and no more is unpacked than a limit. Names of
elements and attributes are compared without their namespaces: Office writes two sets of them that mean the
same. Nothing here knows paragraphs, slides or cells.
"""

from __future__ import annotations

import io
import posixpath
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Final

from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import PurePath

    from lxml.etree import _Element

# A ZIP of a few kilobytes can unpack to gigabytes; a thousand-page book's XML is far below this, and lxml
# takes about ten times a part's size.
_MOST_UNPACKED_BYTES = 512 * 1024**2
_MOST_PART_BYTES = 128 * 1024**2

# What zipfile and readers of XML let through when parts are missing, encrypted or not what they claim to be.
DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    OSError,
    SyntaxError,  # of the standard library's XML parser, which openpyxl uses
    struct.error,
)

# Dublin Core's names in core.xml and meta.xml, and ours.
_METADATA = {
    "creator": "author",
    "initial-creator": "author",
    "subject": "subject",
    "keywords": "keywords",
    "keyword": "keywords",
    "created": "created",
    "creation-date": "created",
}


class Package:
    """An Office file's parts.

    Args:
        content: the file's bytes, which must be a ZIP archive.
        path: for messages.

    Raises:
        ParseError: it would unpack to more than 512 MiB.
    """

    def __init__(self, content: bytes, path: PurePath) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(content))
        self._path = path
        self.names = frozenset(self._archive.namelist())
        unpacked = sum(entry.file_size for entry in self._archive.infolist())
        if unpacked > _MOST_UNPACKED_BYTES:
            raise ParseError(
                f"{path} unpacks to {unpacked:,} bytes; at most {_MOST_UNPACKED_BYTES:,} are read",
                hint="split it, or take the pictures out",
            )

    def read(self, name: str) -> bytes:
        """A part's bytes.

        Raises:
            KeyError: there is no such part.
            ParseError: it is larger than 128 MiB, or than the directory says.
        """
        entry = self._archive.getinfo(name)
        with self._archive.open(entry) as stream:
            content = stream.read(_MOST_PART_BYTES + 1)
        if len(content) > _MOST_PART_BYTES:
            raise ParseError(
                f"{self._path}: its part {name} has more than {_MOST_PART_BYTES:,} bytes",
                hint="split the document",
            )
        return content

    def xml(self, name: str) -> _Element:
        """A part's root element.

        Raises:
            KeyError: there is no such part.
            LxmlError: it is not XML.
        """
        return parsed_xml(self.read(name))

    def optional_xml(self, name: str) -> _Element | None:
        """A part's root element, or None where the part is missing or broken and the rest can do without."""
        from lxml.etree import LxmlError

        try:
            return self.xml(name) if name in self.names else None
        except LxmlError:
            return None

    def related(self, name: str) -> Mapping[str, tuple[str, str]]:
        """What a part refers to: by id, the kind's last word (``slide``, ``image``) and the part's name."""
        folder, base = posixpath.split(name)
        root = self.optional_xml(posixpath.join(folder, "_rels", f"{base}.rels"))
        relations: dict[str, tuple[str, str]] = {}
        for relation in root if root is not None else ():
            target = relation.get("Target", "")
            if relation.get("TargetMode") == "External":
                continue
            place = (
                target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            )
            relations[relation.get("Id", "")] = (relation.get("Type", "").rsplit("/", 1)[-1], place)
        return relations

    def metadata(self, part: str) -> tuple[str, dict[str, str]]:
        """The title, or empty, and what else ``docProps/core.xml`` or ``meta.xml`` says of the document."""
        root = self.optional_xml(part)
        title, metadata = "", dict[str, str]()
        for element in descendants(root) if root is not None else ():
            name, text = local_name(element), " ".join((element.text or "").split())
            if name == "title" and text and not title:
                title = text
            elif name in _METADATA and text:
                metadata.setdefault(_METADATA[name], text)
        return title, metadata


def parsed_xml(content: bytes) -> _Element:
    """The root element; entities stay unresolved, and nothing is fetched.

    Raises:
        LxmlError: it is not XML.
    """
    from lxml import etree

    # huge_tree lifts limits on depth and on text's length; the part's size was limited before.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    return etree.fromstring(content, parser)


def damaged(path: PurePath, error: Exception) -> ParseError:
    """The error for a file that cannot be made sense of."""
    return ParseError(
        f"{path} is damaged: {str(error) or type(error).__name__}",
        hint="open it in its own program or in LibreOffice, and save it again",
    )


def local_name(element: _Element) -> str:
    """An element's name without its namespace; empty for comments and the like."""
    # A comment's tag is a function, whatever the stubs say.
    return str(element.tag).rpartition("}")[2]


def attribute(element: _Element | None, name: str) -> str | None:
    """An attribute's value, whatever its namespace."""
    if element is None:
        return None
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return None


def child(element: _Element | None, *names: str) -> _Element | None:
    """The element's first child of the first name, that one's first of the second name, and so on."""
    for name in names:
        element = (
            next((inner for inner in element if local_name(inner) == name), None)
            if element is not None
            else None
        )
    return element


def descendants(element: _Element, *names: str) -> Iterator[_Element]:
    """The elements below, in the order of the file, of these names or of any."""
    for inner in element.iterdescendants():
        if not names or local_name(inner) in names:
            yield inner
