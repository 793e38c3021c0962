"""How a JSON text is laid out, and new values written like it. It changes no text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from mcp_server.installation.slot import line_ending

if TYPE_CHECKING:
    from mcp_server.installation.json_nodes import Node

BLANKS: Final = " \t"
# The indentation where a text has none to follow.
_UNIT: Final = "  "


class Layout:
    """One text's line ending, its indentation, and what stands on one line.

    Args:
        text: all of it.
        root: its value; None where it holds nothing yet.
    """

    def __init__(self, text: str, root: Node | None) -> None:
        self.text = text
        self.ending = line_ending(text)
        self.root = root
        outer = self.indent_at(root.start) if root else ""
        indents = (self.indent_at(child.start) for child in root.children) if root else ()
        self.unit = next((units for indent in indents if (units := indent.removeprefix(outer))), _UNIT)

    def indent_at(self, position: int) -> str:
        """The blanks that start the position's line."""
        start = self.text.rfind("\n", 0, position) + 1
        line = self.text[start:position].lstrip("\ufeff")
        return line[: len(line) - len(line.lstrip(BLANKS))]

    def starts_line(self, position: int) -> bool:
        """Nothing but blanks stands before the position on its line, which is not the first."""
        start = self.text.rfind("\n", 0, position) + 1
        return start > 0 and not self.text[start:position].strip(BLANKS)

    def is_inline(self, holder: Node) -> bool:
        """What is added to a container on one line stands on that line, if there is anything on it."""
        return any(
            node is not None and node.children and "\n" not in self.text[node.start : node.end]
            for node in (holder, self.root)
        )

    def child_indent(self, holder: Node) -> str:
        """The blanks before a further child: those of the last one that starts a line, else one step more."""
        indents = [self.indent_at(c.start) for c in holder.children if self.starts_line(c.start)]
        return indents[-1] if indents else self.indent_at(holder.start) + self.unit

    def written(self, value: object, indent: str, *, inline: bool) -> str:
        """A value as JSON; its lines but the first are indented, and a list stands on one line."""
        if inline or not isinstance(value, dict) or not value:
            return self._listed(value, indent, inline=inline)
        inner = f"{self.ending}{indent}{self.unit}"
        members = [
            f"{json.dumps(key, ensure_ascii=False)}: {self.written(item, indent + self.unit, inline=False)}"
            for key, item in value.items()
        ]
        return "{" + inner + f",{inner}".join(members) + self.ending + indent + "}"

    def _listed(self, value: object, indent: str, *, inline: bool) -> str:
        if inline or not isinstance(value, list) or not any(isinstance(item, dict) for item in value):
            return json.dumps(value, ensure_ascii=False)
        inner = f"{self.ending}{indent}{self.unit}"
        items = [self.written(item, indent + self.unit, inline=False) for item in value]
        return "[" + inner + f",{inner}".join(items) + self.ending + indent + "]"
