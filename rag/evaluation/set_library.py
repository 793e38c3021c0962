"""A library made of a question set's documents, each as a file of its own, its title on the first line.

Files go through `rag.ingesting` like anybody's, so that what is measured is what a person has. A file is
named by its document's title, as a person would name it; ids may hold what no file system takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.ingesting.ingest import ingest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rag.document import Passage
    from rag.evaluation.question_set import SetDocument
    from rag.ingesting.ingest import IngestProgress, IngestReport
    from rag.library import Library


@dataclass(frozen=True, slots=True)
class SetLibrary:
    """A library that holds a set's documents.

    Attributes:
        report: what the ingest did.
        set_ids: the set's ids of the documents, by the library's id.
    """

    library: Library
    report: IngestReport
    set_ids: Mapping[str, Sequence[str]]

    def documents_of(self, passage: Passage) -> Sequence[str]:
        """The set's ids of the documents that a passage stands in."""
        return self.set_ids.get(passage.document_id, ())


# A name's most are 255 bytes on Linux, and a character has up to four.
_NAME_CHARACTERS = 60
_NAMELESS = "document"


def fill(
    library: Library,
    documents: Sequence[SetDocument],
    folder: Path,
    *,
    on_progress: Callable[[IngestProgress], None] = lambda _: None,
) -> SetLibrary:
    """Write the documents below ``folder``, which is new, and ingest them.

    Raises:
        EnvironmentUnfitError: no space.
    """
    folder.mkdir(parents=True)
    set_id_at: dict[str, str] = {}
    for number, document in enumerate(documents, 1):
        path = folder / f"{number:07}" / f"{_file_name(document.title)}.txt"
        path.parent.mkdir()
        text = f"{document.title}\n\n{document.text}\n" if document.title else document.text
        path.write_text(text, encoding="utf-8", errors="replace")
        set_id_at[str(path)] = document.id
    report = ingest(library, [folder], on_progress=on_progress)
    set_ids = {
        document.id: tuple(
            set_id_at[path] for path in (document.path, *document.other_paths) if path in set_id_at
        )
        for document in library.documents()
    }
    return SetLibrary(library, report, set_ids)


def _file_name(title: str) -> str:
    """The title as far as a file may be called so; a name that began with a dot would be passed over."""
    visible = "".join(each if each.isalnum() or each in "-_.,'()" else " " for each in title)
    return " ".join(visible.split()).lstrip(".")[:_NAME_CHARACTERS].strip(" .") or _NAMELESS
