"""The dense index on a Chroma server (``chroma run``) instead of in a folder.

A library has a collection for itself there, named after its index, which no other library has. The truth and
the words stay on this machine: the server holds nothing that cannot be made again.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from rag.store.vectors import VectorIndex
from stillroom.addresses import shown_address
from stillroom.errors import EnvironmentUnfitError, LibraryDamagedError, LibraryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from chromadb.api.client import Client

_PREFIX = "stillroom-"
_PORT = 8000
# Chroma's client waits for ever; a batch of 5,000 vectors takes a server some seconds.
_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ChromaServer:
    """Where a Chroma server answers.

    Attributes:
        url: such as ``http://127.0.0.1:8000``; printed as ``address``.
        token: sent as a bearer token; never printed.
    """

    url: str
    token: str | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """``url`` as messages show it: without a name and password."""
        return shown_address(self.url)


class ServedVectorIndex(VectorIndex):
    """A collection on a Chroma server, in cosine space.

    Raises:
        EnvironmentUnfitError: nobody answers there.
        LibraryError: the server refuses.
    """

    def __init__(self, directory: Path, server: ChromaServer) -> None:
        self._server = server
        super().__init__(directory)

    def close(self) -> None:
        """Let go of the connection."""
        super().close()
        for session in _sessions(self._client):
            session.close()

    def _connect(self) -> tuple[Client, str]:
        return _client(self._server), _collection_name(self._directory.parent)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        with _translated(self._server):
            yield


def open_vectors(directory: Path, server: ChromaServer | None) -> VectorIndex:
    """The dense index of the pair of indexes whose folder ``directory`` is in."""
    return VectorIndex(directory) if server is None else ServedVectorIndex(directory, server)


def delete_collection(index: Path, server: ChromaServer) -> None:
    """Remove what the server holds for the pair of indexes in that folder; nothing where it holds nothing."""
    from chromadb.errors import NotFoundError

    with _translated(server):
        client = _client(server)
        try:
            with contextlib.suppress(NotFoundError):
                client.delete_collection(_collection_name(index))
        finally:
            client.close()
            for session in _sessions(client):
                session.close()


def _collection_name(index: Path) -> str:
    return f"{_PREFIX}{index.name}"


def _client(server: ChromaServer) -> Client:
    import chromadb
    import httpx
    from chromadb.config import Settings

    parts = urlsplit(server.url)
    client = chromadb.HttpClient(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or (443 if parts.scheme == "https" else _PORT),
        ssl=parts.scheme == "https",
        headers={"Authorization": f"Bearer {server.token}"} if server.token else None,
        settings=Settings(anonymized_telemetry=False),
    )
    served = cast("Client", client)
    for session in _sessions(served):
        session.timeout = httpx.Timeout(_TIMEOUT_SECONDS)
    return served


def _sessions(client: Client) -> tuple[httpx.Client, httpx.Client]:
    """The connections of a client: its own, and the one over which it asks whether the database is there.

    They are this client's alone; its ``close`` leaves them open, and nothing else leads to them (Chroma 1.5).
    """
    opened = cast("Any", client)
    return opened._server._session, opened._admin_client._server._session  # noqa: SLF001


@contextlib.contextmanager
def _translated(server: ChromaServer) -> Iterator[None]:
    """Chroma's errors as ours; a collection that is not there is a lost index, which is made again."""
    import httpx
    from chromadb.errors import AuthorizationError, ChromaError, NotFoundError

    try:
        yield
    except NotFoundError as error:
        raise LibraryDamagedError(
            f"the Chroma server {server.address} has lost the library's collection ({error})",
            hint="stillroom library repair",
        ) from error
    except AuthorizationError as error:
        raise LibraryError(
            f"the Chroma server {server.address} refuses the token", hint="STILLROOM_CHROMA_TOKEN=TOKEN"
        ) from error
    except ChromaError as error:
        raise LibraryError(
            f"the Chroma server {server.address} refuses: {error}",
            hint=f"curl {server.address}/api/v2/heartbeat",
        ) from error
    # ValueError is how its client says that nobody answers, or that what answers is no Chroma.
    except (httpx.HTTPError, ValueError) as error:
        raise EnvironmentUnfitError(
            f"no Chroma server answers at {server.address} ({error})",
            hint="chroma run --path FOLDER, or STILLROOM_CHROMA_URL= for an index in the library's folder",
        ) from error
