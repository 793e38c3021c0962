"""What the settings say of the private library: where it is, what embeds it, and how it is searched.

It opens the library when it is first used, once.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from stillroom.cli.deployment_rooms import DeploymentRooms
from stillroom.errors import LibraryError, StillroomError

if TYPE_CHECKING:
    from pathlib import Path

    from rag.embedders import Embedder
    from rag.embedders.options import EmbedderOptions
    from rag.library import Library
    from rag.retrieval.options import Expansion, RetrievalOptions, Stage
    from rag.retrieval.reranker import Reranker
    from rag.store.chroma_server import ChromaServer
    from rag.store.filters import Filter
    from stillroom.cli.recording import Recording

# The library that a person has who never named one.
_UNNAMED: Final = "default"


@dataclass(frozen=True)
class LibraryRooms(DeploymentRooms):
    """The same, and the library, which may be searched with a model's help."""

    _opened: list[Library | Recording] = field(default_factory=list, repr=False)
    _opening: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @property
    def library_dir(self) -> Path:
        """The folder of the library that the settings name."""
        return self.settings.data_dir / "libraries" / self.settings.library

    @property
    def library(self) -> Library:
        """The library, opened once, whichever thread asks first; ``close`` closes it.

        Raises:
            LibraryError: it is damaged, or was made with another embedder.
            MissingExtraError: the embedder's package is not installed.
        """
        with self._opening:
            return self._library

    @cached_property
    def _library(self) -> Library:
        return self.open_library()

    def require_library(self, typed: str | None) -> None:
        """Stop where a library is named that is not there: only ``ingest`` makes one.

        Args:
            typed: the name on the command line; the settings' own default may be missing, and is empty then.

        Raises:
            LibraryError: there is none of that name.
        """
        from rag.upkeep.overview import find_libraries

        name = self.settings.library
        if typed is None and name == _UNNAMED:
            return
        known = [found.name for found in find_libraries(self.library_dir.parent)]
        if name not in known:
            there_are = f"there are {', '.join(known)}" if known else "there is none yet"
            raise LibraryError(
                f"there is no library {name!r} in {self.library_dir.parent}; {there_are}",
                hint=f"stillroom ingest PATH --library {name}",
            )

    def warm_up(self) -> None:
        """Open what the first search needs, where there is a library and the bundled embedder searches it.

        Other embedders take a graphics card's memory or ask a server, which waits for somebody who searches.
        What cannot be opened is said to whoever searches, so nothing is raised here.
        """
        from rag.embedders import BUNDLED_EMBEDDER
        from rag.store.database import DATABASE_NAME

        if self.settings.embedder != BUNDLED_EMBEDDER or not (self.library_dir / DATABASE_NAME).is_file():
            return
        from rag.retrieval.retrieve import search

        with suppress(StillroomError):
            search(self.library, "warm", limit=1)

    def open_library(self, *, for_rebuild: bool = False) -> Library:
        """Open the library; with ``for_rebuild`` also one that another embedder has indexed."""
        from rag.library import Library

        library = Library.open(
            self.library_dir,
            embedder=self.embedder(),
            for_rebuild=for_rebuild,
            chroma=self.chroma,
        )
        self._opened.append(library)
        return library

    def retrieval_options(
        self, *, stage: Stage = "hybrid", expansion: Expansion | None = None, only: Filter | None = None
    ) -> RetrievalOptions:
        """How to search, as the settings and a command's options say.

        Raises:
            MissingExtraError: the reranker's package is not installed.
            LibraryError: the reranker cannot be loaded.
        """
        from rag.retrieval.options import RetrievalOptions
        from rag.store.filters import Filter

        settings = self.settings
        return RetrievalOptions(
            stage=stage,
            fusion=settings.retrieval_fusion,
            dense_weight=settings.retrieval_dense_weight,
            only=only or Filter(),
            reranker=self.reranker,
            reranked=settings.reranker_passages,
            expansion=expansion,
            endpoint=self.endpoint() if expansion else None,
        )

    @cached_property
    def reranker(self) -> Reranker | None:
        """What judges the first passages again, if the settings name it; loaded once.

        Raises:
            MissingExtraError: its package is not installed.
            LibraryError: it cannot be loaded.
        """
        if not self.settings.reranker:
            return None
        from rag.retrieval.reranker import open_reranker

        return open_reranker(self.settings.reranker, device=self.settings.reranker_device)

    def embedder(self) -> Embedder:
        """What turns text into vectors, as the settings name it.

        Raises:
            MissingExtraError: its package is not installed.
        """
        from rag.embedders import open_embedder

        return open_embedder(
            self.settings.embedder, cache_dir=self.settings.cache_dir, options=self._embedder_options()
        )

    def _embedder_options(self) -> EmbedderOptions:
        from rag.embedders import OLLAMA_PREFIX
        from rag.embedders.options import EmbedderOptions

        settings = self.settings
        key = settings.embedder_api_key
        ollama = settings.ollama_url if settings.embedder.startswith(OLLAMA_PREFIX) else ""
        return EmbedderOptions(
            url=settings.embedder_url or ollama,
            api_key=key.get_secret_value() if key else None,
            device=settings.embedder_device,
            backend=settings.embedder_backend,
            batch_size=settings.embedder_batch_size,
            query_prompt=settings.embedder_query_prompt,
            document_prompt=settings.embedder_document_prompt,
        )

    @property
    def chroma(self) -> ChromaServer | None:
        """The Chroma server that holds the vectors, if the settings name one."""
        from rag.store.chroma_server import ChromaServer

        token = self.settings.chroma_token
        if not self.settings.chroma_url:
            return None
        return ChromaServer(self.settings.chroma_url, token.get_secret_value() if token else None)
