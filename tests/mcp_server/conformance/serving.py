"""Serves what the conformance suite asks for: Stillroom's own server over its own HTTP, and the fixtures.

``python -m tests.mcp_server.conformance.serving LIBRARY_DIRECTORY`` from the repository's root; it prints the
address where it serves.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.services import Services
from deploy.catalog import load_catalog
from mcp_server.http.serving import HttpOptions, Listening, serve_http
from mcp_server.http.tokens import TokenFile
from mcp_server.http.verifier import FileTokenVerifier
from mcp_server.server import build_server
from tests.mcp_server.conformance.fixtures.asking import add_asking_tools
from tests.mcp_server.conformance.fixtures.contents import add_content_tools, add_prompts, add_resources
from tests.mcp_server.conformance.fixtures.rounds import add_rounds
from tests.mcp_server.conformance.fixtures.streams import Events, add_stream_tools
from tests.mcp_server.conformance.fixtures.tools import own_tools
from tests.mcp_server.serving import detect, open_library

if TYPE_CHECKING:
    from mcp.server import MCPServer


def server_with_fixtures(directory: Path) -> MCPServer[Any]:
    services = Services(lambda: open_library(directory), lambda: None, detect, load_catalog)
    server = build_server(services, extra_tools=own_tools())
    add_content_tools(server)
    add_resources(server)
    add_prompts(server)
    add_asking_tools(server)
    add_rounds(server)
    add_stream_tools(server)
    # Stillroom keeps no streams for clients that come back; the suite asks for a server that does.
    kept = partial(server.streamable_http_app, event_store=Events(), retry_interval=100)
    server.streamable_http_app = kept  # type: ignore[method-assign]
    return server


def tell(listening: Listening) -> None:
    sys.stdout.write(f"{listening.url}\n")
    sys.stdout.flush()


def main(directory: Path) -> None:
    serve_http(
        lambda: server_with_fixtures(directory),
        HttpOptions(port=0, requests_per_minute=0),
        verifier=FileTokenVerifier(TokenFile(directory.parent / "no-tokens.json")),
        on_listening=tell,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
