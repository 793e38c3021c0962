"""A real Chroma server: a library keeps its vectors there, and loses nothing when it does not answer."""

from __future__ import annotations

import gc
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from deploy.ports import accepts_connections, free_port
from rag.ingesting.ingest import ingest, rebuild
from rag.library import Library
from rag.retrieval.retrieve import retrieve
from rag.store.chroma_server import ChromaServer, delete_collection
from stillroom.errors import EnvironmentUnfitError, LibraryError
from tests.deploy.raw_server import raw_server, reply
from tests.processes import wait_until

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from rag.embedders import Embedder
    from tests.deploy.raw_server import Request

COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
CHROMA = Path(sys.executable).with_name("chroma")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    """A server of its own, as ``chroma run`` starts it."""
    port = free_port()
    process = subprocess.Popen(
        [CHROMA, "run", "--path", str(tmp_path_factory.mktemp("chroma")), "--port", str(port)],
        stdout=subprocess.DEVNULL,
    )
    try:
        assert wait_until(lambda: accepts_connections("127.0.0.1", port))
        yield ChromaServer(f"http://127.0.0.1:{port}", token="never printed")
    finally:
        process.kill()
        process.wait()


def collections(server: ChromaServer) -> list[str]:
    listed = httpx.get(f"{server.url}{COLLECTIONS}", timeout=60).raise_for_status()
    return [collection["name"] for collection in listed.json()]


def test_a_library_is_searched_through_a_server(
    tmp_path: Path, folder: Path, embedder: Embedder, server: ChromaServer
) -> None:
    with Library.open(tmp_path / "library", embedder=embedder, chroma=server) as library:
        ingest(library, [folder])
        assert library.counts().vectors == 2
        assert retrieve(library, "知识蒸馏")[0].passage.document_title == "知识蒸馏"
        (folder / "attention.md").unlink()
        ingest(library, [folder])
        assert library.counts().vectors == 1
    assert not (tmp_path / "library" / "chroma.sqlite3").exists()
    assert not list((tmp_path / "library").glob("indexes/*/vectors"))


def test_a_rebuild_leaves_one_collection_and_two_libraries_have_their_own(
    tmp_path: Path, folder: Path, embedder: Embedder, server: ChromaServer
) -> None:
    before = collections(server)
    with Library.open(tmp_path / "one", embedder=embedder, chroma=server) as library:
        ingest(library, [folder])
        rebuild(library)
        with Library.open(tmp_path / "two", embedder=embedder, chroma=server) as other:
            ingest(other, [folder / "attention.md"])
            assert (library.counts().vectors, other.counts().vectors) == (2, 1)
    assert len(collections(server)) == len(before) + 2


def test_vectors_move_to_a_server_and_come_back_without_reading_a_file(
    tmp_path: Path, folder: Path, embedder: Embedder, server: ChromaServer
) -> None:
    with Library.open(tmp_path / "library", embedder=embedder) as library:
        ingest(library, [folder])
    for path in folder.iterdir():
        path.unlink()
    for home in (server, None):
        with Library.open(tmp_path / "library", embedder=embedder, chroma=home) as library:
            assert retrieve(library, "grouped-query attention")
            assert library.counts().vectors == 2


def test_a_server_that_lost_the_collection_gets_it_again(
    tmp_path: Path, folder: Path, embedder: Embedder, server: ChromaServer
) -> None:
    with Library.open(tmp_path / "library", embedder=embedder, chroma=server) as library:
        ingest(library, [folder])
    (index,) = (tmp_path / "library" / "indexes").iterdir()
    httpx.delete(f"{server.url}{COLLECTIONS}/stillroom-{index.name}", timeout=60).raise_for_status()
    with Library.open(tmp_path / "library", embedder=embedder, chroma=server) as library:
        assert retrieve(library, "grouped-query attention")


def test_a_server_that_does_not_answer_is_named_and_costs_nothing(
    tmp_path: Path, folder: Path, embedder: Embedder, server: ChromaServer
) -> None:
    with Library.open(tmp_path / "library", embedder=embedder, chroma=server) as library:
        ingest(library, [folder])
        (name,) = [path.name for path in (library.directory / "indexes").iterdir()]
    port = free_port()
    nobody = ChromaServer(f"http://me:hush@127.0.0.1:{port}")
    with Library.open(tmp_path / "library", embedder=embedder, chroma=nobody) as library:
        with pytest.raises(
            EnvironmentUnfitError, match=f"no Chroma server answers at http://127.0.0.1:{port}"
        ) as caught:
            retrieve(library, "attention")
        assert "chroma run" in caught.value.hint
        assert "hush" not in caught.value.message
        assert len(library.documents()) == 2
    with Library.open(tmp_path / "library", embedder=embedder, chroma=server) as library:
        assert retrieve(library, "attention")
        assert [path.name for path in (library.directory / "indexes").iterdir()] == [name]


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, "AuthorizationError", "refuses the token"),
        (404, "NotFoundError", "has lost the library's collection"),
        (500, "InternalError", "refuses: "),
    ],
)
def test_a_refusal_names_the_server_without_the_password_in_its_address(
    tmp_path: Path, status: int, kind: str, said: str
) -> None:
    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(reply({"error": kind, "message": "no"}, status=status))

    with raw_server(answer) as refusing:
        named = ChromaServer(refusing.url.replace("://", "://me:hush@"))
        with pytest.raises(LibraryError) as caught:
            delete_collection(tmp_path, named)
    assert f"the Chroma server {refusing.url} {said}" in caught.value.message
    assert "hush" not in caught.value.message + caught.value.hint


def test_a_closed_library_leaves_no_connection_to_the_garbage_collector(
    tmp_path: Path, folder: Path, embedder: Embedder, server: ChromaServer
) -> None:
    gc.collect()  # what other tests left is no concern of this one
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        with Library.open(tmp_path / "library", embedder=embedder, chroma=server) as library:
            ingest(library, [folder])
            rebuild(library)
            assert retrieve(library, "attention")
        del library
        # Python warns of a connection that it finds open.
        gc.collect()
    assert [str(one.message) for one in told if one.category is ResourceWarning] == []


def test_the_token_is_never_shown(server: ChromaServer) -> None:
    assert "never printed" not in repr(server)
