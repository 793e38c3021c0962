"""Whether the program of a configured server is there: looked at before a person is asked, or it is started.

The system's own word for a missing program, a missing folder and a missing interpreter is the same. Nothing
is started here.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from agents.mcp_servers.config import Process
from agents.mcp_servers.environment import inherited
from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.mcp_servers.config import HttpAddress, ServerConfig


def require_program(server: ServerConfig, environment: Mapping[str, str]) -> None:
    """Return if the server's program can be started, as far as can be told; an address always may.

    Raises:
        McpError: its folder or its program is not there, or is no program.
    """
    if missing := what_is_missing(server.target, environment):
        raise McpError(
            f"the MCP server {server.name} cannot be started: {server.secrets.redact(missing)}",
            hint=f"mend it in {server.source}, then {server.commands.line('test', server.name)}",
        )


def what_is_missing(target: Process | HttpAddress, environment: Mapping[str, str]) -> str:
    """Why a program cannot be started, or empty.

    Args:
        target: how the server is reached.
        environment: ours, of which it is given the harmless part: with its ``PATH`` a bare name is found.
    """
    if not isinstance(target, Process):
        return ""
    if not target.folder.is_dir():
        return f"there is no folder {target.folder} to run it in"
    if os.path.dirname(target.command):  # noqa: PTH120  (Path would drop the "./" that makes it a path)
        # Seen from the folder that it runs in.
        program = target.folder / target.command
        if not program.is_file():
            return f"there is no program {target.command}"
        return "" if os.access(program, os.X_OK) else f"{target.command} is no program that may be run"
    given = {**inherited(environment), **target.environment}
    if shutil.which(target.command, path=given.get("PATH")) is None:
        return f"there is no program {target.command!r} on the PATH"
    return ""
