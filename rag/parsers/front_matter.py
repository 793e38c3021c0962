"""What a Markdown file says of itself above its text: YAML between ``---`` lines, or TOML between ``+++``.

Only plain values and lists of them are kept, as they are written. Nothing here is executed or resolved.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_YAML: Final = re.compile(r"\A\s*---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE | re.DOTALL)
_TOML: Final = re.compile(r"\A\s*\+\+\+[ \t]*\n(.*?)^\+\+\+[ \t]*(?:\n|\Z)", re.MULTILINE | re.DOTALL)

# No front matter is longer; a file of "---" lines has none.
_MAX_CHARACTERS = 20_000

# What generators of pages call the same thing.
_KEYS: Final = {
    "title": "title",
    "author": "author",
    "authors": "author",
    "date": "date",
    "created": "created",
    "published": "date",
    "modified": "modified",
    "updated": "modified",
    "lastmod": "modified",
    "tags": "tags",
    "tag": "tags",
    "keywords": "tags",
    "categories": "tags",
    "description": "description",
    "summary": "description",
    "subject": "subject",
    "language": "language",
    "lang": "language",
}


def front_matter(text: str) -> tuple[int, Mapping[str, str]]:
    r"""How many characters of ``text`` are front matter, and what it says; lists are joined by ``, ``.

    Example:
        >>> front_matter("---\ntitle: Cache\ntags: [gpu, memory]\n---\n# One\n")
        (41, {'title': 'Cache', 'tags': 'gpu, memory'})
    """
    head = text[:_MAX_CHARACTERS]
    if match := _YAML.match(head):
        return match.end(), _kept(_yaml(match.group(1)))
    if match := _TOML.match(head):
        return match.end(), _kept(_toml(match.group(1)))
    return 0, {}


def _yaml(text: str) -> object:
    import yaml

    # The base loader makes no dates, numbers or objects: only strings, lists and mappings.
    try:
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (it constructs strings only)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def _toml(text: str) -> object:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _kept(said: object) -> Mapping[str, str]:
    kept: dict[str, str] = {}
    for name, value in said.items() if isinstance(said, dict) else ():
        values = value if isinstance(value, list) else [value]
        plain = [" ".join(str(each).split()) for each in values if not isinstance(each, (dict, list))]
        if (key := _KEYS.get(str(name).lower())) and any(plain):
            kept.setdefault(key, ", ".join(filter(None, plain)))
    return kept
