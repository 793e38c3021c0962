"""How libraries, documents and what is wrong with them look on a terminal.

Names and texts from documents are printed as they are: never as markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.filesize import decimal as bytes_text
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from rag.document import Document, Passage
    from rag.upkeep.checking import Finding
    from rag.upkeep.overview import Overview
    from rag.upkeep.package import Exported
    from rag.upkeep.repairing import Repair

_EXCERPT_CHARACTERS = 70
_SHOWN_PATHS = 20
_MADE_AGAIN = "stillroom library repair"


def show_libraries(console: Console, libraries: Sequence[Overview], *, current: str) -> None:
    """One line a library; the one that commands use without --library is marked."""
    if not libraries:
        console.print("There is no library yet: stillroom ingest PATH", markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("library", no_wrap=True)
    for name in ("documents", "passages", "failed", "on disk"):
        table.add_column(name, justify="right")
    table.add_column("embedder", overflow="fold")
    for held in libraries:
        name = f"{held.name} *" if held.name == current else held.name
        size = bytes_text(sum(held.bytes_on_disk.values()))
        embedder = held.fingerprint.split("+")[0]
        counts = (f"{count:,}" for count in (held.documents, held.passages, held.failures))
        if held.trouble:
            table.add_row(escape(name), "-", "-", "-", size, escape(held.trouble), style="red")
        else:
            table.add_row(escape(name), *counts, size, escape(embedder))
    console.print(table)


def show_overview(console: Console, held: Overview) -> None:
    """A library in figures."""
    console.print(f"{held.name}: {held.directory}", markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_row("documents", f"{held.documents:,} in {held.files:,} files; {held.failures:,} files failed")
    table.add_row("passages", f"{held.passages:,} of {held.characters:,} characters")
    table.add_row("formats", ", ".join(f"{name} {count:,}" for name, count in held.formats.items()))
    table.add_row("languages", ", ".join(f"{name} {count:,}" for name, count in held.languages.items()))
    sizes = ", ".join(f"{part} {bytes_text(size)}" for part, size in held.bytes_on_disk.items())
    table.add_row("on disk", sizes)
    table.add_row("indexed with", escape(held.fingerprint) or "nothing yet")
    for source in held.sources:
        table.add_row("source", escape(source))
    console.print(table)


def show_document(
    console: Console,
    document: Document,
    notes: Sequence[str],
    passages: Sequence[Passage],
    text: str | None,
) -> None:
    """One document with its places; its text where it is asked for."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_row("id", document.id)
    table.add_row("title", escape(document.title))
    for path in (document.path, *document.other_paths):
        table.add_row("file", escape(path))
    table.add_row("format", f"{document.format}, {document.language}, {document.characters:,} characters")
    table.add_row("changed", document.modified)
    for key, values in document.metadata.items():
        table.add_row(escape(key), escape(", ".join(values)))
    for note in notes:
        table.add_row("note", escape(note))
    console.print(table)
    listed = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("passage", "place", "begins"):
        listed.add_column(name, no_wrap=True, overflow="ellipsis")
    for passage in passages:
        begins = " ".join(passage.text.split())[:_EXCERPT_CHARACTERS]
        listed.add_row(passage.id, escape(passage.locator), escape(begins))
    console.print(listed)
    if text is not None:
        console.print(text, markup=False, highlight=False)


def show_findings(console: Console, findings: Sequence[Finding], held: Overview) -> None:
    """What is wrong, and the command that mends it."""
    if not findings:
        console.print(
            f"{held.name} is sound: {held.documents:,} documents, {held.passages:,} passages, "
            "each once in both indexes",
            markup=False,
        )
        return
    for finding in findings:
        console.print(f"[red]✗[/] {finding.part}: {escape(finding.message)}", soft_wrap=True)
    hint = "stillroom ingest PATH" if all(each.part == "files" for each in findings) else _MADE_AGAIN
    console.print(f"try: {hint} --library {held.name}", style="dim", markup=False)


def show_repair(console: Console, done: Repair) -> None:
    """What was wrong and what was done."""
    if not done.findings:
        console.print("Nothing is wrong; nothing was done")
        return
    for finding in done.findings:
        console.print(f"{finding.part}: {finding.message}", markup=False, soft_wrap=True)
    if done.saved is not None:
        console.print(
            f"{done.saved:,} documents were saved; the damaged file is kept as {done.put_aside}", markup=False
        )
    console.print(f"{done.indexed:,} passages are indexed anew")


def show_exported(console: Console, done: Exported, what: str) -> None:
    """How much went into or came out of a file."""
    console.print(
        f"{done.documents:,} documents, {done.passages:,} passages and {done.vectors:,} vectors "
        f"{what} {done.path} ({bytes_text(done.bytes)})",
        markup=False,
        soft_wrap=True,
    )


def show_paths(console: Console, paths: Sequence[str], what: str) -> None:
    """The files that were meant, the first of them by name."""
    for path in paths[:_SHOWN_PATHS]:
        console.print(f"{what} {path}", markup=False, soft_wrap=True)
    if len(paths) > _SHOWN_PATHS:
        console.print(f"and {len(paths) - _SHOWN_PATHS:,} more")
