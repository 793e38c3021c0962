"""What an endpoint can do, on a terminal: the running engine's, and that of a server which the settings name.

The server that the settings name may be down, or ask for a key: then that is shown, and is no failure of the
command that shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from stillroom.errors import StillroomError

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.endpoint import Endpoint
    from stillroom.cli.output import Output
    from stillroom.cli.rooms import Rooms


@dataclass(frozen=True, slots=True)
class NamedEndpoint:
    """The server that ``endpoint_url`` names.

    Attributes:
        url: without a name and password.
        endpoint: what it can do; None where it could not be asked.
        problem: why not.
        mend: the next command or setting.
    """

    url: str
    endpoint: Endpoint | None
    problem: str = ""
    mend: str = ""


def named_endpoint(output: Output, rooms: Rooms, *, anew: bool = False) -> NamedEndpoint | None:
    """Look at the server that the settings name; None where they name none.

    Args:
        output: says that the server is asked, which takes a while where it has to load the model.
        rooms: have the settings.
        anew: ask although it was asked before.
    """
    url = rooms.settings.endpoint_url
    if not url:
        return None
    from stillroom.addresses import shown_address

    shown = shown_address(url)
    try:
        with output.working(f"Asking {shown} what it can do"):
            return NamedEndpoint(shown, rooms.called(rooms.named_endpoint(anew=anew)))
    except StillroomError as error:
        return NamedEndpoint(shown, None, error.message, error.hint)


def summary(endpoint: Endpoint) -> str:
    """What it can do, in one line; of tools also how that was told."""
    found = [item for item in endpoint.capabilities.findings if item.name != "server"]
    words = [
        f"{item.name} {item.value}" + (f" ({item.how})" if item.name == "tools" else "") for item in found
    ]
    return ", ".join(words) or "nobody asked what it can do"


def show_named_endpoint(console: Console, named: NamedEndpoint) -> None:
    """The server that the settings name, or why it could not be asked."""
    if named.endpoint is None:
        console.print(
            f"endpoint_url {named.url}: {named.problem}", style="yellow", markup=False, soft_wrap=True
        )
        console.print(f"try: {named.mend}", markup=False, soft_wrap=True)
        return
    served = f"endpoint_url {named.url}, model {named.endpoint.model}"
    console.print(served, markup=False, soft_wrap=True)
    show_capabilities(console, named.endpoint)


def show_capabilities(console: Console, endpoint: Endpoint) -> None:
    """One line a finding: what, the answer, and how that was told; nothing where nobody asked."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for item in endpoint.capabilities.findings:
        table.add_row(*(escape(text) for text in (item.name, item.value, item.how)))
    if endpoint.capabilities.findings:
        console.print(table)
