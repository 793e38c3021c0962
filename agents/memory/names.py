"""What a conversation may be called: a name that a person types, says and finds again.

Letters and digits of any script, so that Chinese names are names. It knows no conversations.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from stillroom.errors import ConversationError

# Longer than that is a sentence, and does not fit a line of ``stillroom conversations list``.
MOST_NAME_CHARACTERS: Final = 64
_MARKS: Final = frozenset(" -_.,'()")


def checked_name(name: str) -> str:
    """The name in Unicode's composed form, without blanks around it.

    Raises:
        ConversationError: it is empty, too long, or has a character that a name cannot have.

    Example:
        >>> checked_name(" 税务 2026 ")
        '税务 2026'
    """
    composed = unicodedata.normalize("NFC", name).strip(" ")
    hint = "such as --conversation taxes-2026"
    if not composed:
        raise ConversationError("the name of a conversation is empty", hint=hint)
    if len(composed) > MOST_NAME_CHARACTERS:
        raise ConversationError(
            f"the name has {len(composed)} characters; at most {MOST_NAME_CHARACTERS} are allowed", hint=hint
        )
    if not composed[0].isalnum():
        raise ConversationError(
            f"the name {name!r} begins with {composed[0]!r}; it needs a letter or a digit there", hint=hint
        )
    for character in composed:
        if not (_is_letter(character) or character in _MARKS):
            allowed = " ".join(sorted(_MARKS - {" "}))
            raise ConversationError(
                f"the name {name!r} has {character!r}; allowed are letters, digits, blanks and {allowed}",
                hint=hint,
            )
    return composed


def _is_letter(character: str) -> bool:
    """Letters and digits; marks too, which some scripts write their vowels with."""
    return character.isalnum() or unicodedata.category(character) in {"Mn", "Mc"}
