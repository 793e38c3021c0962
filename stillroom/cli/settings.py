"""``stillroom settings``: every setting, its value now, and what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from stillroom.cli import options
from stillroom.cli.output import Output
from stillroom.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="This machine")(settings)


def settings(context: typer.Context, json: options.Json = False) -> None:
    """Show every setting, its value now and the variable that sets it."""
    from stillroom.settings import PREFIX, Settings, load_settings

    output = Output(as_json=json)
    wrong = ""
    try:
        values = load_settings(config=context.obj)
    except SettingsError as error:
        # This is where the other commands send whoever has set one wrongly: it shows what there is.
        wrong, values = error.message, Settings.model_construct()
    rows = [
        {
            "name": name,
            "value": _shown(getattr(values, name)),
            "variable": PREFIX + name.upper(),
            "meaning": field.description or "",
        }
        for name, field in Settings.model_fields.items()
    ]

    def show(console: Console) -> None:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("setting", no_wrap=True)
        table.add_column("value", overflow="fold")
        table.add_column("meaning")
        for row in rows:
            table.add_row(str(row["name"]), escape(str(row["value"])), str(row["meaning"]))
        console.print(table)
        console.print(f"\nSet one as {PREFIX}NAME, or as a line of stillroom.toml.", style="dim")

    output.result(rows, show)
    if wrong:
        output.note(f"{wrong}. Above are the defaults.")
        raise typer.Exit(1)


def _shown(value: object) -> str | int:
    """A value as text; a secret only as whether it is set."""
    from pydantic import SecretStr

    from stillroom.handed_settings import written

    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "(set)"
    return value if isinstance(value, int) else written(value)
