"""Loads in the background, while a person types, what the first question needs: packages, model, library.

What fails here fails again where it is needed, and is told there; that no model answers is told at once.
It does not know what is asked.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from stillroom.errors import StillroomError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.endpoint import Endpoint
    from stillroom.cli.chatting.session import Session

# Any text: the first one that is embedded makes the embedder load its weights.
_SOME_TEXT: Final = "warm"


@dataclass
class Prewarm:
    """What is loaded once.

    Args:
        session: whose parts are loaded.
        tell: is given why no model answers, in the thread that found out.
    """

    session: Session
    tell: Callable[[StillroomError], None] = lambda _: None
    _started: bool = False
    _packages: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin, and return at once; a second call does nothing."""
        if not self._started:
            self._started = True
            threading.Thread(target=self._load, name="stillroom-prewarm", daemon=True).start()

    def wait(self) -> None:
        """Return when the packages are there; the library may still be opening."""
        if self._started:
            self._packages.wait()

    def _load(self) -> None:
        try:
            endpoint = self._endpoint()
            with suppress(StillroomError):
                self._load_packages()
        finally:
            self._packages.set()
        if endpoint is not None:
            with suppress(StillroomError):
                _wake(endpoint)
        with suppress(StillroomError):
            self.session.toolset.begin()
        with suppress(StillroomError):
            self._open_library()

    def _endpoint(self) -> Endpoint | None:
        try:
            return self.session.endpoint()
        except StillroomError as error:
            self.tell(error)
            return None

    def _open_library(self) -> None:
        """Open it and its embedder; a library that is not there is not made."""
        from rag.retrieval.retrieve import search

        rooms = self.session.rooms
        if not self.session.options.no_tools and rooms.settings.library in self.session.libraries():
            search(rooms.library, _SOME_TEXT, rooms.retrieval_options(), limit=1)

    def _load_packages(self) -> None:
        # Imported for what it loads: LangChain's agents, which take seconds.
        from deploy.chat import chat_model

        self.session.toolset.own()
        chat_model(self.session.endpoint(), max_tokens=1)


def _wake(endpoint: Endpoint) -> None:
    """Let Ollama load the model, with the very context that will be asked for.

    The other engines have theirs in memory before they answer at all.
    """
    if endpoint.engine != "ollama":
        return
    from deploy.chat import chat_model
    from deploy.chat_errors import model_errors

    with model_errors(endpoint):
        chat_model(endpoint, max_tokens=1).invoke(_SOME_TEXT)
