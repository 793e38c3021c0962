"""Why a tool that a person named is not there, and what brings it: a switch, an approval, an entry.

It looks at what is configured and starts nothing.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.mcp_servers.config import Problem
    from agents.mcp_servers.servers import McpServers
    from agents.tools import Tool

_OPTIONS: Final[Mapping[str, str]] = {
    "file_roots": "--file-root FOLDER",
    "web": "--web",
    "python": "--python",
}


class NoSuchToolError(ToolError):
    """The command line names a tool that the chat does not have."""


def missing_tool(name: str, known: Sequence[str], servers: McpServers | None) -> NoSuchToolError:
    """The error for a tool that is not there.

    Args:
        name: as the person wrote it.
        known: the names of those that are.
        servers: the MCP servers, after their tools were asked for; None where they are turned off.
    """
    from agents.toolbox import BEHIND_SWITCHES

    if switch := BEHIND_SWITCHES.get(name):
        option = _OPTIONS[switch]
        return NoSuchToolError(
            f"the tool {name} is switched off: {option} is needed",
            hint=f"stillroom chat {option} --tool {name}, or the setting agent_{switch}",
        )
    if servers is None:
        if "__" in name:
            return NoSuchToolError(
                f"there is no tool {name}: the tools of MCP servers are turned off", hint="leave out --no-mcp"
            )
    else:
        problem = _problem_of(name, servers)
        if problem is not None:
            return NoSuchToolError(f"there is no tool {name}: {problem.message}", hint=problem.hint)
        if "__" in name:
            server = name.partition("__")[0]
            said = f"there is no tool {name}: no MCP server {server!r} is configured"
            return NoSuchToolError(said, hint=servers.config.commands.line("list"))
    hint = _near(name, known) or "stillroom chat --help"
    return NoSuchToolError(f"there is no tool {name}; there are {', '.join(known)}", hint=hint)


def not_to_allow(
    name: str, tools: Sequence[Tool], servers: McpServers | None, *, only: Sequence[str] = ()
) -> NoSuchToolError:
    """The error for a tool that is to run without a yes and is not there.

    Args:
        name: as the person wrote it.
        tools: those that are there.
        servers: the MCP servers, after their tools were asked for; None where they are turned off.
        only: what ``--tool`` names, which leaves no others.
    """
    from agents.toolbox import BEHIND_SWITCHES

    if not only and (name in BEHIND_SWITCHES or "__" in name):
        return missing_tool(name, [tool.name for tool in tools], servers)
    needing = ", ".join(tool.name for tool in tools if tool.needs_consent)
    can = f"those that ask for a yes are {needing}" if needing else "no tool of this chat asks for a yes"
    beside = f" beside --tool {' --tool '.join(only)}" if only else ""
    return NoSuchToolError(f"there is no tool {name} to allow{beside}; {can}", hint="stillroom chat --help")


def _problem_of(name: str, servers: McpServers) -> Problem | None:
    """Why the server that the tool would be of is not there."""
    from agents.mcp_servers.config import Problem
    from agents.mcp_servers.names import prefix_of

    for problem in servers.problems:
        if name.startswith(prefix_of(problem.server)):
            return problem
    for server in servers.config.servers:
        if not name.startswith(prefix_of(server.name)):
            continue
        if server.disabled:
            said = f"the MCP server {server.name} is disabled in {server.source}"
            return Problem(server.name, said, 'take "disabled" out of its entry')
        said = f"the MCP server {server.name} has no such tool"
        return Problem(server.name, said, server.commands.line("tools", server.name))
    return None


def _near(name: str, known: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean --tool {shlex.quote(near[0])}?" if near else ""
