"""A client's configuration as text: which editor reads its format, and what our entries in it are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from mcp_server.installation.entries import Address, input_id, is_ours, token_input
from mcp_server.installation.slot import Slot

if TYPE_CHECKING:
    from mcp_server.installation.client import Client, Format
    from mcp_server.installation.entries import Server


class TextEditor(Protocol):
    """What the modules of the formats have in common; each raises ValueError with line and column."""

    def entries(self, text: str, slot: Slot) -> dict[str, Any]:
        """All entries of the slot's section, by their names and in their order."""

    def put(self, text: str, slot: Slot, value: object) -> str:
        """The text with the entry."""

    def drop(self, text: str, slot: Slot, original: str | None = None) -> str:
        """The text without it."""


def editor(format_name: Format) -> TextEditor:
    """What edits texts of a format."""
    from mcp_server.installation import json_text, toml_text, yaml_text

    editors: dict[Format, TextEditor] = {"json": json_text, "toml": toml_text, "yaml": yaml_text}
    return editors[format_name]


def server_slot(client: Client, name: str) -> Slot:
    """Where a server's entry stands."""
    return Slot(client.section, name, client.id_key, client.skeleton)


def input_slot(name: str) -> Slot:
    """Where VS Code's question for a server's token stands."""
    return Slot(("inputs",), input_id(name), "id")


def with_server(client: Client, text: str, name: str, body: object, server: Server) -> str:
    """The text with the server's entry, and with the question for its token where the client asks.

    Raises:
        ValueError: the text cannot be read.
    """
    edit = editor(client.format)
    text = edit.put(text, server_slot(client, name), body)
    if client.http is None or not client.http.asks:
        return text
    if isinstance(server, Address) and server.token_variable:
        return edit.put(text, input_slot(name), token_input(name))
    return edit.drop(text, input_slot(name), text)  # of an entry that was one by address


def without_server(client: Client, text: str, name: str, original: str | None) -> str:
    """The text without the server's entry; what it was before the first of ours, if nothing else changed.

    Args:
        client: whose file it is.
        text: what is in it.
        name: the server.
        original: what was in it before the first entry of ours; None where there was no file.

    Raises:
        ValueError: the text cannot be read.
    """
    edit = editor(client.format)
    if original is not None and _is_all_that_came(client, text, name, original):
        return original
    if client.http and client.http.asks:
        text = edit.drop(text, input_slot(name), original)
    text = edit.drop(text, server_slot(client, name), original)
    beside = [f"{key}: {value}" for key, value in client.skeleton]
    if original is None and beside and text.split("\n") == [*beside, ""]:
        return ""
    return text


def _is_all_that_came(client: Client, text: str, name: str, original: str) -> bool:
    """Nothing but this server's entry, as it is now, tells the text from the original."""
    edit = editor(client.format)
    body = edit.entries(text, server_slot(client, name)).get(name)
    again = edit.put(original, server_slot(client, name), body)
    if client.http and client.http.asks:
        question = edit.entries(text, input_slot(name)).get(input_id(name))
        if question is not None:
            again = edit.put(again, input_slot(name), question)
    return again == text


def own_names(client: Client, text: str) -> tuple[str, ...]:
    """The names of all entries that are ours.

    Raises:
        ValueError: the text cannot be read.
    """
    found = editor(client.format).entries(text, server_slot(client, ""))
    return tuple(name for name, value in found.items() if is_ours(value, name))
