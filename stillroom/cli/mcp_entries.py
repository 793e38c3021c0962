"""``stillroom mcp add`` and ``remove``: servers written into an ``mcp.json``, and taken out of it."""

from __future__ import annotations

import json as json_text
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stillroom.cli import options
from stillroom.cli.mcp_servers import ServerName
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms
from stillroom.errors import McpError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from agents.mcp_servers.commands import Commands


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("add")(add)
    group.command("remove")(remove)


def add(
    context: typer.Context,
    name: ServerName,
    command: Annotated[
        list[str] | None,
        typer.Argument(help="The program and its arguments, after --.", show_default=False),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="The address of a server that speaks streamable HTTP.")
    ] = None,
    env: Annotated[
        list[str] | None, typer.Option("--env", help="KEY=VALUE for the program, such as KEY='${KEY}'.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", help="KEY=VALUE sent with each request to --url.")
    ] = None,
    mcp_config: options.McpConfig = None,
    json: options.Json = False,
) -> None:
    """Write an MCP server into your mcp.json: its command after --, or --url."""
    if bool(command) == bool(url):
        raise typer.BadParameter("name either a command, after --, or --url")
    if (url and env) or (command and header):
        raise typer.BadParameter("--env is for a command, --header for --url")
    entry: dict[str, Any] = (
        {"url": url} if url else {"command": (command or [""])[0], "args": (command or [])[1:]}
    )
    if env:
        entry["env"] = _pairs(env)
    if header:
        entry["headers"] = _pairs(header)
    _check(name, entry)
    path, commands = _path(context, mcp_config)
    document, section = _document(path)
    if name in document[section]:
        raise McpError(f"{path} has a server {name!r} already", hint=commands.line("remove", name))
    document[section][name] = entry
    _write(path, document)
    output = Output(as_json=json)
    output.result(
        {"name": name, "path": str(path)},
        lambda console: console.print(f"{name} is in {path}", markup=False, soft_wrap=True),
    )
    if lacking := _not_handed_on(command or (), entry):
        output.note(
            f"the server will not get {', '.join(lacking)} of this shell; to hand one on, remove it "
            f"and add it with --env '{lacking[0]}=${{{lacking[0]}}}'"
        )
    output.note(f"before the agent may use it: {commands.line('approve', name)}")


def _not_handed_on(command: Sequence[str], entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Our own variables that are set here and that a Stillroom which is started so will not have."""
    from stillroom.settings import PREFIX, process_environment

    if not any(PurePath(word).stem == "stillroom" for word in command):
        return ()
    given = entry.get("env", {})
    return tuple(
        sorted(name for name in process_environment() if name.startswith(PREFIX) and name not in given)
    )


def remove(
    context: typer.Context,
    name: ServerName,
    mcp_config: options.McpConfig = None,
    json: options.Json = False,
) -> None:
    """Take an MCP server out of your mcp.json, and its approval with it."""
    path, _ = _path(context, mcp_config)
    document, section = _document(path)
    if name not in document[section]:
        raise _no_such_server(context, mcp_config, name)
    del document[section][name]
    _write(path, document)
    open_rooms(context).mcp_approvals().revoke(name)
    Output(as_json=json).result(
        {"name": name, "path": str(path)},
        lambda console: console.print(f"{name} is out of {path}", markup=False, soft_wrap=True),
    )


def _no_such_server(context: typer.Context, option: Path | None, name: str) -> McpError:
    """The error; it names the other file that has the server, which is not touched unasked."""
    from agents.mcp_servers.commands import Commands

    path, commands = _path(context, option)
    if not path.exists():
        said = f"{path} is not there, and has no server {name!r}"
    else:
        document, section = _document(path)
        said = f"{path} has no server {name!r}; it has {', '.join(document[section]) or 'none'}"
    config = open_rooms(context, mcp_config=option).mcp_config() if option is None else None
    for server in config.servers if config else ():
        if server.name == name:
            remove_there = Commands(server.source).line("remove", name)
            return McpError(f"{said}; {server.source} has it", hint=remove_there)
    return McpError(said, hint=commands.line("list"))


def _path(context: typer.Context, option: Path | None) -> tuple[Path, Commands]:
    """The file that is set, else the person's own; never that of a project, which is its authors'.

    And the commands that hints about it name.
    """
    from stillroom.settings import own_mcp_config

    rooms = open_rooms(context, mcp_config=option)
    named = rooms.settings.mcp_config
    return (named.expanduser() if named else own_mcp_config()), rooms.mcp_commands


def _document(path: Path) -> tuple[dict[str, Any], str]:
    """What is in the file, and the name of the section with the servers.

    Raises:
        SettingsError: it cannot be read, or writing it again would lose its comments.
    """
    if not path.exists():
        return {"mcpServers": {}}, "mcpServers"
    try:
        document = json_text.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror or error}", hint="name another file with --mcp-config"
        ) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            f"{path} is no plain JSON ({error}), and comments in it would be lost", hint="edit it by hand"
        ) from error
    section = "servers" if isinstance(document, dict) and "servers" in document else "mcpServers"
    if not isinstance(document, dict) or not isinstance(document.setdefault(section, {}), dict):
        raise SettingsError(f"{path}: it must be an object with {section}", hint="edit it by hand")
    return document, section


def _write(path: Path, document: dict[str, Any]) -> None:
    from deploy.small_file import write_whole

    content = json_text.dumps(document, ensure_ascii=False, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.encode(), owner_only=True)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror or error}") from error


def _check(name: str, entry: dict[str, Any]) -> None:
    from agents.mcp_servers.config import LONGEST_NAME, is_server_name
    from agents.mcp_servers.entry import read_entry

    if not is_server_name(name):
        raise typer.BadParameter(
            f"the name {name!r:.80} needs 1 to {LONGEST_NAME} characters that can be shown"
        )
    if not all(character.isalnum() or character in "-_." for character in name):
        raise typer.BadParameter(f"the name {name!r:.80} needs letters, digits, '-', '_' and '.' alone")
    try:
        read_entry(entry)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _pairs(words: list[str]) -> dict[str, str]:
    pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            # What stands there may be the secret itself: it is not repeated.
            raise typer.BadParameter("--env and --header need KEY=VALUE, such as --env 'TOKEN=${TOKEN}'")
        pairs[key] = value
    return pairs
