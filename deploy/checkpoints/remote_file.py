"""A file on a web server, read in parts by HTTP range requests: nothing near the whole of it is fetched.

Reading goes ahead of what is asked for, further each time, so that a header of several megabytes takes a few
requests. It knows HTTP's ranges, and nothing of what is in the file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from deploy.checkpoints.byte_source import ends_early
from deploy.checkpoints.http_reader import (
    RANGE_NOT_SATISFIABLE,
    HttpReader,
    InterruptedReadError,
    shown_url,
)
from deploy.checkpoints.patience import DEFAULT_PATIENCE
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    import httpx

    from deploy.checkpoints.patience import Patience

# Most headers of safetensors files, and every config.json, come with the first request.
_FIRST_READ_BYTES: Final = 256 * 1024
_LONGEST_READ_BYTES: Final = 8 * 1024 * 1024
# From a server that refuses ranges a file is read from its start, but not for ever.
MOST_BYTES_WITHOUT_RANGES: Final = 64 * 1024 * 1024

_FETCH_HINT: Final = "fetch the file and give its path"

_PARTIAL_CONTENT: Final = 206
_OK: Final = 200


class RemoteFile:
    """A file by its URL.

    Args:
        url: where it is; redirects are followed.
        token: sent to the URL's own host only.
        http: a shared reader, which the caller closes; without it the file has one of its own, and ``close``
            closes that.

    Attributes:
        bytes_fetched: what came over the network so far, whatever became of it.
        requests: how many were made.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        patience: Patience = DEFAULT_PATIENCE,
        http: HttpReader | None = None,
    ) -> None:
        self.url = url
        self.bytes_fetched = 0
        self.requests = 0
        self._http = http or HttpReader(url, token=token, patience=patience)
        self._owns_http = http is None
        self._window = bytearray()
        self._window_start = 0
        self._total_bytes: int | None = None
        self._etag = ""
        self._read_ahead_bytes = _FIRST_READ_BYTES

    @property
    def name(self) -> str:
        """The URL without secrets."""
        return shown_url(self.url)

    def close(self) -> None:
        """Close the file's own connections."""
        if self._owns_http:
            self._http.close()

    def size_bytes(self) -> int:
        """The whole length, as the server says it."""
        if self._total_bytes is None:
            self._fetch(0, self._read_ahead_bytes)
        if self._total_bytes is None:
            raise WeightsError(
                f"{self.name}: the server does not tell the file's length",
                hint=_FETCH_HINT,
            )
        return self._total_bytes

    def read(self, offset: int, length: int) -> bytes:
        """Exactly that many bytes, from what is there already where possible."""
        end = offset + length
        if not self._holds(offset, end):
            start = self._window_end if self._window_start <= offset <= self._window_end else offset
            self._fetch(start, max(end - start, self._read_ahead_bytes))
            self._read_ahead_bytes = min(self._read_ahead_bytes * 2, _LONGEST_READ_BYTES)
        if not self._holds(offset, end):
            raise ends_early(self.name, needed_bytes=end, size_bytes=self._total_bytes or self._window_end)
        return bytes(self._window[offset - self._window_start : end - self._window_start])

    @property
    def _window_end(self) -> int:
        return self._window_start + len(self._window)

    def _holds(self, start: int, end: int) -> bool:
        return self._window_start <= start and end <= self._window_end

    def _fetch(self, start: int, length: int) -> None:
        """Extend the window that ends at ``start``, or begin a new one there."""
        if start != self._window_end:
            self._window, self._window_start = bytearray(), start
        end = start + length

        def attempt() -> None:
            self._request(end)
            if not self._is_complete(end):
                raise InterruptedReadError(f"the answer ended at byte {self._window_end:,} of the file")

        self._http.patiently(self.url, attempt, lambda: self._window_end)

    def _is_complete(self, end: int) -> bool:
        known_end = end if self._total_bytes is None else min(end, self._total_bytes)
        return self._window_end >= known_end

    def _request(self, end: int) -> None:
        """One request for what is missing up to ``end``; what came before a break is kept."""
        start = self._window_end
        self.requests += 1
        headers = {"Range": f"bytes={start}-{end - 1}"}
        with self._http.get(self.url, headers) as response:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise WeightsError(
                    f"{self.name}: the server compresses what it sends, so that its parts cannot be read",
                    hint=_FETCH_HINT,
                )
            if response.status_code == RANGE_NOT_SATISFIABLE:
                self._note_end(response, start)
                return
            if response.status_code == _PARTIAL_CONTENT:
                self._check_range(response, start)
                skip = 0
            elif response.status_code == _OK:
                self._note_whole(response, end)
                skip = start
            else:
                raise WeightsError(
                    f"{self.name} answers a request for a part with status {response.status_code}",
                    hint=_FETCH_HINT,
                )
            self._receive(response, skip, end)

    def _receive(self, response: httpx.Response, skip: int, end: int) -> None:
        """Keep what comes, up to ``end``, and hang up on the rest."""
        for chunk in response.iter_raw():
            self.bytes_fetched += len(chunk)
            kept = chunk[skip:]
            skip = max(skip - len(chunk), 0)
            self._window += kept[: end - self._window_end]
            if self._window_end >= end:
                return
        if response.status_code == _OK and self._total_bytes is None:
            self._total_bytes = self._window_end  # no length was given, and the body is over

    def _check_range(self, response: httpx.Response, start: int) -> None:
        """Note the total that a partial answer tells, and refuse one for other bytes than were asked for."""
        header = response.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", header)
        if match is None or int(match[1]) != start or int(match[2]) < start:
            raise WeightsError(
                f"{self.name}: the part from byte {start:,} was asked for, and the server answers with "
                f"Content-Range {header!r}",
                hint=_FETCH_HINT,
            )
        if match[3] != "*":
            if int(match[2]) >= int(match[3]):
                raise WeightsError(
                    f"{self.name}: the server's Content-Range {header!r} goes past the file's own end",
                    hint=_FETCH_HINT,
                )
            self._note_total(int(match[3]))
        self._note_etag(response)

    def _note_whole(self, response: httpx.Response, end: int) -> None:
        """Accept the whole file from a server without ranges, if what is needed is near its start."""
        if end > MOST_BYTES_WITHOUT_RANGES:
            raise WeightsError(
                f"{self.name}: the server does not serve parts of a file, and byte {end:,} is needed "
                f"(at most {MOST_BYTES_WITHOUT_RANGES:,} are read from the start)",
                hint=_FETCH_HINT,
            )
        length = response.headers.get("Content-Length", "")
        if length.isdecimal():
            self._note_total(int(length))
        self._note_etag(response)

    def _note_end(self, response: httpx.Response, start: int) -> None:
        """The answer that nothing is at ``start``: it tells where the file ends."""
        header = response.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes \*/(\d{1,18})", header)
        if match is None or int(match[1]) > start:
            raise WeightsError(
                f"{self.name}: the server refuses the part from byte {start:,} with Content-Range {header!r}",
                hint=_FETCH_HINT,
            )
        self._note_total(int(match[1]))

    def _note_total(self, total_bytes: int) -> None:
        if self._total_bytes is not None and self._total_bytes != total_bytes:
            raise WeightsError(
                f"{self.name} had {self._total_bytes:,} bytes, and now has {total_bytes:,}: it was replaced "
                "while it was read, or the server is wrong",
                hint="run the same command again",
            )
        self._total_bytes = total_bytes

    def _note_etag(self, response: httpx.Response) -> None:
        """Halves of two different files must not become one header. Weak tags promise nothing about bytes."""
        etag = response.headers.get("ETag", "")
        if not etag or etag.startswith("W/"):
            return
        if self._etag and etag != self._etag:
            raise WeightsError(
                f"{self.name} was replaced while it was read", hint="run the same command again"
            )
        self._etag = etag
