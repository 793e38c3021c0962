"""Which servers a person has approved, and what each said of its tools then. One small file.

An approval is of a server's identity (what is run, or where it is reached), not of its name, and of the exact
words, schemas and hints of its tools. It does not know how a person is asked.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from agents.mcp_servers.fingerprints import definitions_of, fingerprint
from deploy.rewritten_file import RewrittenFile
from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from mcp.types import Tool as ServedTool

    from agents.mcp_servers.config import ServerConfig

_VERSION: Final = 1
_MOST_BYTES: Final = 64_000_000


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person said yes to.

    Attributes:
        name: of the server, then.
        shown: its command or address, without secrets.
        approved_at: ISO 8601.
        fingerprint: of ``tools``.
        tools: the definitions, by the server's own names of the tools.
    """

    name: str
    shown: str
    approved_at: str
    fingerprint: str
    tools: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _File:
    version: int
    approvals: dict[str, Approval]


@dataclass(frozen=True, slots=True)
class Approvals:
    """The approvals in a file, which need not be there yet.

    Args:
        path: only its owner may read it.
    """

    path: Path

    def of(self, server: ServerConfig) -> Approval | None:
        """The approval of the server as it is configured now.

        Raises:
            McpError: the file is damaged or cannot be read.
        """
        return self._read().get(server.identity)

    def of_each(self, servers: Iterable[ServerConfig]) -> list[Approval | None]:
        """The same of many, for which the file is read once.

        Raises:
            McpError: the file is damaged or cannot be read.
        """
        kept = self._read()
        return [kept.get(server.identity) for server in servers]

    def record(self, server: ServerConfig, served: Sequence[ServedTool], *, now: datetime) -> Approval:
        """Keep a person's yes to the server and to what it says of its tools; it replaces an earlier one.

        Raises:
            McpError: the file cannot be read or written.
        """
        tools = definitions_of(served)
        approval = Approval(
            server.name, server.shown, now.isoformat(timespec="seconds"), fingerprint(tools), tools
        )
        # A server that was approved as something else is that no longer.
        with self._file.locked():
            others = {key: one for key, one in self._read().items() if one.name != server.name}
            self._write({**others, server.identity: approval})
        return approval

    def revoke(self, name: str) -> bool:
        """Forget the approvals of servers of that name; False where there was none.

        Raises:
            McpError: the file cannot be read or written.
        """
        with self._file.locked():
            approvals = self._read()
            kept = {key: one for key, one in approvals.items() if one.name != name}
            if len(kept) == len(approvals):
                return False
            self._write(kept)
        return True

    def _read(self) -> dict[str, Approval]:
        try:
            content = self._file.read()
        except FileNotFoundError:
            return {}
        try:
            file = TypeAdapter(_File).validate_json(content)
        except ValidationError as error:
            raise McpError(
                f"{self.path} is damaged ({error.error_count()} errors)",
                hint="delete it, and approve the servers again: stillroom mcp approve NAME",
            ) from error
        if file.version != _VERSION:
            raise McpError(f"{self.path} has version {file.version}, and {_VERSION} is read")
        return file.approvals

    def _write(self, approvals: dict[str, Approval]) -> None:
        content = json.dumps(asdict(_File(_VERSION, approvals)), ensure_ascii=False, indent=1)
        self._file.write(content.encode("utf-8", errors="replace"))

    @property
    def _file(self) -> RewrittenFile:
        return RewrittenFile(self.path, _MOST_BYTES, McpError)
