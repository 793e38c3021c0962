"""What may be typed after ``stillroom mcp install``: nothing that is ignored, and no secret in its place.

It decides by the options alone, and reads no file and no setting.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import typer

# What every client takes as a name, and TOML as a bare key. Not ``-x``, which looks like an option, and not
# ``__proto__``, which is no key like others to programs in JavaScript.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# What every shell takes as a variable's name.
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Beyond these a client reads another address than a person does.
_ADDRESS = re.compile(r"https?://[!-~]+", re.ASCII | re.IGNORECASE)


def refuse_options(
    name: str, http: str | None, library: str | None, token_variable: str, *, write_token: bool
) -> None:
    """Return if each option that was given has an effect, and none holds what must not be written down.

    Raises:
        BadParameter: one has none, the name is none, or the token's variable is no variable.
    """
    from mcp_server.installation.entries import TOKEN_PREFIX

    if not _NAME.fullmatch(name):
        raise typer.BadParameter(
            f"--name {name!r}: letters, digits, - and _ are allowed, 64 at most, a letter or digit first"
        )
    if http == "":
        raise typer.BadParameter(
            "--http: an address such as http://127.0.0.1:8620/mcp is needed, not nothing"
        )
    if http and library is not None:
        raise typer.BadParameter(
            "--library is for a server that the client starts; the one at --http serves its own library"
        )
    if token_variable and not http:
        raise typer.BadParameter("--token-variable is for --http")
    if write_token and not token_variable:
        raise typer.BadParameter(
            "--write-token writes the token that --token-variable names; both are for --http"
        )
    # What it is instead may be a token that somebody pasted: it is not repeated.
    if token_variable and (
        not _VARIABLE.fullmatch(token_variable) or token_variable.startswith(TOKEN_PREFIX)
    ):
        raise typer.BadParameter(
            "--token-variable is the name of a variable that holds the token, such as STILLROOM_MCP_TOKEN,"
            " and never the token itself; letters, digits and _ are allowed, and no digit comes first"
        )


def served_address(url: str) -> str:
    """The address of a server over HTTP, without a slash at its end.

    Raises:
        BadParameter: it is none, or something stands in it that belongs elsewhere, which is not repeated.

    Example:
        >>> served_address("https://box.example/mcp/")
        'https://box.example/mcp'
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:  # of urllib's own words the address, or its secret, could be one
        raise typer.BadParameter("--http: the address has a bad host or port; 1 to 65535 is one") from error
    if parts.username is not None or parts.password is not None:
        raise typer.BadParameter("--http: a name or a password in an address is seen by everybody")
    if "?" in url or "#" in url:
        raise typer.BadParameter(
            "--http: nothing follows the path, neither ? nor #: a token is never in the address, and"
            " --token-variable names the variable that holds it"
        )
    if not _ADDRESS.fullmatch(url) or "\\" in url or not parts.hostname or port == 0:
        raise typer.BadParameter(f"--http {url!r}: an address such as http://127.0.0.1:8620/mcp is needed")
    if not parts.path.strip("/"):
        raise typer.BadParameter(f"--http {url!r}: its path is missing, most often /mcp")
    return url.rstrip("/")
