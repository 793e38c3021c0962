"""A job as a row of its table: what is written is JSON and bounded, what is read is a ``Job``.

Pure. It knows neither the file nor the statements.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from agents.tool_result import ToolResult, cap_text, encodable
from mcp_server.jobs.job import Holder, Job
from stillroom.errors import JobError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

# Results are pages of text with their citations; much more would make the file a store of documents.
_MOST_TEXT_CHARACTERS: Final = 20_000
_MOST_DATA_CHARACTERS: Final = 200_000
_MOST_ARGUMENTS_CHARACTERS: Final = 100_000
_MOST_MESSAGE_CHARACTERS: Final = 500


def written_arguments(arguments: Mapping[str, Any]) -> str:
    """The arguments as they are kept.

    Raises:
        JobError: they are too long.
    """
    written = json.dumps(encodable(dict(arguments)), ensure_ascii=False)
    if len(written) <= _MOST_ARGUMENTS_CHARACTERS:
        return written
    raise JobError(
        f"the arguments take {len(written):,} characters; at most {_MOST_ARGUMENTS_CHARACTERS:,} are kept",
        hint="ask for less at a time, such as for a folder instead of its files",
    )


def written_result(result: ToolResult) -> tuple[str, str]:
    """Text and data as they are kept; data that is too long is left out whole, and the text says so."""
    text = cap_text(encodable(result.text), limit=_MOST_TEXT_CHARACTERS)
    data = json.dumps(encodable(dict(result.data)), ensure_ascii=False)
    if len(data) <= _MOST_DATA_CHARACTERS:
        return text, data
    return f"{text}\n[the structured data took {len(data):,} characters and is not kept]", "{}"


def short_message(message: str) -> str:
    """One line for a person, whatever file's name is in it."""
    shown = " ".join(str(encodable(message)).split())
    return shown if len(shown) <= _MOST_MESSAGE_CHARACTERS else f"{shown[: _MOST_MESSAGE_CHARACTERS - 1]}…"


def read_job(row: sqlite3.Row) -> Job:
    """The job of a row.

    Raises:
        json.JSONDecodeError: the row is damaged.
    """
    plain = ("id", "kind", "owner", "library", "created_at", "state", "progress", "message", "error", "hint")
    return Job(
        **{name: row[name] for name in (*plain, "runs", "started_at", "finished_at")},
        arguments=json.loads(row["arguments"]),
        result=_result(row["result_text"], row["result_data"]),
        cancelling=bool(row["cancelling"]),
        holder=_holder(row["holder"], row["holder_pid"], row["holder_create_time"]),
    )


def _result(text: str | None, data: str | None) -> ToolResult | None:
    return None if text is None else ToolResult(text, json.loads(data or "{}"))


def _holder(token: str | None, pid: int, create_time: float) -> Holder | None:
    return None if token is None else Holder(token, pid, create_time)
