"""Reports of probes, kept in one small file of the cache directory.

A report is of one address, one server version, one model and one fingerprint of it, and a day old at most:
a server that does not tell when it was started may have been started anew with other flags. A file that is
damaged, or of another version, counts as none and is written anew; one that cannot be written costs the next
command a few requests.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from deploy.probing.report import Report
from deploy.small_file import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import TypeAdapter

    from deploy.endpoint import Endpoint
    from deploy.probing.facts import Facts

FILE_NAME: Final = "endpoints.json"
# Raised whenever the questions change, so that old answers are not taken for answers to new ones.
_VERSION: Final = 2
_LONGEST_SECONDS: Final = 86_400.0
_MOST_ENTRIES: Final = 64


def entry_name(endpoint: Endpoint, facts: Facts) -> str:
    """What a report is of: address without a password in it, server, model, and a hash of the rest."""
    parts = urlsplit(endpoint.base_url)
    address = f"{parts.hostname}:{parts.port or parts.scheme}{parts.path}"
    digest = hashlib.sha256(facts.fingerprint.encode()).hexdigest()[:16]
    return f"{address} | {facts.server} | {endpoint.model} | {digest}"


def read(cache_dir: Path, name: str, *, now: float) -> Report | None:
    """The report of that name; None where there is none that can still be used.

    Args:
        cache_dir: where the file is.
        name: of ``entry_name``.
        now: seconds since the epoch.
    """
    from pydantic import ValidationError

    entry = _entries(cache_dir).get(name)
    if not isinstance(entry, dict) or not _is_recent(entry, now):
        return None
    try:
        return _report_type().validate_python(entry.get("report"))
    except ValidationError:
        return None


def write(cache_dir: Path, name: str, report: Report, *, now: float) -> None:
    """Keep a report; the oldest gives way where there are many."""
    entries = {key: entry for key, entry in _entries(cache_dir).items() if key != name}
    entries[name] = {"at": now, "report": _report_type().dump_python(report, mode="json")}
    newest = dict(list(entries.items())[-_MOST_ENTRIES:])
    text = json.dumps({"version": _VERSION, "entries": newest}, indent=1, ensure_ascii=False)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        write_whole(cache_dir / FILE_NAME, text.encode())
    except OSError:  # a cache that cannot be written is no reason to fail
        return


def _entries(cache_dir: Path) -> dict[str, Any]:
    try:
        content = json.loads((cache_dir / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or content.get("version") != _VERSION:
        return {}
    entries = content.get("entries")
    return entries if isinstance(entries, dict) else {}


def _is_recent(entry: dict[str, Any], now: float) -> bool:
    at = entry.get("at")
    return isinstance(at, int | float) and 0 <= now - at <= _LONGEST_SECONDS


@cache
def _report_type() -> TypeAdapter[Report]:
    from pydantic import TypeAdapter

    return TypeAdapter(Report)
