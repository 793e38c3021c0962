"""What the ``stillroom mcp`` commands tell of servers and installations, as a page or as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One line of ``mcp list``.

    Attributes:
        state: ``ready`` (approved and enabled), ``not approved``, ``disabled`` or ``unusable``.
        approved_tools: how many tools were approved.
    """

    name: str
    state: str
    transport: str
    shown: str
    source: str
    approved_tools: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ServerTest:
    """What came of starting one server.

    Attributes:
        ok: it was started, and its tools may be used or were not judged yet; None where it was not tried.
        approval: ``approved``, ``changed`` (its tools differ from what was approved) or ``none``.
        seconds: from its start until its tools were listed.
        left_out: tools in its list that are none by the protocol, each with the reason.
    """

    name: str
    ok: bool | None
    approval: str
    server: str = ""
    protocol: str = ""
    tools: int = 0
    seconds: float = 0.0
    left_out: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    """What ``mcp install`` did, or would do.

    Attributes:
        status: ``added``, ``updated``, ``unchanged``, ``removed``, ``absent``; for a program
            without a file ``paste`` or ``take out``.
        path: the file; empty for a program that has none.
        backup: the copy of the file as it was before; empty where none is needed.
        diff: what changes, as ``diff -u`` shows it.
        where: where the entry is pasted or taken out, for a program without a file.
        then: what is left to do by hand.
    """

    client: str
    title: str
    scope: str
    name: str
    status: str
    entry: dict[str, Any]
    dry_run: bool
    path: str = ""
    backup: str = ""
    diff: str = ""
    deeplink: str = ""
    where: str = ""
    then: str = ""
