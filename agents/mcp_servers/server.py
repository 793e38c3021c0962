"""One configured server: started when it is needed, started once more when it dies, then given up.

It holds that what a server offers after a second start is what it offered before. Whether a person has
approved that, and how tools are named, is ``servers``'s business.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from agents.mcp_servers.failures import ConnectionLostError, plain_words
from agents.mcp_servers.fingerprints import definitions_of, fingerprint
from agents.mcp_servers.foreign_tools import is_repeatable
from agents.mcp_servers.programs import require_program
from agents.mcp_servers.results import resource_text, to_result
from agents.mcp_servers.session import Session
from agents.mcp_servers.transport import route_to
from stillroom.errors import McpError, ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio.from_thread import BlockingPortal
    from mcp.types import Tool as ServedTool

    from agents.call_context import CallContext
    from agents.mcp_servers.config import ServerConfig
    from agents.tools import ToolResult

# One that ran for so long did not die of being started: it gets its second start again.
_SETTLED_SECONDS: Final = 60.0
_MOST_LISTED: Final = 50


@dataclass
class McpServer:
    """A server of the configuration, and the session with it while there is one.

    Attributes:
        config: how it is reached.
        environment: ours, of which its process is given the harmless part.
        start_seconds: what it may take until its tools are listed.
        call_seconds: what one call may take.
        took_seconds: from its start until its tools were listed.
    """

    config: ServerConfig
    portal: BlockingPortal = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    start_seconds: float
    call_seconds: float
    session: Session | None = field(default=None, repr=False)
    took_seconds: float = 0.0
    _opening: Session | None = field(default=None, repr=False)
    _stopped: bool = False
    _starts_left: int = 1
    _given_up: McpError | None = field(default=None, repr=False)
    # Of starting again: of several threads whose call met the same death one does it.
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    # Held for a moment: what begins to open is known to whoever stops, or does not begin.
    _door: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def served(self) -> tuple[ServedTool, ...]:
        """Its tools, as last listed."""
        return self.session.served if self.session else ()

    @property
    def left_out(self) -> tuple[str, ...]:
        """Tools of its list that are none by the protocol, each with the reason."""
        found = self.session.observed.left_out if self.session else {}
        # The list may be read anew meanwhile, in the loop's thread.
        told = [f"{name} ({why})" for name, why in tuple(found.items())]
        return tuple(plain_words(self.config.secrets.redact(one)) for one in told)

    @property
    def version(self) -> str:
        """What it says that it is: name and version."""
        info = self._live().client.server_info
        return f"{info.name} {info.version}".strip() if info else "a server without a name"

    @property
    def protocol_version(self) -> str:
        """The MCP revision that both sides speak."""
        return self._live().client.protocol_version

    def start(self) -> None:
        """Open a session and list the tools.

        Raises:
            McpError: it cannot be started or reached, or does not answer in time; with what it wrote last.
        """
        began = time.monotonic()
        try:
            self._open("auto")
        except ConnectionLostError:
            if self._stopped:
                raise
            # Some servers end when they are greeted in another way than they know.
            self._open("legacy")
        self.took_seconds = time.monotonic() - began

    def refresh(self) -> None:
        """List the tools again if the server said that they changed.

        Raises:
            McpError: it does not answer.
        """
        if self.session is not None and self.session.stale:
            self.session.refresh()

    def call(self, served: ServedTool, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Call one of its tools.

        Raises:
            ToolError: the tool failed, or the server died and could not be started again, or it died in a
                call that nobody may repeat.
        """
        while True:
            session = self._live()
            was_gone = session.process_ended
            try:
                result = session.call(served.name, arguments, seconds=self._seconds, context=context)
            except ConnectionLostError as lost:
                self._restart(session, lost)
                if lost.sent and not (was_gone or is_repeatable(served)):
                    raise ToolError(
                        f"{self._subject} died in the call of {plain_words(served.name)}; it was started"
                        " again, but whether the call had an effect is not known, so it was not repeated"
                    ) from lost
            else:
                return to_result(plain_words(served.name), result, self.config.secrets)

    def read_resource(self, uri: str) -> str:
        """A resource's text; without an address the resources there are, one a line.

        Raises:
            ToolError: there is no such resource, or the server is gone.
        """
        session = self._live()
        try:
            if not uri:
                return self._listed_resources(session)
            result = session.ask(uri, lambda client: client.read_resource(uri))
        except ConnectionLostError as lost:
            self._restart(session, lost)
            return self.read_resource(uri)
        text = "\n".join(resource_text(part) for part in result.contents)
        return self.config.secrets.redact_result(plain_words(text, limit=len(text)))

    def give_up(self, why: McpError) -> None:
        """Close it; its tools answer with the reason from now on."""
        self._given_up = why
        if self.session is not None:
            self.session.wait_closed()
            self.session = None

    def stop(self) -> None:
        """End the session and the process, and wait for it; it is never started again."""
        with self._door:
            self._stopped = True
            sessions = (self.session, self._opening)
        for session in sessions:
            if session is not None:
                session.wait_closed()

    @property
    def _seconds(self) -> float:
        return self.config.call_seconds or self.call_seconds

    def _live(self) -> Session:
        if self._given_up is not None:
            raise ToolError(self._given_up.message, hint=self._given_up.hint) from self._given_up
        if self.session is None:
            raise ToolError(f"{self._subject} is not started")
        return self.session

    def _open(self, mode: Literal["auto", "legacy"]) -> None:
        """One attempt; until it succeeds, calls meet the session that was lost and wait for this one."""
        require_program(self.config, self.environment)
        route = route_to(self.config.target, self.environment)
        session = Session(
            self.config.name,
            route.transport,
            self.portal,
            mode,
            self.start_seconds,
            self.config.secrets,
            route.observed,
        )
        with self._door:
            if self._stopped:
                raise ConnectionLostError(f"{self._subject} was stopped", sent=False)
            self._opening = session
            opened = session.open()
        try:
            opened.result()
        except McpError as error:
            raise type(error)(self._told(error, session), hint=self._hint) from error
        self.session = session

    def _restart(self, session: Session, lost: ConnectionLostError) -> None:
        """Start it once more, unless another thread did already.

        Raises:
            ToolError: it was stopped, died too often, cannot be started again, or offers something else now.
        """
        with self._lock:
            if self._stopped:
                raise ToolError(f"{self._subject} was stopped") from lost
            if self.session is not session:
                return
            if session.lived_seconds >= _SETTLED_SECONDS:
                self._starts_left = 1
            session.wait_closed()
            told = f"{self._subject} died ({self._told(lost, session)})"
            if self._starts_left == 0:
                self.give_up(McpError(f"{told}; it was started once more, and died again", hint=self._hint))
            else:
                self._starts_left -= 1
                self._start_again(session, told)
            self._live()

    def _start_again(self, session: Session, told: str) -> None:
        """Start it, and give it up where that fails or where it offers something else than before."""
        before = fingerprint(definitions_of(session.served))
        try:
            self.start()
        except McpError as error:
            self.give_up(McpError(f"{told}; starting it again failed: {error.message}", hint=error.hint))
            return
        if fingerprint(definitions_of(self.served)) != before:
            why = f"{self._subject} died, and offers other tools since it was started again"
            self.give_up(McpError(why, hint=self.config.commands.line("approve", self.config.name)))

    @property
    def _subject(self) -> str:
        return f"the MCP server {self.config.name}"

    @property
    def _hint(self) -> str:
        return self.config.commands.line("test", self.config.name)

    def _told(self, error: McpError, session: Session) -> str:
        """The error with what the server wrote last, without secrets."""
        words = session.observed.last_words()
        return error.message + (f"; {plain_words(self.config.secrets.redact(words))}" if words else "")

    def _listed_resources(self, session: Session) -> str:
        """Addresses and names of resources and of templates for them, one a line."""
        resources = session.ask("resources", lambda client: client.list_resources()).resources
        lines = [f"{one.uri}  {one.title or one.name}" for one in resources[:_MOST_LISTED]]
        if len(resources) > _MOST_LISTED:
            lines.append(f"[{len(resources) - _MOST_LISTED} more]")
        try:
            templates = session.ask("templates", lambda client: client.list_resource_templates())
            shown = templates.resource_templates[:_MOST_LISTED]
            lines += [f"{one.uri_template}  {one.title or one.name}" for one in shown]
        except ConnectionLostError:
            raise
        except McpError:  # a server need not have any
            pass
        return plain_words("\n".join(lines)) or "[the server lists no resources]"
