"""What is known of one client: its files, the shape of an entry in them, its install link.

A client is data. Where it differs from others in a way that data cannot say, a function of a few lines stands
in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from mcp_server.installation.surroundings import Surroundings

Format = Literal["json", "toml", "yaml"]
Scope = Literal["user", "project"]
Locate = Callable[[Surroundings], PurePath]
# The name that a project's file gets may be the server's own.
LocateNamed = Callable[[Surroundings, str], PurePath]


@dataclass(frozen=True, slots=True)
class HttpShape:
    """How an entry for a server over HTTP looks.

    Attributes:
        url_key: the member that holds the address.
        type: the value of ``type``; empty where there is none.
        reference: how a token's variable is referred to, with ``{}`` for its name; empty where the client
            fills in no variables, so that only the token itself would do.
        headers: the members that lead to the headers.
        token_key: the member that names the token's variable, instead of a header.
        asks: the client asks the person for the token, by an element of ``inputs``.
    """

    url_key: str = "url"
    type: str = ""
    reference: str = ""
    headers: tuple[str, ...] = ("headers",)
    token_key: str = ""
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """One program that MCP servers are installed into.

    Attributes:
        id: what a person types.
        title: what the program calls itself.
        format: of its files; JSON is read with comments and trailing commas.
        section: the keys that lead to the servers.
        source: where its maker says so.
        user_file: of one person; None where the program has no such file.
        project_file: of one project; None where the program has no such file.
        moved: where the person's file is instead, if this folder is there and that of the first is not.
        moved_wins: even if that of the first is there, which an older version left.
        stdio_type: the value of ``type`` in an entry with a command; empty where there is none.
        http: None where the program reaches no server over HTTP by its file.
        id_key: where servers stand in a list, the member that holds the name.
        extra: further members of an entry with a command.
        skeleton: what a new file needs beside the servers.
        seen: folders that are there where the program is, or was once started.
        programs: names that it has on ``PATH``.
        deeplink: the form of its install link; empty where it has none.
        paste: where a person pastes the entry; for programs without a file.
        then: what is left to do by hand, shown after an installation.
    """

    id: str
    title: str
    format: Format
    section: tuple[str, ...]
    source: str
    user_file: Locate | None = None
    project_file: LocateNamed | None = None
    moved: Locate | None = None
    moved_wins: bool = False
    stdio_type: str = ""
    http: HttpShape | None = None
    id_key: str = ""
    extra: tuple[tuple[str, object], ...] = ()
    skeleton: tuple[tuple[str, str], ...] = ()
    seen: tuple[Locate, ...] = ()
    programs: tuple[str, ...] = ()
    deeplink: Literal["", "vscode", "vscode-insiders", "cursor", "lmstudio"] = ""
    paste: str = ""
    then: str = ""

    @property
    def pasted(self) -> str:
        """Where an entry is once a person has pasted it; empty for programs with a file."""
        return self.paste.removesuffix(" | Add | As JSON")

    def file(self, scope: Scope, around: Surroundings, name: str) -> PurePath | None:
        """Where its entries for one person or one project stand; None where it has no such file."""
        if scope == "project":
            return self.project_file(around, name) if self.project_file else None
        return self.user_file(around) if self.user_file else None
