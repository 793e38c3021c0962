"""How MCP servers, their tools and what a person is asked about them look on a terminal.

A server's words are shown so that they can be judged: what cannot be seen is written as its escape.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stillroom.cli.chatting.visible import revealed
from stillroom.cli.pages import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcp.types import Tool as ServedTool
    from rich.console import Console

    from agents.mcp_servers.config import McpConfig, ServerConfig
    from agents.mcp_servers.fingerprints import Change
    from agents.tools import Tool
    from stillroom.cli.mcp_outcomes import ServerRow, ServerTest

_STATE_STYLE: Final = {"ready": "green", "not approved": "yellow", "disabled": "dim", "unusable": "red"}
_APPROVAL: Final = {
    "approved": "approved",
    "changed": "CHANGED since it was approved",
    "none": "not approved",
}
LEFT_OUT: Final = "left out, for it is no tool by the protocol"
_MOST_LINES: Final = 40


def show_servers(console: Console, rows: Sequence[ServerRow], config: McpConfig) -> None:
    """One line a server."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("server", "state"):
        table.add_column(heading, no_wrap=True)
    table.add_column("tools", justify="right")
    table.add_column("reached by", overflow="fold")
    for row in rows:
        style = _STATE_STYLE[row.state]
        count = str(row.approved_tools) if row.approved_tools else ""
        reached = row.problem or row.shown
        table.add_row(Text(revealed(row.name)), Text(row.state, style=style), count, Text(revealed(reached)))
    if rows:
        console.print(table)
    add = config.commands.line("add", "NAME", "--", "COMMAND")
    where = (
        f"from {', '.join(map(str, config.sources))}" if config.sources else f"no mcp.json is there: {add}"
    )
    console.print(Text(where, style="dim"), soft_wrap=True)


def show_tests(console: Console, tests: Sequence[ServerTest]) -> None:
    """What came of starting each."""
    for test in tests:
        mark = {True: ("✓", "green"), False: ("✗", "red"), None: ("–", "yellow")}[test.ok]
        line = Text.assemble(mark, " ", (revealed(test.name), "bold"))
        if test.server:
            line.append(f"  {revealed(test.server)}, MCP {test.protocol}, {counted(test.tools, 'tool')}, ")
            line.append(f"{test.seconds:.2f} s, {_APPROVAL[test.approval]}")
        if test.problem:
            line.append(f"{': ' if test.server else '  '}{revealed(test.problem)}")
        console.print(line, soft_wrap=True)
        for one in test.left_out:
            console.print(Text(f"  {LEFT_OUT}: {revealed(one)}"), soft_wrap=True)
        if test.hint:
            console.print(Text(f"  try: {test.hint}", style="dim"), soft_wrap=True)


def show_tools(console: Console, tools: Sequence[Tool]) -> None:
    """Each tool as a model gets it."""
    for tool in tools:
        kind = "reads" if tool.read_only else "may destroy" if tool.destructive else "writes"
        asks = "asks first" if tool.needs_consent else "runs without asking"
        reach = ", reaches out" if tool.open_world else ""
        console.print(Text.assemble((tool.signature, "bold cyan"), (f"  {kind}{reach}; {asks}", "dim")))
        console.print(Padding(Text(_short(tool.description)), (0, 0, 0, 2)))


def show_server(console: Console, server: ServerConfig) -> None:
    """What would be started or connected to, and where that is written."""
    from agents.mcp_servers.config import Process

    console.print(Text.assemble("MCP server ", (revealed(server.name), "bold"), f", from {server.source}"))
    target = server.target
    rows = {"program" if server.transport == "stdio" else "address": server.shown}
    if isinstance(target, Process):
        rows["in folder"] = str(target.folder)
        rows["with variables"] = ", ".join(target.environment)
    else:
        rows["with headers"] = ", ".join(target.headers)
    rows["runs without asking"] = ", ".join(sorted(server.allowed))
    for heading, words in rows.items():
        if words:
            console.print(Text.assemble((f"  {heading}: ", "dim"), revealed(words)), soft_wrap=True)


def show_offer(console: Console, server: ServerConfig, served: Sequence[ServedTool]) -> None:
    """What a server says of its tools."""
    console.print(Text.assemble((revealed(server.name), "bold"), f" offers {counted(len(served), 'tool')}:"))
    for tool in served:
        hints = tool.annotations.model_dump(exclude_none=True) if tool.annotations else {}
        said = ", ".join(
            f"{key.removesuffix('_hint')}={value}" for key, value in hints.items() if key != "title"
        )
        console.print(Text.assemble("  ", (revealed(tool.name), "bold cyan"), (f"  {said}", "dim")))
        for line in (tool.description or "").strip().splitlines()[:_MOST_LINES]:
            console.print(Padding(Text(f"│ {revealed(line)}"), (0, 0, 0, 4)))


def show_changes(console: Console, server: ServerConfig, changed: Sequence[Change]) -> None:
    """What differs from what was approved."""
    head = f" says something else of its tools than when you approved it ({len(changed)} differ):"
    console.print(Text.assemble((revealed(server.name), "bold"), (head, "yellow")))
    for change in changed:
        console.print(Text.assemble("  ", (revealed(change.tool), "bold cyan"), f" {change.kind}"))
        for line in change.lines[:_MOST_LINES]:
            style = "green" if line.startswith("+") else "red"
            console.print(Padding(Text(revealed(line), style=style), (0, 0, 0, 4)))
        if len(change.lines) > _MOST_LINES:
            console.print(f"    {len(change.lines) - _MOST_LINES} more lines", style="dim")


def show_call(console: Console, tool: Tool, arguments: Mapping[str, Any]) -> None:
    """What is about to run."""
    console.print(Text.assemble((tool.name, "bold yellow"), f" of {revealed(tool.server)}"))
    for name, value in arguments.items():
        shown = revealed(json.dumps(value, ensure_ascii=False))
        console.print(Padding(Text.assemble((f"{revealed(name)}: ", "bold"), shown), (0, 0, 0, 2)))


def _short(text: str) -> str:
    lines = text.strip().splitlines()
    more = f"\n… {len(lines) - _MOST_LINES} more lines" if len(lines) > _MOST_LINES else ""
    return "\n".join(revealed(line) for line in lines[:_MOST_LINES]) + more
