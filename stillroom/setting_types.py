"""Types of settings that have a form of their own: a library's name, a list of folders.

It does not know where a value comes from, nor which setting has it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

_LIBRARY_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def library_name(text: str) -> str:
    """The text, if it can name a library, and so a folder.

    Raises:
        ValueError: it cannot; the message says what is needed.

    Example:
        >>> library_name("tea-garden_2")
        'tea-garden_2'
    """
    if not _LIBRARY_NAME.fullmatch(text):
        raise ValueError("a-z, 0-9, - and _ are needed, 64 at most, a letter or digit first")
    return text


def _split_paths(value: object) -> object:
    """A list of paths, or one text as ``PATH`` is written: parted by ``:``, on Windows by ``;``."""
    return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value


LibraryName = Annotated[str, AfterValidator(library_name)]
# NoDecode: a variable's text comes to the validator as it is, not as JSON.
Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split_paths)]
