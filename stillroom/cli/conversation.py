"""The last conversation of ``stillroom ask``, kept in the state directory so that ``--continue`` can go on.

It holds the questions as they stood alone and the beginnings of the answers, of the last few turns; only its
owner may read it. What is made of them is not known here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from deploy.private_files import make_private_folder
from deploy.small_file import read_small_file, write_whole
from stillroom.errors import EnvironmentUnfitError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rag.answering.followup import Turn

_FILE_NAME: Final = "conversation.json"
_VERSION: Final = 1
# More turns than a follow-up leans on, and of each answer more than is told of it.
_MOST_TURNS: Final = 8
_MOST_ANSWER_CHARACTERS: Final = 2_000
_MOST_BYTES: Final = 256 * 1024


def read_turns(state_dir: Path, library: Path) -> tuple[Turn, ...]:
    """The turns of the last conversation, oldest first.

    Args:
        state_dir: where it is kept.
        library: the directory of the library that is asked now.

    Raises:
        EnvironmentUnfitError: there is none, it was with another library, or its file cannot be used.
    """
    from rag.answering.followup import Turn

    path = state_dir / _FILE_NAME
    new = "leave out --continue to begin a new one"
    try:
        kept = json.loads(read_small_file(path, most_bytes=_MOST_BYTES))
        told = kept["library"]
        turns = tuple(Turn(_text(turn["question"]), _text(turn["answer"])) for turn in kept["turns"])
    except FileNotFoundError as error:
        raise EnvironmentUnfitError("there is no conversation to continue", hint=new) from error
    except OSError as error:
        raise EnvironmentUnfitError(f"{path} cannot be read: {error.strerror}", hint=new) from error
    except (ValueError, TypeError, LookupError) as error:
        raise EnvironmentUnfitError(f"{path} holds no conversation of ours", hint=new) from error
    if told != str(library):
        raise EnvironmentUnfitError(
            f"the last conversation was with the library {told}, and this is {library}",
            hint=f"{new}, or name that library with --library",
        )
    return turns


def keep_turns(state_dir: Path, library: Path, turns: Sequence[Turn]) -> None:
    """Keep a conversation in the place of the last one.

    Raises:
        OSError: it cannot be written.
    """
    kept = [
        {"question": turn.question, "answer": turn.answer[:_MOST_ANSWER_CHARACTERS]}
        for turn in turns[-_MOST_TURNS:]
    ]
    content = {"version": _VERSION, "library": str(library), "turns": kept}
    make_private_folder(state_dir)
    write_whole(state_dir / _FILE_NAME, json.dumps(content, ensure_ascii=False).encode(), owner_only=True)


def _text(value: object) -> str:
    """The value, which must be a text.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, str):
        raise TypeError(value)
    return value
