"""One server as a client's file names it: by the command that starts it, or by its address.

Values in, values out: nothing here knows a file or a setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mcp_server.installation.client import Client, HttpShape

TOKEN_VARIABLE: Final = "STILLROOM_MCP_TOKEN"  # noqa: S105 -- a variable's name
# Of the tokens that `stillroom mcp token add` makes.
TOKEN_PREFIX: Final = "stillroom_"  # noqa: S105 -- what tokens begin with
_PROGRAM: Final = "stillroom"
_OWN_VARIABLES: Final = "STILLROOM_"
# Members that we write: what a person adds beside them stays.
_OURS: Final = frozenset(
    {
        *("type", "name", "command", "args", "env", "url", "httpUrl", "serverUrl"),
        *("headers", "requestOptions", "bearer_token_env_var"),
    }
)
_OWN_NAME: Final = re.compile(rf"{_PROGRAM}([-_].*)?")
_OWN_HEADERS: Final = {"authorization"}
_ADDRESSES: Final = ("url", "httpUrl", "serverUrl")


@dataclass(frozen=True, slots=True)
class Command:
    """A server that the client starts.

    Attributes:
        argv: the program, by its absolute path, and its arguments.
        environment: variables beside those that the client hands on.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Address:
    """A server that runs already.

    Attributes:
        url: where.
        token_variable: the variable that holds the token; empty where none is asked for.
        token: the token itself, for clients that fill in no variables.
    """

    url: str
    token_variable: str = ""
    token: str = field(default="", repr=False)


Server = Command | Address


def entry(client: Client, name: str, server: Server) -> dict[str, Any]:
    """What stands in the client's file for a server.

    Example:
        >>> from mcp_server.installation.registry import find_client
        >>> entry(find_client("cursor"), "stillroom", Command(("/bin/python", "-m", "stillroom")))
        {'command': '/bin/python', 'args': ['-m', 'stillroom']}
    """
    body: dict[str, Any] = {client.id_key: name} if client.id_key else {}
    if isinstance(server, Address):
        return body | (_by_address(client.http, name, server) if client.http else {})
    if client.stdio_type:
        body["type"] = client.stdio_type
    body |= {"command": server.argv[0], "args": list(server.argv[1:])}
    if server.environment:
        body["env"] = dict(server.environment)
    return body | dict(client.extra)


def needs_token_itself(client: Client, server: Server) -> bool:
    """The client's file can name no variable, so that only the token itself would do."""
    shape = client.http
    if shape is None or not isinstance(server, Address) or not server.token_variable:
        return False
    return not (shape.reference or shape.token_key or shape.asks)


def token_input(name: str) -> dict[str, Any]:
    """What makes VS Code ask for the token and keep it in its secret storage."""
    return {
        "type": "promptString",
        "id": input_id(name),
        "description": f"Token of the MCP server {name}",
        "password": True,
    }


def input_id(name: str) -> str:
    """By what the entry refers to that question."""
    return f"{name}-token"


def is_ours(value: object, name: str) -> bool:
    """An entry that starts Stillroom's server; or one by address that refers to our token, or has our name.

    Our name is ``stillroom``, or begins with that and ``-`` or ``_``; such an address ends in ``/mcp``, and
    no header but that of a token is sent there.

    Example:
        >>> is_ours({"command": "/x/python", "args": ["-m", "stillroom", "mcp", "serve"]}, "notes")
        True
        >>> is_ours({"command": "npx", "args": ["-y", "another"]}, "stillroom")
        False
    """
    if not isinstance(value, Mapping):
        return False
    arguments = value.get("args")
    words = [str(value.get("command", "")), *map(str, arguments if isinstance(arguments, list) else [])]
    if any(
        _stem(word) == _PROGRAM and words[at + 1 : at + 3] == ["mcp", "serve"]
        for at, word in enumerate(words)
    ):
        return True
    address = next((str(value[key]) for key in _ADDRESSES if key in value), "")
    if TOKEN_VARIABLE in str(value) or f"${{input:{input_id(name)}}}" in str(value):
        return bool(address)
    if not _OWN_NAME.fullmatch(name):
        return False
    return _is_path_of_ours(address) and _headers(value) <= _OWN_HEADERS


def updated(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of ours as it should be now, with what the person added to it.

    That is every member that we do not write, and variables that are no settings of Stillroom.
    """
    added = {key: value for key, value in old.items() if key not in _OURS}
    variables = old.get("env")
    kept = {
        key: value
        for key, value in (variables.items() if isinstance(variables, Mapping) else ())
        if not str(key).startswith(_OWN_VARIABLES)
    }
    merged = {**new, **added}
    if kept and "command" in new:
        merged["env"] = {**kept, **new.get("env", {})}
    return merged


def _by_address(shape: HttpShape, name: str, server: Address) -> dict[str, Any]:
    body: dict[str, Any] = {"type": shape.type} if shape.type else {}
    body[shape.url_key] = server.url
    if not server.token_variable:
        return body
    if shape.token_key:
        return body | {shape.token_key: server.token_variable}
    reference = (
        f"${{input:{input_id(name)}}}" if shape.asks else shape.reference.format(server.token_variable)
    )
    headers: dict[str, Any] = {"Authorization": f"Bearer {reference or server.token}"}
    for key in reversed(shape.headers):
        headers = {key: headers}
    return body | headers


def _stem(program: str) -> str:
    return program.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".exe")


def _is_path_of_ours(address: str) -> bool:
    try:
        return urlsplit(address).path.rstrip("/").endswith("/mcp")
    except ValueError:  # it is no address
        return False


def _headers(value: Mapping[Any, Any]) -> set[str]:
    options = value.get("requestOptions")
    held = value.get("headers", options.get("headers") if isinstance(options, Mapping) else None)
    return {str(key).lower() for key in held} if isinstance(held, Mapping) else set()
