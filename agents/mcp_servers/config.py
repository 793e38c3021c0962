"""Which MCP servers there are: an ``mcp.json`` as Claude, Cursor, Cline and VS Code write it, checked.

A server whose entry is bad is a problem and does not hold up the others. Nothing is started here.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agents.mcp_servers.commands import Commands
from agents.mcp_servers.entry import ServerEntry, misspelt, read_entry
from agents.mcp_servers.expansion import Variables
from agents.mcp_servers.jsonc import parse_jsonc
from agents.mcp_servers.redaction import Secrets, shown_arguments, shown_url
from deploy.small_file import read_small_file
from stillroom.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_BYTES: Final = 1_000_000
_SECTIONS: Final = ("mcpServers", "servers")
_PLAIN_WORD: Final = re.compile(r"(?:[\w@%+=:,./‹›-]|\$\{[\w:]+\})+")
LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class Process:
    """A server that is started, and spoken with over its stdin and stdout.

    Attributes:
        environment: what it is given beside ``environment.inherited``.
        folder: where it runs.
    """

    command: str
    arguments: tuple[str, ...] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    folder: Path


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """A server that runs already and speaks streamable HTTP.

    Attributes:
        headers: sent with each request.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """One server, its values expanded. Neither ``repr`` nor JSON shows a secret.

    Attributes:
        name: the key in the file.
        source: the file.
        shown: the command or the address as the file has it, secrets hidden.
        allowed: names of tools, as the server calls them, that run without asking.
        call_seconds: what one call may take; None for the default.
        identity: SHA-256 of everything that decides what runs; a person's approval is of this.
        commands: what hints about it name.
    """

    name: str
    source: Path
    target: Process | HttpAddress
    shown: str
    identity: str
    disabled: bool = False
    allowed: frozenset[str] = frozenset()
    call_seconds: float | None = None
    secrets: Secrets = field(default=Secrets(), repr=False)
    commands: Commands = field(default=Commands())

    @property
    def transport(self) -> str:
        """``stdio`` or ``http``."""
        return "stdio" if isinstance(self.target, Process) else "http"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a server's tools are not there."""

    server: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class McpConfig:
    """The servers of all files that were read.

    Attributes:
        sources: the files.
        servers: in the order in which they stand there.
        problems: entries that cannot be used.
        commands: what hints about them name.
    """

    sources: tuple[Path, ...] = ()
    servers: tuple[ServerConfig, ...] = ()
    problems: tuple[Problem, ...] = ()
    commands: Commands = field(default=Commands())

    def find(self, name: str) -> ServerConfig:
        """The server of that name.

        Raises:
            SettingsError: there is none, or its entry cannot be used.
        """
        for server in self.servers:
            if server.name == name:
                return server
        for problem in self.problems:
            if problem.server == name:
                raise SettingsError(problem.message, hint=problem.hint)
        if not self.sources:
            raise SettingsError(
                f"there is no MCP server {name!r}: no mcp.json is there",
                hint=f"{self.commands.line('add', name, '--', 'COMMAND')}, or --mcp-config FILE",
            )
        known = ", ".join(self._names()) or "none"
        where = " or ".join(map(str, self.sources))
        raise SettingsError(
            f"there is no MCP server {name!r} in {where}; there are: {known}", hint=self.commands.line("list")
        )

    def _names(self) -> tuple[str, ...]:
        return tuple(server.name for server in self.servers) + tuple(bad.server for bad in self.problems)


def read_config(
    paths: Sequence[Path],
    *,
    environment: Mapping[str, str],
    home: Path,
    workspace: Path,
    commands: Commands = Commands(),  # noqa: B008 - frozen
) -> McpConfig:
    """Read the files that exist, the more trusted one last: its server of a name replaces the others'.

    Args:
        paths: each an ``mcp.json``.
        environment: what ``${NAME}`` refers to.
        home: ``${userHome}``.
        workspace: ``${workspaceFolder}``.
        commands: what hints name.

    Raises:
        SettingsError: a file cannot be read, is no JSON, or names no servers.

    Example:
        >>> read_config([], environment={}, home=Path.home(), workspace=Path.cwd()).servers
        ()
    """
    found: dict[str, ServerConfig | Problem] = {}
    for path in paths:
        for name, value in _entries(path, commands).items():
            variables = Variables(environment, home=home, workspace=workspace)
            found[name] = _server(path, name, value, variables, commands)
    servers = tuple(one for one in found.values() if isinstance(one, ServerConfig))
    problems = tuple(one for one in found.values() if isinstance(one, Problem))
    return McpConfig(tuple(paths), servers, problems, commands)


def _entries(path: Path, commands: Commands) -> dict[str, Any]:
    """What stands under ``mcpServers`` or ``servers``, by name."""
    try:
        text = read_small_file(path, most_bytes=_MOST_BYTES).decode("utf-8")
        document = parse_jsonc(text)
    except FileNotFoundError as error:
        raise SettingsError(
            f"{path} cannot be read: it is not there",
            hint=f"name the file that is, or write it: {commands.line('add', 'NAME', '--', 'COMMAND')}",
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror or error}", hint="name another file with --mcp-config"
        ) from error
    except ValueError as error:  # UnicodeDecodeError is one
        raise SettingsError(f"{path} is no JSON: {error}", hint="mend the file") from error
    sections = [key for key in _SECTIONS if isinstance(document, dict) and key in document]
    if not isinstance(document, dict) or not sections:
        keys = map(str, document) if isinstance(document, dict) else ()
        near = next((f"; is {key!r} meant for it?" for key in keys if misspelt(key, _SECTIONS)), "")
        raise SettingsError(
            f'{path} names no MCP servers: it needs an object with "mcpServers", or "servers" as in VS Code'
            f"{near}",
            hint="docs/mcp-servers.md has an example",
        )
    merged: dict[str, Any] = {}
    for key in sections:
        if not isinstance(document[key], dict):
            raise SettingsError(f"{path}: {key} must be an object of servers by name", hint="mend the file")
        merged |= document[key]
    return merged


def is_server_name(name: str) -> bool:
    """Whether a server may be called so: a person must be able to see and to type it."""
    return name.isprintable() and len(name.strip()) > 0 and len(name) <= LONGEST_NAME


def _server(
    path: Path, name: str, value: object, variables: Variables, commands: Commands
) -> ServerConfig | Problem:
    """One entry, or what is wrong with it."""
    hint = f"mend the file, then {commands.line('list')}"
    if not is_server_name(name):
        shown = f"{name!r:.80}"
        problem = f"{path}: server {shown}: its name needs 1 to {LONGEST_NAME} characters that can be shown"
        return Problem(shown, problem, hint)
    try:
        entry = read_entry(value)
        return replace(_expanded(path, name, entry, variables), commands=commands)
    except ValueError as error:
        return Problem(name, f"{path}: server {name!r}: {error}", hint)


def _expanded(path: Path, name: str, entry: ServerEntry, variables: Variables) -> ServerConfig:
    environment = _each_expanded("env", entry.env_texts(), variables)
    headers = _each_expanded("headers", entry.header_texts(), variables)
    target: Process | HttpAddress
    if entry.command is not None:
        arguments = tuple(_expand("args", text, variables) for text in entry.args)
        command = _expand("command", entry.command, variables)
        # Relative names mean the same wherever stillroom is started: they are seen from the file's folder.
        folder = path.absolute().parent / Path(_expand("cwd", entry.cwd or "", variables)).expanduser()
        target = Process(command, arguments, environment, folder)
        shown = " ".join(_quoted(word) for word in (entry.command, *shown_arguments(entry.args)))
    else:
        url = _expand("url", entry.url or "", variables)
        if not url.startswith(("http://", "https://")):
            # As the file has it: what a variable holds may be a secret, and no more is told than its scheme.
            scheme, is_one, _ = url.partition("://")
            begins = f", which begins with {scheme}://," if is_one else ""
            seen = shown_url(entry.url or "")
            raise ValueError(f"url = {seen!r}{begins} must begin with http:// or https://")
        target = HttpAddress(url, headers)
        shown = shown_url(entry.url or "")
    return ServerConfig(
        name=name,
        source=path,
        target=target,
        shown=shown,
        identity=_identity(name, target, entry, variables.workspace),
        disabled=entry.disabled,
        allowed=frozenset(entry.always_allow),
        call_seconds=entry.call_seconds,
        secrets=Secrets.of({**variables.used, **environment}, headers),
    )


def _quoted(word: str) -> str:
    """As a shell would need it, but for references to variables, which stay readable."""
    return word if word and _PLAIN_WORD.fullmatch(word) else shlex.quote(word)


def _each_expanded(key: str, texts: Mapping[str, str], variables: Variables) -> dict[str, str]:
    return {name: _expand(f"{key}.{name}", text, variables) for name, text in texts.items()}


def _expand(key: str, text: str, variables: Variables) -> str:
    try:
        return variables.expand(text)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def _identity(name: str, target: Process | HttpAddress, entry: ServerEntry, workspace: Path) -> str:
    """What a person's approval is of: all that decides what runs, and what runs without asking.

    Values of the environment and headers count as the file has them: a renewed token is the same server,
    another ``LD_PRELOAD`` is not.
    """
    if isinstance(target, Process):
        what = ["stdio", target.command, *target.arguments, str(target.folder)]
    else:
        what = ["http", target.url]
    environment, headers = entry.env_texts(), entry.header_texts()
    # A variable's value may change; the folder that code is taken from may not.
    where = str(workspace) if any("${workspaceFolder" in text for text in environment.values()) else ""
    parts = [name, what, environment, headers, where, sorted(entry.always_allow)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
