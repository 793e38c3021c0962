"""Folders on the web: a hub's repository, and what lies beside a file on any server.

They make addresses, and know no file's format.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit, urlunsplit

from deploy.checkpoints.http_reader import shown_url
from deploy.checkpoints.model_folder import MOST_DOCUMENT_BYTES
from deploy.checkpoints.remote_file import RemoteFile
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.checkpoints.http_reader import HttpReader

_MOST_PAGES: Final = 100


@dataclass(frozen=True, slots=True)
class HubFolder:
    """A repository of Hugging Face or of a mirror with the same paths.

    Attributes:
        hub_url: for example ``https://huggingface.co``.
        repository: ``OWNER/REPO``.
    """

    http: HttpReader
    hub_url: str
    repository: str
    revision: str = "main"
    _listed: dict[str, int] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The repository's address."""
        return f"{shown_url(self.hub_url).rstrip('/')}/{self.repository}"

    def sizes(self) -> Mapping[str, int]:
        """Every file of the repository, asked for once; the hub's ``tree`` comes in pages of 1000."""
        if not self._listed:
            revision = quote(self.revision, safe="")
            url: str | None = (
                f"{self.hub_url.rstrip('/')}/api/models/{self.repository}/tree/{revision}?recursive=true"
            )
            for _ in range(_MOST_PAGES):
                if url is None:
                    break
                page = self.http.document(url, most_bytes=MOST_DOCUMENT_BYTES)
                self._listed.update(_listed_files(page.body, self.name))
                url = page.next_url
        return self._listed

    def open(self, path: str) -> RemoteFile:
        """A file by its path in the repository."""
        return RemoteFile(self._url(path), http=self.http)

    def document(self, path: str) -> bytes | None:
        """A small file as a whole; None where there is none."""
        return self.http.document_if_there(self._url(path), most_bytes=MOST_DOCUMENT_BYTES)

    def _url(self, path: str) -> str:
        revision = quote(self.revision, safe="")
        return f"{self.hub_url.rstrip('/')}/{self.repository}/resolve/{revision}/{quote(path)}"


@dataclass(frozen=True, slots=True)
class WebFolder:
    """What lies beside a file on a web server, which has no list of it."""

    http: HttpReader
    file_url: str

    @property
    def name(self) -> str:
        """The address of the file that was given."""
        return shown_url(self.file_url)

    def sizes(self) -> None:
        """A web server has no list."""

    def open(self, path: str) -> RemoteFile:
        """The file itself under its own name, with its query; another one beside it."""
        return RemoteFile(self._url(path), http=self.http)

    def document(self, path: str) -> bytes | None:
        """A small file beside it, if the server gives one; storage servers deny what is not there."""
        try:
            return self.http.document_if_there(self._url(path), most_bytes=MOST_DOCUMENT_BYTES)
        except WeightsError:
            if self._url(path) == self.file_url:
                raise
            return None

    @property
    def file_name(self) -> str:
        """The name of the file that was given."""
        return urlsplit(self.file_url).path.rpartition("/")[2]

    def _url(self, path: str) -> str:
        if path == self.file_name:
            return self.file_url
        parts = urlsplit(self.file_url)
        folder = parts.path.rpartition("/")[0]
        return urlunsplit((parts.scheme, parts.netloc, f"{folder}/{quote(path, safe='/%')}", "", ""))


def _listed_files(text: bytes, name: str) -> dict[str, int]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WeightsError(
            f"the list of {name} is no JSON: {error}", hint="check STILLROOM_HUB_URL"
        ) from error
    if not isinstance(entries, list):
        raise WeightsError(f"the list of {name} is no list of files", hint="check STILLROOM_HUB_URL")
    files = (entry for entry in entries if isinstance(entry, dict) and entry.get("type") == "file")
    return {
        file["path"]: file["size"]
        for file in files
        if isinstance(file.get("path"), str) and type(file.get("size")) is int and file["size"] >= 0
    }
