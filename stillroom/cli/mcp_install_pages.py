"""How an installation into a client, and the clients that are there, look on a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from stillroom.cli.chatting.visible import harmless, revealed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from mcp_server.installation.installing import Found
    from stillroom.cli.mcp_outcomes import Installation

_SAID: Final = {
    "added": "{name} is in {path}",
    "updated": "{name} in {path} is as it should be now",
    "unchanged": "{name} is in {path} already; nothing was changed",
    "removed": "{name} is out of {path}",
    "absent": "{name} is not in {path}; nothing was changed",
}
# More than any path; a table takes no more than it needs.
_WHOLE_LINES: Final = 100_000
_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}


def show_installation(console: Console, done: Installation) -> None:
    """What was done, or what would be."""
    if done.status == "take out":
        said = f"{done.title} keeps its servers to itself. Take {done.name} out in {done.where}."
        console.print(Text(said), soft_wrap=True)
        return
    if done.status == "paste":
        console.print(Text(f"{done.title} keeps its servers to itself. Paste this into {done.where}:"))
        console.print(Text(json.dumps({"mcpServers": {done.name: done.entry}}, indent=2)), soft_wrap=True)
        return
    if done.dry_run:
        _show_diff(console, done.diff)
        said = "nothing was written" if done.diff else "nothing would change"
        console.print(Text(f"{said}: {done.path}", style="dim"), soft_wrap=True)
        return
    console.print(Text(_SAID[done.status].format(name=done.name, path=done.path)), soft_wrap=True)
    if done.backup:
        console.print(Text(f"as it was before: {done.backup}", style="dim"), soft_wrap=True)
    if done.then:
        console.print(Text(done.then), soft_wrap=True)
    if done.deeplink and done.status != "unchanged":
        console.print(Text(f"the same as a link: {done.deeplink}", style="dim"), soft_wrap=True)


def show_clients(console: Console, found: Sequence[Found], *, home: Path, project: Path) -> None:
    """One line a client, and one for each further file."""
    if not console.is_terminal:  # whoever reads a pipe wants lines and paths whole
        console.width = _WHOLE_LINES
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("client", "name", "here", "server"):
        table.add_column(heading, no_wrap=True)
    table.add_column("file", overflow="fold")
    for one in found:
        first = (one.client.id, one.client.title, Text("yes", style="green") if one.here else Text("no"))
        if not one.files:
            table.add_row(*first, "", Text("none: mcp install prints what to paste", style="dim"))
        for index, file in enumerate(one.files):
            server = (
                Text("unreadable", style="red")
                if file.problem
                else Text(revealed(", ".join(file.names)), style="green")
            )
            path = Text(_near(file.path, home, project), style="" if file.exists else "dim")
            table.add_row(*(first if index == 0 else ("", "", "")), server, path)
    console.print(table)
    for problem in (file.problem for one in found for file in one.files if file.problem):
        console.print(Text(harmless(problem), style="yellow"), soft_wrap=True)


def _near(path: Path, home: Path, project: Path) -> str:
    """A path as a person writes it: seen from this folder, or from home."""
    if project in path.parents and project != home:
        return str(Path(path.relative_to(project)))
    return str(Path("~") / path.relative_to(home)) if home in path.parents else str(path)


def _show_diff(console: Console, diff: str) -> None:
    text = harmless(diff)
    if not console.is_terminal:  # for patch, which wants tabs as they are
        console.file.write(text)
        return
    for line in text.splitlines():
        style = "bold" if line.startswith(("---", "+++")) else _STYLES.get(line[:1], "")
        console.print(Text(line, style=style), soft_wrap=True)
