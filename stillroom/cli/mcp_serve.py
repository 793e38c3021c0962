"""``stillroom mcp serve``: the MCP server, over stdio for an IDE, or over HTTP until it is stopped."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stillroom.cli import options
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms
from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp.server import MCPServer
    from rich.console import Console

    from mcp_server.http.serving import HttpOptions, Listening
    from mcp_server.http.tokens import TokenFile, TokenRecord
    from mcp_server.http.verifier import FileTokenVerifier
    from stillroom.cli.rooms import Rooms
    from stillroom.settings import Settings

Tokens = Annotated[
    Path | None, typer.Option("--tokens", help="The file of tokens; made by stillroom mcp token add.")
]


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(serve)


def serve(
    context: typer.Context,
    library: options.Library = None,
    http: Annotated[bool, typer.Option("--http", help="Listen for HTTP instead of stdin.")] = False,
    host: Annotated[
        str | None, typer.Option(help="Name or address to listen on; 127.0.0.1 if not given.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="8620 if not given; 0 finds a free one.")
    ] = None,
    tokens: Tokens = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A name by which clients call it, such as box.lan; repeatable."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="A web page's origin that may call it, such as https://app.example; repeatable."),
    ] = None,
    trust_proxy: Annotated[
        list[str] | None,
        typer.Option(help="Address of a proxy whose X-Forwarded-For is believed; repeatable."),
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(help="Where clients reach it behind a proxy: https://…/mcp.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain in PEM, to speak TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key in PEM.")] = None,
    access_log: Annotated[
        Path | None, typer.Option(help="Append a line a request to this file instead of stderr.")
    ] = None,
    log_format: Annotated[Literal["text", "json"], typer.Option(help="Of those lines.")] = "text",
    json: options.Json = False,
) -> None:
    """Serve the library, the planner and the agent over MCP; an IDE runs this.

    On stdin and stdout until the client closes them, or with --http until it is stopped.
    """
    given = {
        "--host": host,
        "--port": port,
        "--tokens": tokens,
        "--allow-host": allow_host,
        "--allow-origin": allow_origin,
        "--trust-proxy": trust_proxy,
        "--public-url": public_url,
        "--tls-cert": tls_cert,
        "--tls-key": tls_key,
        "--access-log": access_log,
    }
    if not http:
        _refuse_http_options(given)
        _serve_stdio(open_rooms(context, library=library))
        return
    if (tls_cert is None) != (tls_key is None):
        raise typer.BadParameter("--tls-cert and --tls-key go together")
    rooms = open_rooms(context, library=library, mcp_tokens_file=tokens)

    from mcp_server.http.addresses import DEFAULT_PORT
    from mcp_server.http.exposure import DEFAULT_HOST, Exposure, require_sound
    from mcp_server.http.serving import HttpOptions
    from mcp_server.http.tls import Certificate

    exposure = Exposure(
        host=host or DEFAULT_HOST,
        allowed_hosts=(*(allow_host or ()), *_listed(rooms.settings.mcp_allowed_hosts)),
        allowed_origins=tuple(allow_origin or ()),
        trusted_proxies=tuple(trust_proxy or ()),
        public_url=public_url or "",
    )
    try:
        require_sound(exposure)
    except McpError as error:
        raise typer.BadParameter(error.message) from error
    http_options = HttpOptions(
        exposure=exposure,
        port=DEFAULT_PORT if port is None else port,
        certificate=Certificate(tls_cert, tls_key) if tls_cert and tls_key else None,
        requests_per_minute=rooms.settings.mcp_requests_per_minute,
        access_log=access_log,
        log_format=log_format,
    )
    _serve_http(rooms, http_options, Output(as_json=json))


def token_file(settings: Settings) -> TokenFile:
    """The file of tokens that the settings name."""
    from mcp_server.http.tokens import TokenFile

    return TokenFile((settings.mcp_tokens_file or settings.state_dir / "mcp-tokens.json").expanduser())


def kept_tokens(settings: Settings) -> tuple[TokenRecord, ...]:
    """The tokens of that file.

    Raises:
        McpError: somebody named a file that is not there, or it cannot be used.
    """
    return token_file(settings).read(must_be_there=settings.mcp_tokens_file is not None)


def _refuse_http_options(given: Mapping[str, object]) -> None:
    for option, value in given.items():
        if value is not None:
            raise typer.BadParameter(f"{option} needs --http")


def _serve_stdio(rooms: Rooms) -> None:
    if sys.stdin is None or sys.stdout is None:
        raise McpError(
            "stdin or stdout is closed, and an MCP client speaks over them",
            hint="let an IDE start it: docs/mcp.md",
        )
    from mcp_server.server import serve_stdio

    services = rooms.services()
    serve_stdio(
        services,
        rooms.access,
        jobs=rooms.jobs(services),
        ingest_roots=rooms.ingest_roots,
        warm_up=rooms.warm_up if rooms.settings.mcp_warm_up else None,
    )


def _serve_http(rooms: Rooms, http_options: HttpOptions, output: Output) -> None:
    from agents.background import start_in_background
    from mcp_server.http.serving import serve_http
    from mcp_server.server import build_server, going_on

    def begin(listening: Listening) -> None:
        _tell(listening, output)
        if rooms.settings.mcp_warm_up:
            start_in_background(rooms.warm_up)

    services = rooms.services()
    jobs = rooms.jobs(services)
    ingest_roots = rooms.ingest_roots
    with ExitStack() as working:

        def make_server() -> MCPServer[Any]:
            # Not before: a server that may not listen must not begin with the jobs of another.
            working.enter_context(going_on(jobs))
            return build_server(services, rooms.access, jobs=jobs, ingest_roots=ingest_roots)

        serve_http(
            make_server,
            http_options,
            verifier=_verifier(rooms.settings),
            on_listening=begin,
        )
    output.note("stopped")


def _verifier(settings: Settings) -> FileTokenVerifier:
    from mcp_server.http.tokens import environment_record
    from mcp_server.http.verifier import FileTokenVerifier

    file = token_file(settings)
    kept_tokens(settings)  # a file that others may read is an error now, and not only no token
    token = settings.mcp_token.get_secret_value() if settings.mcp_token else ""
    scopes = _listed(settings.mcp_token_scopes)
    return FileTokenVerifier(file, environment_record(token, scopes) if token else None)


def _tell(listening: Listening, output: Output) -> None:
    data = {
        "url": listening.url,
        "host": listening.host,
        "port": listening.port,
        "token_needed": listening.asks_for_tokens,
        "encrypted": listening.encrypted,
        "pid": os.getpid(),
    }

    def show(console: Console) -> None:
        console.print(f"Stillroom's MCP server listens on {listening.url}", markup=False, soft_wrap=True)
        console.print(_how_to_connect(listening), markup=False, soft_wrap=True)

    from mcp_server.http.exposure import EVERY_ADDRESS, is_loopback_host

    if not listening.asks_for_tokens:
        output.note(
            "No token is asked for: every program of this machine may use it. To ask for one:"
            " stillroom mcp token add NAME, and start it again."
        )
    if not listening.encrypted and not is_loopback_host(listening.host):
        output.note(
            "Tokens travel unencrypted: add --tls-cert and --tls-key, or let only a TLS proxy reach it."
        )
    if listening.certificate_trouble:
        output.note(f"Clients will refuse the certificate: {listening.certificate_trouble}.")
    if listening.host in EVERY_ADDRESS:
        output.note(
            "Clients may call it by any address of this machine and by its name; by another name with"
            " --allow-host NAME."
        )
    # Last: whoever starts the server may end it as soon as it has said where it listens.
    output.result(data, show)
    output.flush()


def _how_to_connect(listening: Listening) -> str:
    token = " --token-variable NAME" if listening.asks_for_tokens else ""
    return f"Connect: stillroom mcp install CLIENT --http {listening.url}{token}"


def _listed(text: str) -> list[str]:
    return [part for part in text.split(",") if part]
