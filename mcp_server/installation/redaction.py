"""Keeps the secrets of a client's file out of what is shown of it: a person's other servers have theirs, too.

Hidden are the values of ``env`` and headers, whatever they are; all others, in comments as well, by their
look or their name, so that a bare secret of no known look is shown. It errs on the side of hiding, and
changes no number of lines.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from agents.mcp_servers.redaction import is_secret_name
from mcp_server.installation import json_nodes, toml_statements, yaml_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml

    from mcp_server.installation.client import Format
    from mcp_server.installation.json_nodes import Node

HIDDEN: Final = "•••"
# What holds variables or headers, in the files of all clients.
_HOLDERS: Final = frozenset({"env", "environment", "headers", "http_headers"})
# Settings of our own server, which were written down because they are no secrets.
_OWN_SETTINGS: Final = "STILLROOM_"
_BOM: Final = "\ufeff"

_REFERENCE: Final = re.compile(r"(?i:bearer|basic|token)?\s*(?:\$\{+[^}]*\}+|\$\w+|\{env:\w+\})")
# Quoted in one way or the other, or one word, with what kind of token it is before it.
_VALUE: Final = re.compile(
    r"""("(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*'"""
    r"""|(?i:(?:bearer|basic)[ \t]+)?(?:\$\{+[^}\s]*\}+|[^\s"',;{}\[\]]+))"""
)
# A name before its value; an option before the next argument, of a list in brackets or below one another too.
_NAME: Final = re.compile(
    r"""([\w.-]+)["']?\s*[:=]\s*|(--?[\w.-]+)(?:["']?\s*,\s*|["']?\s*\n\s*-\s+|[ \t]+)(?=[^\s-])"""
)
_INLINE: Final = re.compile(
    rf"""(["']?\b(?:{"|".join(sorted(_HOLDERS))})["']?\s*[:=]\s*)"""
    r"""(\{(?:[^{}"']|"(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*')*\})"""
)
_MEMBER: Final = re.compile(rf"""([\w.-]+)(["']?\s*[:=]\s*){_VALUE.pattern}""")
_SENT: Final = re.compile(r"\b((?i:bearer|basic)\s+)[\w.~+/=-]{6,}")
_USER: Final = re.compile(r"(://)[^\s/\"'@]+@")
_QUERY: Final = re.compile(r"([?&]([^=&\s\"']+)=)[^&\s\"'#]+")
# How tokens of this and of other makers begin.
_TOKEN: Final = re.compile(
    r"\b(?:stillroom_|gh[opsu]_|github_pat_|glpat-|sk-|xox[abeprs]-|hf_|npm_|AKIA|AIza|eyJ)[\w.~+/=-]{12,}"
)
_NO_SECRETS: Final = frozenset({"true", "false", "null", "{}", "[]", '""', "''", HIDDEN, f'"{HIDDEN}"'})


def without_secrets(text: str, format_name: Format) -> str:
    r"""A client's file, line for line, with its secrets hidden.

    Args:
        text: that can be read.
        format_name: of the file.

    Example:
        >>> without_secrets('{"a": {"env": {"HOME": "/x"}, "url": "https://me:pw@h/?key=1"}}', "json")
        '{"a": {"env": {"HOME": "•••"}, "url": "https://•••@h/?key=•••"}}'
    """
    start = len(_BOM) if text.startswith(_BOM) else 0
    spans = {"json": _json, "toml": _toml, "yaml": _yaml}[format_name](text[start:])
    bom, text = text[:start], text[start:]
    for low, high in sorted(set(spans), reverse=True):
        text = text[:low] + _hidden(text[low:high]) + text[high:]
    return bom + line_without_secrets(text)


def line_without_secrets(text: str) -> str:
    """Any text with what looks or is named like a secret hidden.

    Example:
        >>> line_without_secrets("npx --api-key=abc https://me:pw@h.example")
        'npx --api-key=••• https://•••@h.example'
    """
    text = _INLINE.sub(lambda found: found[1] + _MEMBER.sub(_member, found[2]), text)
    text = "".join(_without_named(text))
    text = _SENT.sub(rf"\1{HIDDEN}", text)
    text = _USER.sub(rf"\1{HIDDEN}@", text)
    text = _QUERY.sub(lambda found: found[1] + HIDDEN if is_secret_name(found[2]) else found[0], text)
    return _TOKEN.sub(HIDDEN, text)


def _member(found: re.Match[str]) -> str:
    return found[0] if _is_shown(found[1], found[3]) else found[1] + found[2] + _hidden(found[3])


def _without_named(text: str) -> Iterator[str]:
    """The text in parts, without the values whose names say that they are secret."""
    at = 0
    for found in _NAME.finditer(text):
        value = _VALUE.match(text, found.end())
        if value is None or found.start() < at or not _is_secret(found[1] or found[2]) or _is_plain(value[0]):
            continue
        yield text[at : value.start()] + _hidden(value[0])
        at = value.end()
    yield text[at:]


def _is_secret(name: str) -> bool:
    """By its name; what names a variable that holds a secret is none."""
    return is_secret_name(name) and not name.endswith("env_var")


def _is_shown(name: str, value: str) -> bool:
    """Whether a variable or header is no secret."""
    return _is_plain(value) or (name.startswith(_OWN_SETTINGS) and not is_secret_name(name))


def _is_plain(value: str) -> bool:
    """Whether a value is none, or says only where the secret is."""
    return value in _NO_SECRETS or _REFERENCE.fullmatch(value.strip("\"'")) is not None


def _hidden(value: str) -> str:
    """The value hidden, line for line, within its quotes."""
    quote = value[0] if value[:1] in {'"', "'"} and value[-1:] == value[0] and len(value) > 1 else ""
    if "\n" not in value:
        return f"{quote}{HIDDEN}{quote}"
    return "\n".join(HIDDEN + line[len(line.rstrip("\r")) :] for line in value.split("\n"))


def _json(text: str) -> Iterator[tuple[int, int]]:
    root = json_nodes.read_root(text)
    return _json_values(text, root, holds=False) if root else iter(())


def _json_values(text: str, node: Node, *, holds: bool) -> Iterator[tuple[int, int]]:
    for child in node.children:
        inner, held = child.node, holds or child.key.lower() in _HOLDERS
        if inner.children:
            yield from _json_values(text, inner, holds=held)
        elif held and not _is_shown(child.key, text[inner.start : inner.end]):
            yield inner.start, inner.end


def _toml(text: str) -> Iterator[tuple[int, int]]:
    for one in toml_statements.read_statements(text):
        # A table on one line is found by its look.
        if one.value is None or text[one.value] == "{":
            continue
        held = _HOLDERS & {key.lower() for key in one.keys}
        if (held or _is_secret(one.keys[-1])) and not _is_shown(one.keys[-1], text[one.value : one.end]):
            yield one.value, one.end


def _yaml(text: str) -> Iterator[tuple[int, int]]:
    waiting: list[tuple[yaml.Node | None, str, bool]] = [(yaml_nodes.read_root(text), "", False)]
    seen: set[tuple[int, bool]] = set()
    while waiting:
        node, name, held = waiting.pop()
        if node is None or (id(node), held) in seen:  # an alias may stand in itself
            continue
        seen.add((id(node), held))
        if isinstance(node.value, str):
            low, high = node.start_mark.index, node.end_mark.index
            if low < high and (held or _is_secret(name)) and not _is_shown(name, text[low:high]):
                yield low, high
            continue
        for item in node.value:
            key, value = item if isinstance(item, tuple) else (None, item)
            said = name if key is None else str(key.value)
            waiting.append((value, said, held or said.lower() in _HOLDERS))
