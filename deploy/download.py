"""Download one large file so that it can be trusted: resumed, checked, moved into place whole.

Bytes go to ``NAME.part`` beside the target; a later call goes on where that ends. The target's name appears
only once length and checksum are right. It knows HTTP and files, and nothing of models.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx

from deploy.loopback import is_loopback
from stillroom.errors import EnvironmentUnfitError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHUNK_BYTES: Final = 1024 * 1024

_CONNECT_TIMEOUT_SECONDS: Final = 10.0
_READ_TIMEOUT_SECONDS: Final = 60.0
_LONGEST_BACKOFF_SECONDS: Final = 16.0

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_PARTIAL_CONTENT: Final = 206
_RANGE_NOT_SATISFIABLE: Final = 416
_DENIED: Final = frozenset({401, 403})
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is.

    Attributes:
        label: the file's name.
        total_bytes: None where the server does not say.
    """

    label: str
    done_bytes: int
    total_bytes: int | None


@dataclass(frozen=True, slots=True)
class Download:
    """What to fetch, and what it must turn out to be.

    Attributes:
        sha256: lower-case hexadecimal; None to take the hub's own word, its ``X-Linked-Etag``.
        token: sent as a bearer token to the URL's own host, never to one that it redirects to.
        attempts: how often in a row a failure without a single new byte is tried again.
        offline_hint: the next command where the host cannot be reached.
    """

    url: str
    target: Path
    sha256: str | None = None
    token: str | None = None
    attempts: int = 4
    backoff_seconds: float = 0.5
    offline_hint: str = ""


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the server says of the whole file."""

    total_bytes: int | None
    sha256: str | None


class _InterruptedError(Exception):
    """The connection or the server failed in a way that may pass."""


def download(request: Download, *, on_progress: Callable[[Progress], None]) -> str:
    """Fetch the file; return its SHA-256 as lower-case hexadecimal.

    Raises:
        WeightsError: the host cannot be reached, the file is not there or may not be read, or what came does
            not have the length or checksum that it must have.
        EnvironmentUnfitError: too little space, or the folder cannot be written.
    """
    try:
        request.target.parent.mkdir(parents=True, exist_ok=True)
        with httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(_READ_TIMEOUT_SECONDS, connect=_CONNECT_TIMEOUT_SECONDS),
            trust_env=not is_loopback(request.url),
        ) as client:
            expected = _fetch_with_retries(client, request, on_progress)
        digest = _verify(request, expected)
        _part(request).replace(request.target)
    except OSError as error:
        raise EnvironmentUnfitError(
            f"cannot write {request.target}: {error.strerror}",
            hint="set STILLROOM_CACHE_DIR to a folder with space that you may write",
        ) from error
    return digest


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file as lower-case hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def require_space(folder: Path, needed_bytes: int) -> None:
    """Return if the folder's file system has that much room.

    Raises:
        EnvironmentUnfitError: it has less.
    """
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise EnvironmentUnfitError(
            f"{needed_bytes / 1e9:.1f} GB are needed in {folder}, and {free_bytes / 1e9:.1f} GB are free",
            hint="free some space, or set STILLROOM_CACHE_DIR to a folder that has it",
        )


def _part(request: Download) -> Path:
    return request.target.with_name(request.target.name + ".part")


def _part_bytes(request: Download) -> int:
    part = _part(request)
    return part.stat().st_size if part.exists() else 0


def _fetch_with_retries(
    client: httpx.Client, request: Download, on_progress: Callable[[Progress], None]
) -> _Expected:
    failures = 0
    # Not the bytes before this attempt: a server that cannot resume starts over, and would go on for ever.
    furthest_bytes = _part_bytes(request)
    while True:
        try:
            return _fetch(client, request, on_progress)
        except _InterruptedError as error:
            held_bytes = _part_bytes(request)
            failures = 0 if held_bytes > furthest_bytes else failures + 1
            furthest_bytes = max(furthest_bytes, held_bytes)
            if failures >= request.attempts:
                host = httpx.URL(request.url).host
                raise WeightsError(
                    f"{host} could not be reached for {request.target.name}: {error}",
                    hint=request.offline_hint or "run the same command again: it resumes",
                ) from error
            time.sleep(min(request.backoff_seconds * 2**failures, _LONGEST_BACKOFF_SECONDS))


def _fetch(client: httpx.Client, request: Download, on_progress: Callable[[Progress], None]) -> _Expected:
    """One connection: from the end of the part file to the end of the file.

    Raises:
        _InterruptedError: the connection failed or ended early.
    """
    offset = _part_bytes(request)
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    if request.token:
        # httpx itself drops this header on a redirect to another origin.
        headers["Authorization"] = f"Bearer {request.token}"
    try:
        with client.stream("GET", request.url, headers=headers) as response:
            return _receive(response, request, offset, on_progress)
    except httpx.RequestError as error:  # a broken connection, or redirects in a circle
        raise _InterruptedError(str(error) or type(error).__name__) from error


def _receive(
    response: httpx.Response, request: Download, offset: int, on_progress: Callable[[Progress], None]
) -> _Expected:
    if response.status_code == _RANGE_NOT_SATISFIABLE:
        # The part file is whole already, or longer than the file: its checksum tells.
        return _restart_or_accept(response, request, offset)
    _require_success(response, request)
    resumed = response.status_code == _PARTIAL_CONTENT and _range_start(response) == offset
    expected = _expected(response, offset if resumed else 0)
    if resumed and not (request.sha256 or expected.sha256):
        # Without a checksum nobody would notice that the two halves are of different files.
        _part(request).unlink()
        raise _InterruptedError("the server gives no checksum to resume by")
    done = offset if resumed else 0
    if expected.total_bytes is not None:
        require_space(request.target.parent, expected.total_bytes - done)
    with _part(request).open("ab" if resumed else "wb") as file:
        # As it comes: pieces of a fixed length would be held back, and lost where the connection breaks.
        for chunk in response.iter_raw():
            file.write(chunk)
            done += len(chunk)
            on_progress(Progress(request.target.name, done, expected.total_bytes))
    if expected.total_bytes is not None and done < expected.total_bytes:
        raise _InterruptedError(f"the connection ended after {done:,} of {expected.total_bytes:,} bytes")
    return expected


def _restart_or_accept(response: httpx.Response, request: Download, offset: int) -> _Expected:
    match = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
    expected = _Expected(int(match[1]) if match else None, _linked_sha256(response))
    if expected.total_bytes != offset or not (request.sha256 or expected.sha256):
        _part(request).unlink()
        raise _InterruptedError("the part file did not belong to this file")
    return expected


def _require_success(response: httpx.Response, request: Download) -> None:
    """Sort the statuses into those that may pass and those that will not."""
    status = response.status_code
    if response.is_success:
        return
    if status in _TRANSIENT:
        raise _InterruptedError(f"status {status}")
    if status in _DENIED:
        raise WeightsError(
            f"{response.url.host} refuses {request.target.name} with status {status}",
            hint="accept the model's licence on its page, and set STILLROOM_HUB_TOKEN",
        )
    raise WeightsError(
        f"{request.url} answers with status {status}", hint=request.offline_hint or "stillroom plan"
    )


def _range_start(response: httpx.Response) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _expected(response: httpx.Response, offset: int) -> _Expected:
    linked = _header(response, "X-Linked-Size")
    length = linked or response.headers.get("Content-Length")
    total = int(length) if length and length.isdigit() else None
    if total is not None and not linked:
        total += offset
    return _Expected(total_bytes=total, sha256=_linked_sha256(response))


def _linked_sha256(response: httpx.Response) -> str | None:
    """The hub's checksum of a file in large-file storage; other files' ETags are no SHA-256."""
    etag = _header(response, "X-Linked-Etag").strip('"')
    return etag if _SHA256.fullmatch(etag) else None


def _header(response: httpx.Response, name: str) -> str:
    """The first occurrence: the hub describes the file in the redirect that leads to its storage."""
    for hop in (*response.history, response):
        if name in hop.headers:
            return str(hop.headers[name])
    return ""


def _verify(request: Download, expected: _Expected) -> str:
    part = _part(request)
    done = part.stat().st_size
    if expected.total_bytes is not None and done != expected.total_bytes:
        part.unlink()
        raise WeightsError(
            f"{request.target.name} came with {done:,} bytes, and {expected.total_bytes:,} were announced",
            hint="run the same command again",
        )
    seen = sha256_of(part)
    wanted = request.sha256 or expected.sha256
    if wanted is not None and seen != wanted:
        # Kept, it would be resumed and fail for ever.
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        raise WeightsError(
            f"{request.target.name} has the SHA-256 {seen}, and {wanted} was expected",
            hint="run the same command again; if it persists, the server's file was replaced",
        )
    return seen
