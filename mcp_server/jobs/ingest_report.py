"""What ``stillroom ingest --json`` printed, as a tool's result: counts, and the first of what failed.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agents.tool_result import ToolResult

if TYPE_CHECKING:
    from collections.abc import Mapping

_COUNTS: Final = ("added", "replaced", "unchanged", "removed", "renamed", "duplicates")
_MOST_FAILURES: Final = 20
_MOST_NOTES: Final = 10


def ingest_result(printed: Mapping[str, Any]) -> ToolResult:
    """The counts as data, and as text what a model should tell its person.

    Args:
        printed: with ``report`` and ``counts``, as the command prints them.
    """
    report, held = printed["report"], printed["counts"]
    failed, notes = report["failed"], report["notes"]
    data = {name: report[name] for name in _COUNTS} | {
        "failed": len(failed),
        "failures": failed[:_MOST_FAILURES],
        "notes": notes[:_MOST_NOTES],
        "seconds": round(report["seconds"], 1),
        "documents": held["documents"],
        "passages": held["passages"],
    }
    counted = ", ".join(f"{report[name]} {name}" for name in _COUNTS if report[name]) or "nothing changed"
    library = f"the library holds {held['documents']:,} documents, {held['passages']:,} passages"
    lines = [f"{counted}, {len(failed)} failed; {library}"]
    lines += [f"- failed: {one['path']}: {one['reason']}" for one in failed[:_MOST_FAILURES]]
    if len(failed) > _MOST_FAILURES:
        lines.append(f"- and {len(failed) - _MOST_FAILURES} more failed")
    lines += [f"- note: {one['path']}: {one['text']}" for one in notes[:_MOST_NOTES]]
    return ToolResult("\n".join(lines), data)
