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

_OPTIONS: Final[Mapping[str, str]] = {
    "file_roots": "--file-root FOLDER",
    "web": "--web",
    "python": "--python",
}


def missing_tool(name: str, known: Sequence[str], servers: McpServers | None) -> ToolError:
    """The error for a tool that is not there.

    Args:
        name: as the person wrote it.
        known: the names of those that are.
        servers: the MCP servers, after their tools were asked for; None where they are turned off.
    """
    from agents.toolbox import BEHIND_SWITCHES

    if switch := BEHIND_SWITCHES.get(name):
        option = _OPTIONS[switch]
        return ToolError(
            f"the tool {name} is switched off: {option} is needed",
            hint=f"stillroom chat {option} --tool {name}, or the setting agent_{switch}",
        )
    if servers is None:
        if "__" in name:
            return ToolError(
                f"there is no tool {name}: the tools of MCP servers are turned off", hint="leave out --no-mcp"
            )
    else:
        problem = _problem_of(name, servers)
        if problem is not None:
            return ToolError(f"there is no tool {name}: {problem.message}", hint=problem.hint)
        if "__" in name:
            server = name.partition("__")[0]
            said = f"there is no tool {name}: no MCP server {server!r} is configured"
            return ToolError(said, hint=servers.config.commands.line("list"))
    hint = _near(name, known) or "stillroom chat --help"
    return ToolError(f"there is no tool {name}; there are {', '.join(known)}", hint=hint)


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
