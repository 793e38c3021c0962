"""Writes a conversation to a file that a person names: Markdown, or JSON where the name ends in ``.json``.

A file that is there is never touched, and a new one is its owner's alone. How a conversation reads as
Markdown is ``agents.memory.export``'s business.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.private_files import write_new_private
from stillroom.cli.output import jsonable

if TYPE_CHECKING:
    from agents.memory.conversations import KeptConversation

_SUFFIX_JSON: Final = ".json"


def save(kept: KeptConversation, typed: str, *, now: datetime) -> Path:
    """Write the conversation; the file's path.

    Args:
        kept: what is written.
        typed: a path; empty for one in the working directory, named after the conversation and the time.
        now: of that name.

    Raises:
        FileExistsError: it is there already.
        OSError: it cannot be written.
    """
    path = Path(typed).expanduser() if typed else Path(f"{kept.overview.name}-{now:%Y%m%d-%H%M%S}.md")
    if path.suffix.lower() == _SUFFIX_JSON:
        content = json.dumps(jsonable(kept), ensure_ascii=False, indent=2) + "\n"
    else:
        from agents.memory.export import to_markdown

        content = to_markdown(kept)
    write_new_private(path, content.encode())
    return path.absolute()
