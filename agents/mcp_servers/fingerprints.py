"""What a server says of its tools as one value that changes when any of it does, and what changed.

Pure. A server whose tools a person approved can say something else tomorrow, and a model reads what it says.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mcp.types import Tool as ServedTool

# A tool's description, schema and hints, as JSON.
Definition: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One tool that differs from what was approved.

    Attributes:
        lines: what was (``-``) and what is (``+``), as the server wrote it: to be made harmless where shown.
    """

    tool: str
    kind: Literal["added", "removed", "changed"]
    lines: tuple[str, ...] = ()


def definitions_of(served: Iterable[ServedTool]) -> dict[str, Definition]:
    """What a model and a person are told of each tool, by its name."""
    definitions = {
        tool.name: {
            "title": tool.title,
            "description": tool.description,
            "input_schema": tool.input_schema,
            "annotations": (
                tool.annotations.model_dump(mode="json", exclude_none=True) if tool.annotations else {}
            ),
        }
        for tool in served
    }
    # Infinity and NaN, which are no JSON, as their names: else no file could keep what was approved.
    plain: dict[str, Definition] = json.loads(json.dumps(definitions), parse_constant=str)
    return plain


def fingerprint(definitions: Mapping[str, Definition]) -> str:
    """SHA-256 of the definitions; the order of tools and of keys does not matter.

    Example:
        >>> fingerprint({})[:12]
        '44136fa355b3'
    """
    canonical = json.dumps(definitions, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", errors="surrogatepass")).hexdigest()


def changes(before: Mapping[str, Definition], after: Mapping[str, Definition]) -> tuple[Change, ...]:
    """What differs, tool by tool."""
    return tuple(_changes(before, after))


def _changes(before: Mapping[str, Definition], after: Mapping[str, Definition]) -> Iterator[Change]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if old is None:
            yield Change(name, "added", tuple(f"+ {line}" for line in _lines(new or {})))
        elif new is None:
            yield Change(name, "removed", tuple(f"- {line}" for line in _lines(old)))
        else:
            differing = difflib.ndiff(_lines(old), _lines(new))
            yield Change(name, "changed", tuple(line for line in differing if line.startswith(("- ", "+ "))))


def _lines(definition: Definition) -> list[str]:
    """A definition as lines for a person: the description as it is written, the rest as JSON."""
    lines = [
        *(definition.get("title") or "").splitlines(),
        *(definition.get("description") or "").splitlines(),
    ]
    for key in ("input_schema", "annotations"):
        if definition.get(key):
            text = json.dumps({key: definition[key]}, indent=1, sort_keys=True, ensure_ascii=False)
            lines += text.splitlines()[1:-1]
    return lines
