"""``stillroom mcp install`` and ``clients``: the server's entry in an IDE's own configuration."""

from __future__ import annotations

import difflib
import os
import re
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from stillroom.cli import mcp_install_pages, options
from stillroom.cli.mcp_install_options import refuse_options, served_address
from stillroom.cli.mcp_outcomes import Installation
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms
from stillroom.errors import McpError

if TYPE_CHECKING:
    from mcp_server.installation.client import Client, Scope
    from mcp_server.installation.entries import Address, Command
    from mcp_server.installation.surroundings import Surroundings, System

# RFC 6750, section 2.1. No format writes such a token in another way: it can be hidden in what is shown.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_SYSTEMS: dict[str, System] = {"darwin": "macos", "win32": "windows"}
_HIDDEN = "•••"


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("install")(install)
    group.command("clients")(clients)


def install(
    context: typer.Context,
    client: Annotated[str, typer.Argument(help="The program: stillroom mcp clients lists them.")],
    project: Annotated[
        bool, typer.Option("--project/--user", help="For the project in this folder, or for you everywhere.")
    ] = False,
    name: Annotated[str, typer.Option("--name", help="What the client calls the server.")] = "stillroom",
    library: options.Library = None,
    http: Annotated[
        str | None, typer.Option("--http", metavar="URL", help="A server that runs already, ending in /mcp.")
    ] = None,
    token_variable: Annotated[
        str, typer.Option("--token-variable", help="The variable that holds its token.", show_default=False)
    ] = "",
    write_token: Annotated[
        bool, typer.Option("--write-token", help="Write the token itself where the client reads no variable.")
    ] = False,
    take_place: Annotated[
        bool, typer.Option("--replace", help="Take the place of somebody else's entry of that name.")
    ] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Take the entry out again.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Write the MCP server into a client's configuration; everything else in it stays as it is."""
    from mcp_server.installation.deeplinks import deeplink
    from mcp_server.installation.entries import entry

    chosen = _client(client)
    if uninstall and take_place:
        raise typer.BadParameter("--replace is for an installation; somebody else's entry is never taken out")
    refuse_options(name, http, library, token_variable, write_token=write_token)
    output = Output(as_json=json)
    server: Address | Command
    if http:
        server = _address(chosen, http, "" if uninstall else token_variable, write_token=write_token)
        _warn_of_plain_text(server, output)
    else:
        server = _command(context, library, output, quiet=uninstall)
    done = Installation(
        client=chosen.id,
        title=chosen.title,
        scope="project" if project else "user",
        name=name,
        status="take out" if uninstall else "paste",
        entry=entry(chosen, name, server),
        dry_run=dry_run,
        deeplink="" if uninstall else deeplink(chosen, name, server),
        where=chosen.pasted if uninstall else chosen.paste,
        then="" if uninstall else chosen.then,
    )
    secret = getattr(server, "token", "")
    if not chosen.paste:
        done = _written(
            done, chosen, server, uninstall=uninstall, take_place=take_place, secret=secret, shows_diff=json
        )
    if project and not http and done.status in {"added", "updated"}:
        output.note("it names this machine's paths: whoever shares the project needs an entry of their own")
    if secret:
        done = _without_secret(done, secret)
        output.note(_keep_safe(done))
    output.result(done, lambda console: mcp_install_pages.show_installation(console, done))


def clients(
    name: Annotated[str, typer.Option("--name", help="The server's name, where a file is named by it.")] = (
        "stillroom"
    ),
    json: options.Json = False,
) -> None:
    """List the clients that are known: which are here, where their files are, and which name the server."""
    from mcp_server.installation.installing import look
    from mcp_server.installation.registry import CLIENTS

    around = _surroundings()
    found = [look(client, around, around.environment, name) for client in CLIENTS]
    rows = [
        {
            "id": one.client.id,
            "title": one.client.title,
            "here": one.here,
            "evidence": one.evidence,
            "installed": any(file.names for file in one.files),
            "files": one.files,
            "paste": one.client.paste,
            "http": one.client.http is not None,
            "source": one.client.source,
        }
        for one in found
    ]
    home, project = Path(around.home), Path(around.project)
    Output(as_json=json).result(
        rows, lambda console: mcp_install_pages.show_clients(console, found, home=home, project=project)
    )


def _written(
    done: Installation,
    client: Client,
    server: Address | Command,
    *,
    uninstall: bool,
    take_place: bool,
    secret: str,
    shows_diff: bool,
) -> Installation:
    """What became of the client's file, or would."""
    from mcp_server.installation.installing import apply, locate, plan
    from mcp_server.installation.turns import turn

    around = _surroundings()
    scope: Scope = "project" if done.scope == "project" else "user"
    path = locate(client, scope, around, done.name)
    if path is None:
        raise McpError(
            f"{client.title} has no file for one project's servers", hint=f"stillroom mcp install {client.id}"
        )
    backup = None
    folder = Path(around.project if scope == "project" else around.home)
    with nullcontext() if done.dry_run else turn(folder):
        change = plan(client, path, done.name, server, uninstall=uninstall, replace=take_place)
        if not done.dry_run:
            backup = apply(change, secret=bool(secret))
    return replace(
        done,
        status=change.status,
        path=str(path),
        diff=change.diff() if done.dry_run or shows_diff else "",
        backup=str(backup or ""),
        then=done.then if change.status in {"added", "updated"} else "",
    )


def _client(client_id: str) -> Client:
    from mcp_server.installation.registry import client_ids, find_client

    found = find_client(client_id)
    if found is None:
        near = difflib.get_close_matches(client_id, client_ids(), n=1)
        known = f"did you mean {near[0]}?" if near else f"known are {', '.join(client_ids())}"
        raise typer.BadParameter(f"{client_id!r} is no client that Stillroom knows; {known}")
    return found


def _command(context: typer.Context, library: str | None, output: Output, *, quiet: bool) -> Command:
    """This interpreter, whatever PATH the client has, and the settings that are read here."""
    from mcp_server.installation.entries import Command
    from stillroom.handed_settings import handed_on
    from stillroom.settings import CONFIG_VARIABLE, OWN_CONFIG

    variables, withheld = handed_on(open_rooms(context).settings, context.obj)
    if library is not None:
        rooms = open_rooms(context, library=library)  # refuses a bad name
        if not quiet and not rooms.library_dir.is_dir():
            output.note(f"there is no library {library} yet: stillroom ingest PATH --library {library}")
    if not quiet:
        if variables[CONFIG_VARIABLE] != OWN_CONFIG:
            output.note(f"the server reads its settings from {variables[CONFIG_VARIABLE]}")
        for setting in set(withheld) - {"mcp_token"}:  # which a server on stdin does not ask for
            output.note(f"{setting} holds a secret and is not written down: set it in your stillroom.toml")
        if "archive-v0" in Path(sys.prefix).parts:
            output.note("this Stillroom is in uv's cache, which is cleaned up: uv tool install stillroom")
    # -P: the folder that a client starts servers in is the project's, and must not be searched for modules.
    argv = (sys.executable, "-P", "-m", "stillroom", "mcp", "serve")
    return Command((*argv, *(("--library", library) if library is not None else ())), variables)


def _address(client: Client, url: str, token_variable: str, *, write_token: bool) -> Address:
    from mcp_server.installation.entries import Address, needs_token_itself

    url = served_address(url)
    if client.http is None:
        raise McpError(
            f"{client.title} names no server over HTTP in its configuration",
            hint=f"stillroom mcp install {client.id}",
        )
    server = Address(url, token_variable)
    if not needs_token_itself(client, server):
        return server
    if not write_token:
        raise McpError(
            f"{client.title} reads no variables, so the token itself would stand in its configuration",
            hint="--write-token, if nobody else reads that file",
        )
    token = os.environ.get(token_variable, "")
    if not token:
        raise McpError(f"the variable {token_variable} is not set, and the token is read from it")
    if not _TOKEN.fullmatch(token):
        raise McpError(f"the variable {token_variable} holds something that is no bearer token")
    return Address(url, token_variable, token)


def _warn_of_plain_text(server: Address, output: Output) -> None:
    from deploy.loopback import is_loopback

    if server.token_variable and server.url.startswith("http:") and not is_loopback(server.url):
        host = urlsplit(server.url).hostname
        output.note(f"the token travels unencrypted to {host}: https:// would encrypt it")


def _without_secret(done: Installation, secret: str) -> Installation:
    headers = {key: _HIDDEN if secret in str(value) else value for key, value in done.entry.items()}
    return replace(done, entry=headers, diff=done.diff.replace(secret, _HIDDEN))


def _keep_safe(done: Installation) -> str:
    if not done.path:
        return f"put the token in the place of {_HIDDEN}"
    path = Path(done.path)
    said = f"the token itself stands in {path}: keep it from others"
    open_to_others = path.is_file() and path.stat().st_mode & 0o077
    return f"{said}, who may read it now: chmod 600 {path}" if open_to_others else said


def _surroundings() -> Surroundings:
    from mcp_server.installation.surroundings import Surroundings
    from stillroom.settings import process_environment

    system = _SYSTEMS.get(sys.platform, "linux")
    return Surroundings(system, Path.home(), Path.cwd(), process_environment())
