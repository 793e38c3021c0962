"""How an ingest is shown: its progress on one line, what it did, and what it would do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from rag.ingesting.preview import Preview
    from rag.ingesting.reading import FailedFile
    from rag.ingesting.report import IngestProgress, IngestReport

_MINUTE_S = 60
_HOUR_S = 3600

# A person reads so many notes; all of them are in --json and in `stillroom library show`.
_MOST_NOTES = 20


def teller(show: Callable[[str], None]) -> Callable[[IngestProgress], None]:
    """A callback that shows how far an ingest is."""
    return lambda progress: show(progress_text(progress))


def progress_text(progress: IngestProgress) -> str:
    """Files, passages, their rate, the time left and the file that it is at, on one line."""
    parts = [f"{progress.files_done:,} of {progress.files_total:,} files"]
    if progress.passages:
        parts.append(f"{progress.passages:,} passages, {progress.passages_per_s:.1f}/s")
    if progress.seconds_left is not None:
        parts.append(f"{time_text(progress.seconds_left)} left")
    if progress.path:
        parts.append(Path(progress.path).name)
    return ", ".join(parts)


def time_text(seconds: float) -> str:
    """A time to wait, as exact as it is worth.

    Example:
        >>> time_text(42), time_text(200), time_text(7_500)
        ('42 s', '3 min', '2 h 5 min')
    """
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{int(seconds // _HOUR_S)} h {int(seconds % _HOUR_S // _MINUTE_S)} min"


def show_report(console: Console, report: IngestReport) -> None:
    """What an ingest did, with a line for every file that failed."""
    shown = {
        "added": report.added,
        "replaced": report.replaced,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "renamed": report.renamed,
        "duplicates": report.duplicates,
        "failed": len(report.failed),
    }
    always = ("added", "replaced", "unchanged", "removed", "failed")
    counts = ", ".join(f"{count} {word}" for word, count in shown.items() if count or word in always)
    console.print(f"{counts}, in {report.seconds:.1f} s", soft_wrap=True)
    for note in report.notes[:_MOST_NOTES]:
        console.print(f"[yellow]![/] {escape(f'{note.path}: {note.text}')}", soft_wrap=True)
    if len(report.notes) > _MOST_NOTES:
        console.print(f"  and {len(report.notes) - _MOST_NOTES} notes more: --json shows them", style="dim")
    _fail(console, report.failed)


def show_preview(console: Console, preview: Preview) -> None:
    """What an ingest would do: a line a file, but for those that stay as they are."""
    _list(console, "+ add", preview.added)
    _list(console, "~ replace", preview.replaced)
    _list(console, "= same text as another file", preview.duplicates)
    _list(console, "> rename", [f"{old} to {new}" for old, new in preview.renamed])
    _list(console, "- remove", preview.removed)
    _list(console, "  ignored", preview.ignored)
    _fail(console, preview.failed)
    counted = Counter(
        added=len(preview.added),
        replaced=len(preview.replaced),
        unchanged=len(preview.unchanged),
        removed=len(preview.removed),
        renamed=len(preview.renamed),
        duplicates=len(preview.duplicates),
        failed=len(preview.failed),
    )
    said = ", ".join(f"{count} {word}" for word, count in counted.items())
    console.print(f"{said}; nothing was written", soft_wrap=True)


def _list(console: Console, word: str, paths: Sequence[str]) -> None:
    for path in paths:
        console.print(f"{word}: {path}", markup=False, soft_wrap=True)


def _fail(console: Console, failures: Sequence[FailedFile]) -> None:
    for failure in failures:
        # Most reasons begin with the path.
        said = failure.reason if failure.path in failure.reason else f"{failure.path}: {failure.reason}"
        console.print(f"[red]✗[/] {escape(said)}", soft_wrap=True)
        if failure.hint:
            console.print(f"  try: {failure.hint}", style="dim", markup=False, soft_wrap=True)
