"""The schema of a tool's arguments without references: several clients, and models behind them, follow none.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def without_references(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with each definition where it is referred to; as it is where definitions refer to others.

    Example:
        >>> without_references({"items": {"$ref": "#/$defs/P"}, "$defs": {"P": {"type": "null"}}})
        {'items': {'type': 'null'}}
    """
    definitions = schema.get("$defs", {})
    if _refers(definitions):
        return dict(schema)
    return {key: _resolved(value, definitions) for key, value in schema.items() if key != "$defs"}


def _refers(node: Any) -> bool:  # noqa: ANN401 - any node of a JSON schema
    if isinstance(node, dict):
        return "$ref" in node or any(map(_refers, node.values()))
    return isinstance(node, list) and any(map(_refers, node))


def _resolved(node: Any, definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any node of a JSON schema
    if isinstance(node, list):
        return [_resolved(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    beside = {key: _resolved(value, definitions) for key, value in node.items() if key != "$ref"}
    return {**definitions[node["$ref"].rpartition("/")[2]], **beside} if "$ref" in node else beside
