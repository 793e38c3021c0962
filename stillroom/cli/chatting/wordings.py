"""The sentences of a chat in a person's language; the other language is not imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from stillroom.cli.chatting.texts import Texts


def texts_in(language: Literal["en", "zh"]) -> Texts:
    """The texts of a language."""
    if language == "zh":
        from stillroom.cli.chatting.chinese import CHINESE

        return CHINESE
    from stillroom.cli.chatting.english import ENGLISH

    return ENGLISH
