"""``stillroom mcp list``, ``test``, ``tools``, ``call``: other programs' MCP servers, looked at and tried."""

from __future__ import annotations

import json as json_text
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stillroom.cli import mcp_pages, options
from stillroom.cli.chatting.visible import revealed
from stillroom.cli.mcp_outcomes import ServerRow, ServerTest
from stillroom.cli.output import Output
from stillroom.cli.rooms import Rooms, open_rooms
from stillroom.errors import McpError, StillroomError, ToolError

if TYPE_CHECKING:
    from agents.mcp_servers.config import McpConfig, Problem, ServerConfig
    from agents.mcp_servers.servers import McpServers
    from agents.tools import Tool, ToolResult

ServerName = Annotated[str, typer.Argument(metavar="NAME", help="The server, as mcp.json calls it.")]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("list")(list_servers)
    group.command("test")(try_out)
    group.command("tools")(tools)
    group.command("call")(call)


def list_servers(
    context: typer.Context, mcp_config: options.McpConfig = None, json: options.Json = False
) -> None:
    """List the configured MCP servers and whether you approved them; starts none."""
    rooms = open_rooms(context, mcp_config=mcp_config)
    config, approvals = rooms.mcp_config(), rooms.mcp_approvals()
    rows = []
    for server, approval in zip(config.servers, approvals.of_each(config.servers), strict=True):
        state = "disabled" if server.disabled else "ready" if approval else "not approved"
        count = len(approval.tools) if approval else 0
        source = str(server.source)
        rows.append(ServerRow(server.name, state, server.transport, server.shown, source, count))
    rows += [ServerRow(bad.server, "unusable", "", "", "", 0, bad.message) for bad in config.problems]
    Output(as_json=json).result(rows, lambda console: mcp_pages.show_servers(console, rows, config))


def try_out(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Servers to start.", show_default="all approved ones"),
    ] = None,
    mcp_config: options.McpConfig = None,
    json: options.Json = False,
) -> None:
    """Start MCP servers, all at once, and say what each offers or why it cannot be used."""
    output = Output(as_json=json)
    rooms = open_rooms(context, mcp_config=mcp_config)
    config = rooms.mcp_config()
    wanted = [config.find(name) for name in names or ()] or [
        one for one in config.servers if not one.disabled
    ]
    if not wanted and not config.problems:
        raise McpError(_none_enabled(config), hint=config.commands.line("add", "NAME", "--", "COMMAND"))
    starting = (
        ", ".join(f"{one.name} ({revealed(one.shown)})" for one in wanted)
        if names
        else "the approved MCP servers"
    )
    with rooms.mcp_servers() as servers, output.working(f"starting {starting}"):
        tests = _tested(rooms, servers, wanted, named=bool(names))
    if not names:
        tests += [
            ServerTest(bad.server, ok=False, approval="none", problem=bad.message, hint=bad.hint)
            for bad in config.problems
        ]
    output.result(tests, lambda console: mcp_pages.show_tests(console, tests))
    if any(one.ok is False for one in tests):
        raise typer.Exit(1)


def tools(
    context: typer.Context,
    name: ServerName,
    mcp_config: options.McpConfig = None,
    json: options.Json = False,
) -> None:
    """Start an MCP server and show its tools as the agent would get them."""
    from agents.mcp_servers.servers import tools_of

    output = Output(as_json=json)
    rooms = open_rooms(context, mcp_config=mcp_config)
    config = rooms.mcp_config().find(name)
    with rooms.mcp_servers() as servers:
        server = _started(output, servers, config)
        offered = tools_of(server)
    for one in server.left_out:
        output.note(f"{mcp_pages.LEFT_OUT}: {revealed(one)}")
    rows = [
        {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "read_only": tool.read_only,
            "destructive": tool.destructive and not tool.read_only,
            "open_world": tool.open_world,
            "needs_consent": tool.needs_consent,
        }
        for tool in offered
    ]
    output.result(rows, lambda console: mcp_pages.show_tools(console, offered))


def call(
    context: typer.Context,
    name: ServerName,
    tool: Annotated[
        str, typer.Argument(metavar="TOOL", help="The tool, with or without the server's name in front.")
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARGUMENT]...", help="key=value for each, or one JSON object.", show_default=False
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Run it without asking.")] = False,
    mcp_config: options.McpConfig = None,
    json: options.Json = False,
) -> None:
    """Call a tool of an approved MCP server and print what it gives."""
    output = Output(as_json=json)
    rooms = open_rooms(context, mcp_config=mcp_config)
    server = rooms.mcp_config().find(name)
    given = _arguments(arguments or [], hint=server.commands.line("tools", name))
    if server.disabled:
        raise McpError(
            f"the MCP server {name} is disabled in {server.source}", hint='take "disabled" out of its entry'
        )
    if rooms.mcp_approvals().of(server) is None:
        approve = server.commands.line("approve", name)
        raise McpError(f"the MCP server {name} is not approved, and was not started", hint=approve)
    with rooms.mcp_servers(only=(name,), patient=True) as servers:
        with output.working(f"starting {name}"):
            offered = servers.tools()
        found = _named(offered, server, tool, servers.problems)
        _check(found, given, hint=server.commands.line("tools", name))
        _ask(output, found, given, yes=yes)
        with output.working(f"{found.name} works") as tell:
            result = _called(found, given, tell, hint=server.commands.line("test", name))
    output.result(
        {"text": result.text, "data": dict(result.data)},
        lambda console: console.print(result.text, markup=False, highlight=False, soft_wrap=True),
    )


def _tested(
    rooms: Rooms, servers: McpServers, wanted: list[ServerConfig], *, named: bool
) -> list[ServerTest]:
    """What came of each; a server that nobody named is started only where it was approved."""
    approvals = rooms.mcp_approvals()
    kept = approvals.of_each(wanted)
    may_start = {one.name for one, approval in zip(wanted, kept, strict=True) if named or approval}
    for name in may_start:
        servers.begin(name)
    tests = []
    for config in wanted:
        if config.name not in may_start:
            hint = config.commands.line("approve", config.name)
            tests.append(
                ServerTest(config.name, None, "none", problem="not approved, not started", hint=hint)
            )
            continue
        try:
            tests.append(_test_of(rooms, servers, config))
        except McpError as error:
            tests.append(
                ServerTest(config.name, ok=False, approval="none", problem=error.message, hint=error.hint)
            )
    return tests


def _test_of(rooms: Rooms, servers: McpServers, config: ServerConfig) -> ServerTest:
    from agents.mcp_servers.fingerprints import definitions_of, fingerprint

    server = servers.started(config.name)
    approval = rooms.mcp_approvals().of(config)
    now = fingerprint(definitions_of(server.served))
    state = "none" if approval is None else "approved" if approval.fingerprint == now else "changed"
    # Whoever approved something else gets none of the tools, which is as good as a server that is away.
    withheld = state == "changed"
    return ServerTest(
        config.name,
        ok=not withheld,
        approval=state,
        server=server.version,
        protocol=server.protocol_version,
        tools=len(server.served),
        seconds=round(server.took_seconds, 3),
        left_out=server.left_out,
        problem="its tools are withheld until you approve what changed" if withheld else "",
        hint="" if state == "approved" else config.commands.line("approve", config.name),
    )


def _started(output: Output, servers: McpServers, config: ServerConfig) -> Any:  # noqa: ANN401 (imported late)
    """The server, started; naming it on the command line is the yes to that."""
    with output.working(f"starting {config.name}: {revealed(config.shown)}"):
        return servers.started(config.name)


def _none_enabled(config: McpConfig) -> str:
    where = " and ".join(map(str, config.sources)) or "no mcp.json is there"
    disabled = ", ".join(one.name for one in config.servers)
    only = f" has only disabled ones: {disabled}" if disabled else ""
    return f"no MCP server is configured: {where}{only}"


def _named(offered: tuple[Tool, ...], server: ServerConfig, name: str, problems: tuple[Problem, ...]) -> Tool:
    """The tool of that name.

    Raises:
        McpError: there is none, or a problem keeps it away.
    """
    from agents.mcp_servers.names import tool_names

    wanted = {name, tool_names(server.name, [name])[name]}
    for tool in offered:
        if tool.name in wanted:
            return tool
    for problem in problems:
        raise McpError(problem.message, hint=problem.hint)
    known = ", ".join(tool.name for tool in offered) or "none"
    hint = server.commands.line("tools", server.name)
    raise McpError(f"{server.name} has no tool {name!r}; it has {known}", hint=hint)


def _arguments(words: list[str], *, hint: str) -> dict[str, Any]:
    """One JSON object, or ``key=value`` words; what a value is of, the tool's schema says.

    Raises:
        BadParameter: they are neither, or a key stands twice.
    """
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        try:
            value = json_text.loads(words[0])
        except (ValueError, RecursionError) as error:
            raise typer.BadParameter(f"the arguments are no JSON that can be read: {error}") from error
        if not isinstance(value, dict):
            raise typer.BadParameter("the arguments must be a JSON object")
        return value
    given: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise typer.BadParameter(
                f"{word!r} is no argument: key=value for each, or one JSON object, is needed; "
                f"{hint} names them"
            )
        if key in given:
            raise typer.BadParameter(f"the argument {key!r} stands twice: {given[key]!r} and {value!r}")
        given[key] = value
    return given


def _check(tool: Tool, arguments: dict[str, Any], *, hint: str) -> None:
    """Refuse what cannot run before anybody is asked.

    Raises:
        McpError: the arguments are not what the tool takes.
    """
    try:
        tool.check(arguments)
    except ToolError as error:
        raise McpError(error.message, hint=error.hint or hint) from error


def _ask(output: Output, tool: Tool, arguments: dict[str, Any], *, yes: bool) -> None:
    """Let a person say yes where the tool needs it.

    Raises:
        BadParameter: nobody can be asked.
        McpError: the person said no.
    """
    if yes or not tool.needs_consent:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise typer.BadParameter(f"{tool.name} may change things or reach out: without a terminal, say --yes")
    mcp_pages.show_call(output.stderr, tool, arguments)
    if not typer.confirm("Run it?", err=True):
        raise McpError(f"{tool.name} was not run")


def _called(tool: Tool, arguments: dict[str, Any], tell: Any, *, hint: str) -> ToolResult:  # noqa: ANN401
    from agents.call_context import CallContext

    def progress(message: str, done: float | None) -> None:
        tell(message if done is None else f"{message} ({done:.0%})")

    try:
        return tool.call(arguments, CallContext(progress=progress))
    except StillroomError as error:
        raise McpError(error.message, hint=error.hint or hint) from error
